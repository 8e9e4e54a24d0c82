"""The last wall before the driver: what it lets through, and when it holds."""

from dataclasses import replace

import numpy as np
import pytest

from hardware.arm import Arm
from hardware.contract import Contract
from hardware.contract_file import load_contract
from hardware.driver import ArmDriver, Reading

TWIN = load_contract("twin")
Q = np.array(TWIN.home.q)
TIMEOUT = TWIN.rates.command_timeout or 0.0


class Recorder:
    """A driver without an arm: keeps what it is told, and stands at ``Q``."""

    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []

    def connect(self) -> None:
        self.told.append(("connect", None))

    def time(self) -> float:
        return 0.0

    def read(self) -> Reading:
        return Reading(1.5, Q, np.zeros(7))

    def send(self, command: np.ndarray) -> None:
        self.told.append(("send", command.tolist()))

    def grip(self, value: float) -> None:
        self.told.append(("grip", value))

    def stop(self) -> None:
        self.told.append(("stop", None))

    def close(self) -> None:
        self.told.append(("close", None))


@pytest.fixture
def driver() -> Recorder:
    return Recorder()


@pytest.fixture
def arm(driver: Recorder) -> Arm:
    return Arm(TWIN, driver)


def test_the_recorder_is_a_driver(driver: Recorder) -> None:
    assert isinstance(driver, ArmDriver)


def test_a_command_is_passed_on(arm: Arm, driver: Recorder) -> None:
    arm.command(Q, 0.0)
    assert driver.told == [("send", Q.tolist())]
    assert arm.moving
    assert arm.counts.commands == 1


@pytest.mark.parametrize(
    "values",
    [
        np.full(7, np.nan),
        np.r_[Q[:6], np.inf],
        Q[:6],
        np.r_[Q, 0.0],
        Q[None],
        np.empty(0),
        np.r_[TWIN.limits.q_upper[0] + 1e-6, Q[1:]],
        np.r_[TWIN.limits.q_lower[0] - 1e-6, Q[1:]],
        np.zeros(7),  # joint 4 of a Panda cannot be straight
    ],
)
def test_a_command_that_makes_no_sense_is_counted_and_left_out(
    arm: Arm, driver: Recorder, values: np.ndarray
) -> None:
    arm.command(values, 0.0)
    assert driver.told == []
    assert not arm.moving
    assert arm.counts.refused == 1


def test_the_limits_themselves_are_allowed(arm: Arm, driver: Recorder) -> None:
    arm.command(TWIN.limits.q_upper, 0.0)
    arm.command(TWIN.limits.q_lower, 0.0)
    assert len(driver.told) == 2


@pytest.mark.parametrize("age", [1.01 * TIMEOUT, 5.0, -1.0])
def test_a_command_that_waited_too_long_is_none_any_more(
    arm: Arm, driver: Recorder, age: float
) -> None:
    arm.command(Q, 0.0, age)
    assert driver.told == []
    assert (arm.counts.late, arm.counts.commands) == (1, 0)
    arm.command(Q, 0.0, 0.9 * TIMEOUT)
    assert driver.told == [("send", Q.tolist())]


def test_when_commands_stop_the_arm_is_held_once(arm: Arm, driver: Recorder) -> None:
    arm.command(Q, 1.0)
    arm.tick(1.0 + 0.99 * TIMEOUT)
    assert ("stop", None) not in driver.told
    for i in range(5):
        arm.tick(1.0 + (1.01 + i) * TIMEOUT)
    assert driver.told.count(("stop", None)) == 1
    assert arm.counts.timeouts == 1
    assert not arm.moving


def test_an_arm_that_was_never_commanded_is_not_touched(arm: Arm, driver: Recorder) -> None:
    for i in range(100):
        arm.tick(float(i))
    assert driver.told == []
    assert arm.counts.timeouts == 0


def test_nonsense_keeps_no_arm_moving(arm: Arm, driver: Recorder) -> None:
    arm.command(Q, 0.0)
    for i in range(20):
        arm.command(np.full(7, np.nan), i * TIMEOUT / 5)
        arm.tick(i * TIMEOUT / 5)
    assert driver.told[-1] == ("stop", None)


def test_a_clock_that_is_set_back_counts_as_silence(arm: Arm, driver: Recorder) -> None:
    arm.command(Q, 100.0)
    arm.tick(3.0)
    assert driver.told[-1] == ("stop", None)


def test_commands_count_again_after_a_hold(arm: Arm, driver: Recorder) -> None:
    arm.command(Q, 0.0)
    arm.tick(2 * TIMEOUT)
    arm.command(Q + 0.01, 2 * TIMEOUT)
    arm.tick(2.5 * TIMEOUT)
    assert driver.told[-1] == ("send", (Q + 0.01).tolist())


@pytest.mark.parametrize("timeout", [TIMEOUT, None])
def test_of_two_senders_the_first_is_followed_until_it_is_silent(
    driver: Recorder, timeout: float | None
) -> None:
    arm = Arm(replace(TWIN, rates=replace(TWIN.rates, command_timeout=timeout)), driver)
    arm.command(Q, 0.0, sender="safety")
    arm.command(Q + 0.5, 0.01, sender="somebody")
    arm.command(Q + 0.01, 0.02, sender="safety")
    assert driver.told == [("send", Q.tolist()), ("send", (Q + 0.01).tolist())]
    assert arm.counts.strange == 1
    arm.command(Q + 0.5, 0.02 + 1.01 * TIMEOUT, sender="somebody")
    assert driver.told[-1] == ("send", (Q + 0.5).tolist())


def test_without_a_timeout_the_last_command_stands(driver: Recorder) -> None:
    arm = Arm(replace(TWIN, rates=replace(TWIN.rates, command_timeout=None)), driver)
    arm.command(Q, 0.0, age=50.0)
    arm.tick(1e6)
    assert driver.told == [("send", Q.tolist())]


def test_the_gripper_stays_between_its_ends(arm: Arm, driver: Recorder) -> None:
    for value in (0.02, 7.0, -7.0, np.nan, np.inf):
        arm.grip(value)
    assert driver.told == [("grip", 0.02), ("grip", 0.04), ("grip", 0.0)]
    assert arm.counts.refused == 2


def test_an_arm_without_gripper_refuses_to_grip(driver: Recorder) -> None:
    arm = Arm(replace(TWIN, gripper=None), driver)
    arm.grip(0.0)
    assert (driver.told, arm.counts.refused) == ([], 1)


def _in_mode(mode: str) -> Contract:
    kinds = {"cartesian_pose": "PoseStamped", "cartesian_twist": "TwistStamped"}
    kind = kinds.get(mode, "Float64MultiArray")
    command = replace(TWIN.command, mode=mode, type=kind)  # pyright: ignore[reportArgumentType]
    return replace(TWIN, command=command)


@pytest.mark.parametrize(
    ("mode", "size"), [("cartesian_pose", 7), ("cartesian_twist", 6), ("joint_velocity", 7)]
)
def test_a_command_has_the_length_of_its_mode(driver: Recorder, mode: str, size: int) -> None:
    arm = Arm(_in_mode(mode), driver)
    arm.command(np.full(size, 0.1), 0.0)
    arm.command(np.full(size + 1, 0.1), 0.0)
    assert driver.told == [("send", [0.1] * size)]
    assert arm.counts.refused == 1
