"""Transitions from what was only listened to: every fault of a stream or report is an input."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from controllers.reason import Reason
from hardware.contract_file import from_values, load_contract
from hardware.link import Report
from hardware.observer import Observer
from hardware.state_vector import StateVector
from hardware.streams import Streams

TWIN = load_contract("twin")
ROBOT = replace(TWIN, cameras=TWIN.cameras[:1])
DT = 1 / ROBOT.rates.policy
NOTHING = np.full(7, np.nan)


class Robot:
    """Streams and reports as the nodes would send them."""

    def __init__(self, observer: Observer) -> None:
        self.observer, self.streams, self.now = observer, Streams.of(ROBOT), 100.0

    def run(self, sent: np.ndarray, requested: np.ndarray, **changes: Any) -> Any:
        """One policy period: streams, five reports, then the recorder's tick."""
        for _ in range(5):
            self.now += DT / 5
            self.feel(self.now)
            report = Report(self.now, sent, requested, 0, 0, person=False)
            self.observer.hear(report._replace(**changes))
        self.see(self.now)
        return self.tick()

    def tick(self) -> Any:
        """The one transition of a tick, or None."""
        found = self.observer.tick(self.streams.align(self.now), self.now)
        assert len(found) <= 1
        return found[0] if found else None

    def feel(self, stamp: float) -> None:
        values = {"joint_states": np.stack([np.full(9, stamp), np.zeros(9)])}
        values |= {"wrench": np.arange(6.0), "extra/block": np.arange(7.0)}
        for name, value in values.items():
            self.streams[name].push(stamp, stamp, value)

    def see(self, stamp: float) -> None:
        pixels = np.full((128, 128, 3), round(10 * stamp) % 256, np.uint8)
        self.streams["images/front"].push(stamp, stamp, pixels)


@pytest.fixture
def robot() -> Robot:
    return Robot(Observer(ROBOT))


def command(value: float) -> np.ndarray:
    return np.full(7, value)


def test_nothing_is_told_before_the_first_command(robot: Robot) -> None:
    assert robot.run(NOTHING, NOTHING) is None
    assert robot.run(NOTHING, NOTHING) is None
    assert not robot.observer.commanded
    assert robot.run(command(0.1), command(0.1)) is not None
    assert robot.observer.commanded


def test_a_transition_is_the_command_at_the_end_of_its_period(robot: Robot) -> None:
    robot.run(command(0.1), command(0.1))
    robot.observer.grip(0.03)
    seen = robot.now
    one = robot.run(
        command(0.2), command(0.9), reasons=int(Reason.VELOCITY | Reason.POSITION), person=True
    )
    np.testing.assert_allclose(one.action, [*[0.2] * 7, 0.03], rtol=1e-6)
    np.testing.assert_allclose(one.policy_action, [*[0.9] * 7, 0.03], rtol=1e-6)
    np.testing.assert_array_equal(one.extra["sent"], command(0.2))
    np.testing.assert_array_equal(one.extra["requested"], command(0.9))
    assert one.extra["reasons"] == Reason.VELOCITY | Reason.POSITION
    assert one.intervened
    assert one.sensor_stamp == pytest.approx(seen)
    assert one.command_stamp == pytest.approx(robot.now)
    assert one.observation["state"][0] == pytest.approx(seen, abs=1e-4)
    assert one.next_observation["state"][0] == pytest.approx(robot.now, abs=1e-4)


def test_consecutive_transitions_share_their_frames(robot: Robot) -> None:
    robot.run(command(0), command(0))
    first = robot.run(command(0), command(0))
    second = robot.run(command(0), command(0))
    for key, value in first.next_observation.items():
        np.testing.assert_array_equal(value, second.observation[key])


def test_reasons_of_the_whole_period_are_kept(robot: Robot) -> None:
    robot.run(command(0), command(0))
    robot.observer.hear(Report(robot.now + 0.001, NOTHING, NOTHING, int(Reason.FORCE), 0, False))
    one = robot.run(command(0), command(0), reasons=int(Reason.STOP))
    assert one.extra["reasons"] == Reason.FORCE | Reason.STOP


def test_a_period_without_commands_repeats_the_last_and_says_so(robot: Robot) -> None:
    robot.run(command(0.1), command(0.1))
    one = robot.run(NOTHING, NOTHING, reasons=int(Reason.STALE))
    np.testing.assert_allclose(one.action[:7], command(0.1), rtol=1e-6)
    assert np.isnan(one.extra["sent"]).all()
    assert np.isnan(one.extra["requested"]).all()
    np.testing.assert_array_equal(one.policy_action, one.action)
    assert one.extra["reasons"] == Reason.STALE


