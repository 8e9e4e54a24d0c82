"""The loop's pace on a clock that is moved by hand: late, early, set, and standing still."""

import gc
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from hardware.pacer import Jitter, Monotonic, Pacer

PERIOD = 0.002


class Hand:
    """A clock that is where it was put; sleeping moves it, a little too far if it is told to."""

    def __init__(self) -> None:
        self.time = 5.0
        self.oversleeps = 0.0
        self.looks_up = False

    def now(self) -> float:
        return self.time

    def sleep_until(self, when: float) -> None:
        if not self.looks_up:
            self.time = max(self.time, when) + self.oversleeps


@pytest.fixture
def clock() -> Hand:
    return Hand()


def test_ticks_are_one_period_apart(clock: Hand) -> None:
    pacer = Pacer(PERIOD, clock)
    times = [pacer.wait() for _ in range(100)]
    np.testing.assert_allclose(np.diff(times), PERIOD)
    assert (pacer.ticks, pacer.overruns, pacer.skipped) == (100, 0, 0)
    assert pacer.jitter() == pytest.approx(Jitter(0, 0, 0), abs=1e-9)


def test_what_passes_before_the_loop_begins_is_no_delay(clock: Hand) -> None:
    pacer = Pacer(PERIOD, clock)
    clock.time += 3.0
    assert pacer.wait() == pytest.approx(8.0 + PERIOD)
    assert (pacer.overruns, pacer.skipped, pacer.jitter().worst) == (0, 0, pytest.approx(0))


def test_a_late_tick_is_counted_and_does_not_move_the_next(clock: Hand) -> None:
    pacer = Pacer(PERIOD, clock)
    first = pacer.wait()
    clock.oversleeps = 0.7 * PERIOD
    pacer.wait()
    clock.oversleeps = 0.0
    assert pacer.wait() == pytest.approx(first + 2 * PERIOD)
    assert pacer.overruns == 1
    assert pacer.jitter().worst == pytest.approx(0.7 * PERIOD)


def test_work_that_takes_long_is_made_up_for(clock: Hand) -> None:
    pacer = Pacer(PERIOD, clock)
    first = pacer.wait()
    clock.time += 5.5 * PERIOD
    late = [pacer.wait() for _ in range(6)]
    assert late[-2] == pytest.approx(first + 5.5 * PERIOD)
    assert late[-1] == pytest.approx(first + 6 * PERIOD)
    assert (pacer.overruns, pacer.skipped) == (5, 0)


@pytest.mark.parametrize("resync", [0.0, 2 * PERIOD])
def test_a_loop_that_is_too_far_behind_drops_what_it_missed(clock: Hand, resync: float) -> None:
    pacer = Pacer(PERIOD, clock, resync)
    first = pacer.wait()
    clock.time += 5.5 * PERIOD
    assert pacer.wait() == pytest.approx(first + 5.5 * PERIOD)
    assert pacer.wait() == pytest.approx(first + 6.5 * PERIOD)
    assert (pacer.overruns, pacer.skipped) == (1, 4)


def test_a_clock_that_is_set_back_stops_no_loop(clock: Hand) -> None:
    pacer = Pacer(PERIOD, clock)
    pacer.wait()
    clock.time -= 1000.0
    assert pacer.wait() == pytest.approx(clock.time)
    assert pacer.wait() == pytest.approx(clock.time)


def test_a_clock_that_stands_still_lets_the_loop_look_up(clock: Hand) -> None:
    pacer = Pacer(PERIOD, clock)
    clock.looks_up = True
    assert [pacer.wait() for _ in range(3)] == [5.0] * 3


def test_silence_is_the_time_since_the_last_tick(clock: Hand) -> None:
    pacer = Pacer(PERIOD, clock)
    pacer.wait()
    clock.time += 1.5
    assert pacer.silence() == pytest.approx(1.5)


def test_statistics_are_over_the_last_thousand_periods(clock: Hand) -> None:
    pacer = Pacer(PERIOD, clock)
    clock.oversleeps = 0.4 * PERIOD
    pacer.wait()
    clock.oversleeps = 0.0
    for _ in range(1100):
        pacer.wait()
    assert pacer.jitter().worst == pytest.approx(0, abs=1e-9)


def test_before_the_first_tick_there_is_no_jitter(clock: Hand) -> None:
    assert Pacer(PERIOD, clock).jitter() == Jitter(0, 0, 0)


def test_the_monotonic_clock_runs_at_its_speed() -> None:
    slow, fast = Monotonic(), Monotonic(100)
    slow.sleep_until(0.01)
    assert fast.now() > 90 * slow.now() > 0.9


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_a_period_and_a_speed_are_above_zero(value: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Pacer(value)
    with pytest.raises(ValueError, match="above 0"):
        Monotonic(value)


def test_a_punctual_process_is_scheduled_as_a_whole_and_threads_give_way_soon() -> None:
    code = """if True:
        import gc, json, os, sys, threading
        from hardware.pacer import be_punctual
        waits = threading.Event()
        threading.Thread(target=waits.wait, daemon=True).start()
        said = be_punctual(30)
        found = [os.sched_getscheduler(int(task)) for task in os.listdir("/proc/self/task")]
        print(json.dumps([said, found, os.sched_getparam(0).sched_priority,
                          sys.getswitchinterval(), gc.get_freeze_count()]))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said, policies, priority, interval, frozen = json.loads(done.stdout)
    assert interval <= 0.001
    assert frozen > 0
    if "no real-time" in said:
        assert "rtprio" in said
    else:
        assert set(policies) == {1}  # SCHED_FIFO
        assert priority == 30
    assert gc.get_freeze_count() == 0  # only that process


def test_a_process_is_punctual_for_a_while_and_what_it_begins_meanwhile_is_not() -> None:
    code = """if True:
        import gc, json, os, sys, threading
        from hardware.pacer import punctual
        begun, all_of_them = [], lambda: [
            os.sched_getscheduler(int(task)) for task in os.listdir("/proc/self/task")
        ]
        with punctual(20) as said:
            own = os.sched_getscheduler(0)
            if not (child := os.fork()):
                os._exit(os.sched_getscheduler(0) & 0xFF)
            thread = threading.Thread(target=lambda: begun.append(os.sched_getscheduler(0)))
            thread.start()
            thread.join()
        print(json.dumps([said, own, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), begun,
                          all_of_them(), sys.getswitchinterval(), gc.get_freeze_count()]))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said, own, child, begun, after, interval, frozen = json.loads(done.stdout)
    granted = "no real-time" not in said
    assert own == (os.SCHED_FIFO | os.SCHED_RESET_ON_FORK if granted else os.SCHED_OTHER)
    policies = {one & ~os.SCHED_RESET_ON_FORK for one in (child, *begun, *after)}
    assert policies == {os.SCHED_OTHER}
    assert all(bool(one & os.SCHED_RESET_ON_FORK) == granted for one in after), (
        "users may not clear"
    )
    assert interval == sys.getswitchinterval()
    assert frozen == 0
