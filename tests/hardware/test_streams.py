"""Every fault of a stream is an input here: late, missing, repeated, out of order, clocks set."""

import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.contract_file import load_contract
from hardware.stream import Counts, Stream
from hardware.streams import Streams

PERIOD, MAX_AGE, LATENCY = 0.01, 0.1, 0.002


def stream(
    name: str = "joint_states", max_age: float = MAX_AGE, period: float = PERIOD, keep: float = 0.5
) -> Stream:
    return Stream(name, max_age, period, keep)


def fill(into: Stream, start: float, stop: float, latency: float = LATENCY) -> None:
    """Regular messages with stamps in [start, stop); the value is the stamp."""
    for index in range(round((stop - start) / into.period)):
        stamp = start + index * into.period
        into.push(stamp, stamp + latency, stamp)


def test_a_regular_stream_is_fresh_and_counts_no_fault() -> None:
    joints = stream()
    fill(joints, 10.0, 12.0)
    assert joints.fault(12.0) is None
    assert joints.counts == Counts(received=200)
    assert joints.rate(12.0) == pytest.approx(100)


def test_a_stream_that_never_came_is_stale() -> None:
    joints = stream()
    assert joints.fault(0.0) == "joint_states has not come yet"
    assert joints.newest() is None
    assert joints.at(1.0) is None
    assert joints.rate(0.0) == 0


def test_silence_is_stale_beyond_the_limit_and_not_before() -> None:
    joints = stream()
    joints.push(1.0, 1.0, "q")
    assert joints.fault(1.0 + 0.99 * MAX_AGE) is None
    assert joints.fault(1.15) == "joint_states is silent for 150 ms, its limit is 100 ms"
    assert joints.rate(1.15) == 0


def test_what_comes_late_is_stale_although_it_just_came() -> None:
    joints = stream()
    fill(joints, 1.0, 2.0, latency=0.3)
    fault = joints.fault(2.3)
    assert fault is not None
    assert "310 ms old by its stamp" in fault
    assert joints.counts.late == 100


def test_a_driver_that_does_not_stamp_is_named() -> None:
    joints = stream()
    joints.push(0.0, 1.7e9, "q")
    assert joints.fault(1.7e9) == (
        "joint_states is 1700000000 s old by its stamp, its limit is 100 ms: "
        "its driver has no stamps"
    )


def test_stamps_ahead_of_our_clock_are_a_fault() -> None:
    joints = stream()
    joints.push(5.5, 5.0, "q")
    fault = joints.fault(5.0)
    assert fault is not None
    assert "500 ms ahead of our clock" in fault


@given(st.integers(1, 50))
def test_a_gap_between_stamps_counts_what_is_missing(missing: int) -> None:
    joints = stream()
    fill(joints, 0.0, 0.1)
    joints.push(0.09 + (missing + 1) * PERIOD, 1.0, "after")
    assert joints.counts.dropped == missing


@given(st.lists(st.floats(-0.45, 0.45), min_size=2, max_size=50))
def test_jitter_below_half_a_period_is_no_drop(jitter: list[float]) -> None:
    joints = stream()
    for index, shift in enumerate(jitter):
        stamp = (index + shift / 2) * PERIOD
        joints.push(stamp, stamp, index)
    assert joints.counts == Counts(received=len(jitter))


def test_a_driver_that_repeats_its_last_message_goes_stale() -> None:
    joints = stream()
    joints.push(1.0, 1.0, "frozen")
    for index in range(20):
        assert not joints.push(1.0, 1.0 + index * PERIOD, "frozen")
    assert joints.counts.repeated == 20
    assert joints.fault(1.2) == "joint_states is silent for 200 ms, its limit is 100 ms"


def test_a_value_never_goes_back_in_time() -> None:
    joints = stream()
    assert joints.push(1.0, 1.0, "a")
    assert joints.push(1.02, 1.02, "c")
    assert not joints.push(1.01, 1.03, "b")
    newest = joints.newest()
    assert newest is not None
    assert newest.value == "c"
    assert (joints.counts.out_of_order, joints.counts.dropped) == (1, 1)


def test_stray_messages_far_behind_are_no_clock() -> None:
    joints = stream()
    fill(joints, 1.0, 2.0)
    for stamp in (1.2, 1.2, 1.1):
        assert not joints.push(stamp, 2.0, "stray")
    fill(joints, 2.0, 2.1)
    assert joints.counts.clock_jumps == 0
    assert joints.counts.out_of_order == 3
    assert joints.fault(2.1) is None


def test_our_clock_set_back_begins_the_stream_anew() -> None:
    joints = stream()
    fill(joints, 50.0, 50.2)
    assert joints.fault(0.0) is not None
    assert joints.push(0.0, LATENCY, "first")
    assert joints.fault(LATENCY) is None
    assert joints.counts.clock_jumps == 1
    assert joints.at(100.0) == joints.newest()


def test_the_clock_of_the_source_set_back_is_stale_until_it_is_right_again() -> None:
    joints = stream()
    fill(joints, 50.0, 50.2)
    for index in range(3):
        joints.push(20.0 + index * PERIOD, 50.2 + index * PERIOD, index)
    fault = joints.fault(50.23)
    assert fault is not None
    assert "its clock is behind" in fault
    assert joints.counts.clock_jumps == 1
    fill(joints, 50.3, 50.4)
    assert joints.fault(50.4) is None


def test_at_finds_the_last_value_that_is_not_newer() -> None:
    joints = stream()
    fill(joints, 0.0, 0.3)
    found = joints.at(0.2049)
    assert found is not None
    assert found.stamp == pytest.approx(0.20)
    exact = joints.at(found.stamp)
    assert exact == found
    assert joints.at(-0.001) is None