def test_news_that_come_late_belong_to_their_period_all_the_same(robot: Robot) -> None:
    robot.run(command(0.1), command(0.1))
    robot.run(command(0.1), command(0.1))
    late = [Report(robot.now + k * DT / 5, command(0.2), command(0.2), 0, 0, False) for k in (1, 5)]
    robot.now += DT
    robot.feel(robot.now)
    robot.see(robot.now)
    assert robot.tick() is None, "nobody knows yet what was sent"
    for report in late:
        robot.observer.hear(report)
    for _ in range(5):
        robot.now += DT / 5
        robot.feel(robot.now)
        robot.observer.hear(Report(robot.now, command(0.3), command(0.3), 0, 0, False))
    robot.see(robot.now)
    first, second = robot.observer.tick(robot.streams.align(robot.now), robot.now)
    np.testing.assert_allclose(first.action[:7], command(0.2), rtol=1e-6)
    np.testing.assert_allclose(second.action[:7], command(0.3), rtol=1e-6)
    assert first.command_stamp == late[-1].stamp
    assert first.next_observation is second.observation


def test_a_safety_node_that_says_nothing_leaves_nan(robot: Robot) -> None:
    robot.run(command(0.1), command(0.1))
    robot.run(command(0.1), command(0.1))
    found = []
    for _ in range(8):
        robot.now += DT
        robot.feel(robot.now)
        robot.see(robot.now)
        found += robot.observer.tick(robot.streams.align(robot.now), robot.now)
    assert len(found) == 2, "those for which nobody waits any more"
    assert np.isnan([one.extra["sent"] for one in found]).all()
    np.testing.assert_allclose([one.action[:7] for one in found], 0.1, rtol=1e-6)
    assert (np.diff([one.command_stamp for one in found]) > 0).all()


def test_a_missing_picture_makes_one_long_transition_of_two_periods(robot: Robot) -> None:
    robot.run(command(0.1), command(0.1))
    before = robot.now
    robot.now += 5 * DT  # the camera stops for longer than its limit
    robot.feel(robot.now)
    robot.observer.hear(Report(robot.now, command(0.2), command(0.2), 0, 0, False))
    assert robot.tick() is None
    one = robot.run(command(0.3), command(0.3))
    assert one.sensor_stamp == pytest.approx(before), "a recorder sees the gap by its stamps"
    np.testing.assert_allclose(one.action[:7], command(0.3), rtol=1e-6)


def test_the_schema_names_every_number_and_embeds_the_contract(robot: Robot) -> None:
    schema = robot.observer.schema
    one = robot.run(command(0), command(0)) or robot.run(command(0), command(0))
    assert schema.action.names[-1] == "gripper"
    assert schema.observation["state"].shape == one.observation["state"].shape == (31,)
    assert schema.observation["images/front"].shape == (128, 128, 3)
    assert schema.dt == pytest.approx(DT)
    assert from_values(schema.contract).cameras == ROBOT.cameras


def test_velocities_that_nobody_reports_are_differentiated() -> None:
    vector, streams = StateVector(ROBOT), Streams.of(replace(ROBOT, cameras=()))
    found = np.empty(0)
    for stamp in (1.0, 1.01):
        q = np.stack([np.full(9, 0.5 * stamp), np.full(9, np.nan)])
        for name, value in (("joint_states", q), ("wrench", np.zeros(6))):
            streams[name].push(stamp, stamp, value)
        streams["extra/block"].push(stamp, stamp, np.zeros(7))
        found = vector(streams.align(stamp))
    assert found[vector.names.index("dq/joint1")] == pytest.approx(0.5, rel=1e-3)
    assert np.isfinite(found).all()


def test_after_a_clock_was_set_back_transitions_are_of_what_comes(robot: Robot) -> None:
    for value in (0.1, 0.2, 0.3):
        robot.run(command(value), command(value))
    robot.observer.hear(Report(robot.now + 1, command(9), command(9), 0, 0, person=True))
    robot.streams = Streams.of(ROBOT)
    robot.now -= 3600
    robot.run(command(0.4), command(0.4))
    found = robot.run(command(0.5), command(0.5))
    np.testing.assert_allclose(found.action[:7], 0.5, rtol=1e-6)
    assert not found.intervened
    assert found.sensor_stamp == pytest.approx(robot.now - DT)