def test_memory_is_bounded_by_time() -> None:
    joints = stream(keep=0.2)
    fill(joints, 0.0, 10.0)
    assert joints.at(9.7) is None
    assert joints.at(9.85) is not None
    assert len(joints._samples) <= 22


def test_one_thread_may_push_while_another_reads() -> None:
    joints, errors, pushed = stream(keep=100.0), [], threading.Event()

    def read() -> None:
        try:
            while not pushed.is_set():
                joints.at(-1.0)
        except RuntimeError as error:
            errors.append(error)

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    reader = threading.Thread(target=read)
    reader.start()
    fill(joints, 0.0, 200.0)
    pushed.set()
    reader.join()
    sys.setswitchinterval(usual)
    assert errors == []


@pytest.mark.parametrize("option", ["max_age", "period", "keep"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_a_limit_must_be_above_zero(option: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{option} of joint_states is {value}"):
        Stream("joint_states", **({"max_age": 1.0, "period": 1.0} | {option: value}))


def observed(camera_phase: float = 0.0) -> Streams:
    """Joints at 100 Hz and a camera at 20 Hz, both up to 2.0 s."""
    streams = Streams([stream(), stream("images/front", period=0.05, max_age=0.15)])
    fill(streams["joint_states"], 1.0, 2.0)
    fill(streams["images/front"], 1.0 + camera_phase, 2.0 + camera_phase, latency=0.01)
    return streams


@given(st.floats(0.0, 0.049), st.floats(0.0, 0.04))
def test_a_set_is_the_newest_picture_and_the_joints_of_that_moment(
    phase: float, later: float
) -> None:
    aligned = observed(phase).align(2.0 + later)
    assert aligned.whole
    stamps = {name: sample.stamp for name, sample in aligned.samples.items()}
    assert aligned.stamp == pytest.approx(min(1.95 + phase, 1.99))
    assert all(0 <= aligned.stamp - stamp < 0.05 + 1e-9 for stamp in stamps.values())
    assert aligned.stamp - stamps["joint_states"] < PERIOD + 1e-9
    assert aligned.ages == {name: 2.0 + later - stamp for name, stamp in stamps.items()}


def test_a_late_picture_that_is_apart_makes_no_set_older() -> None:
    streams = Streams([stream(), stream("images/front", period=0.05, max_age=0.15)])
    fill(streams["joint_states"], 1.0, 2.0)
    fill(streams["images/front"], 1.0, 1.9, latency=0.1)
    joints, picture = "joint_states", "images/front"
    assert streams.align(2.0).stamp == pytest.approx(1.85)
    aligned = streams.align(2.0, apart={picture})
    assert aligned.whole
    assert aligned.stamp == aligned.samples[joints].stamp == pytest.approx(1.99)
    assert aligned.samples[picture].stamp == pytest.approx(1.85)
    assert "silent" in streams.align(2.2, apart={picture}).faults[picture]


def test_a_stale_stream_is_named_and_left_out_and_the_others_go_on() -> None:
    streams = observed()
    fill(streams["joint_states"], 2.0, 2.3)
    aligned = streams.align(2.3)
    assert not aligned.whole
    assert list(aligned.samples) == ["joint_states"]
    assert aligned.stamp == pytest.approx(2.29)
    assert aligned.faults == {
        "images/front": "images/front is silent for 340 ms, its limit is 150 ms"
    }
    assert streams.faults(2.3) == aligned.faults


def test_without_any_fresh_stream_there_is_no_set() -> None:
    aligned = observed().align(9.0)
    assert aligned.samples == {}
    assert aligned.stamp != aligned.stamp
    assert set(aligned.faults) == {"joint_states", "images/front"}


def test_joints_missing_around_the_picture_are_a_gap() -> None:
    streams = Streams([stream(), stream("images/front", period=0.05, max_age=0.15)])
    fill(streams["joint_states"], 1.0, 1.9)
    fill(streams["joint_states"], 1.96, 2.0)
    fill(streams["images/front"], 1.0, 2.0)
    aligned = streams.align(2.0)
    assert aligned.faults == {
        "joint_states": "joint_states has a gap: nothing in the last 60 ms of the set"
    }
    assert streams.faults(2.0) == {}


def test_one_lost_message_is_within_the_slack() -> None:
    streams = Streams([stream(), stream("images/front", period=0.05, max_age=0.15)])
    fill(streams["joint_states"], 1.0, 1.94)
    fill(streams["joint_states"], 1.96, 2.0)
    fill(streams["images/front"], 1.0, 2.0)
    aligned = streams.align(2.0)
    assert aligned.whole
    assert aligned.samples["joint_states"].stamp == pytest.approx(1.93)


def test_a_stream_that_just_began_has_nothing_from_before() -> None:
    streams = Streams([stream(), stream("images/front", period=0.05, max_age=0.15)])
    fill(streams["images/front"], 1.0, 2.0)
    fill(streams["joint_states"], 1.97, 2.0)
    assert "nothing from before 1.950 s" in streams.align(2.0).faults["joint_states"]


def test_the_streams_of_a_robot_are_those_of_its_contract() -> None:
    streams = Streams.of(load_contract("twin"))
    assert streams.names == (
        "joint_states",
        "wrench",
        "extra/block",
        "images/front",
        "images/wrist",
    )
    assert streams["images/front"].period == pytest.approx(0.05)
    assert streams["images/front"].max_age == pytest.approx(0.15)
    assert streams["joint_states"].max_age == pytest.approx(0.1)


def test_an_unknown_stream_is_answered_with_the_names() -> None:
    with pytest.raises(KeyError, match="no stream 'images/top'; choose from joint_states, images"):
        observed()["images/top"]


def test_streams_have_names_of_their_own() -> None:
    with pytest.raises(ValueError, match="each its own name"):
        Streams([stream(), stream()])
