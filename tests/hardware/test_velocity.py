"""Arms that take velocities, behind the same safety node: how they move, and how they stand."""

from dataclasses import replace

import numpy as np
import pytest

from controllers.lie import se3_from_vector, vector_from_se3
from controllers.reason import Reason
from hardware.arm_model import kinematics_of
from hardware.contract import Contract
from hardware.contract_file import load_contract
from hardware.guard import Guard, Order
from hardware.safety import POSE_NAMES, Decision, Safety
from hardware.topics import Mode
from hardware.velocity import VelocityCommand

TWIN = load_contract("twin")
KINEMATICS = kinematics_of(TWIN)
assert KINEMATICS is not None
Q = np.array(TWIN.home.q)
TICK = 1 / TWIN.rates.stream
EPOCH = 1.7e9


class Arm:
    """Joints that turn as they are told, without any position loop of their own."""

    def __init__(self, contract: Contract, works: float = 1.0) -> None:
        self.contract, self.works = contract, works
        self.safety = Safety(contract, KINEMATICS, watch_cameras=False)
        self.q, self.velocity, self.now = Q.copy(), np.zeros(7), 10.0
        self.deaf = False
        self.told: list[np.ndarray | None] = []

    def tick(self, target: np.ndarray | None = None) -> Decision:
        self.now += TICK
        ros = self.now + EPOCH
        self.q = self.q + TICK * self.works * self.velocity
        if not self.deaf:
            values = {"joint_states": np.stack([np.r_[self.q, 0, 0], np.zeros(9)])}
            for name in self.safety.streams.names:
                self.safety.streams[name].push(ros, ros, values.get(name, np.zeros(6)))
        if target is not None:
            names = self.contract.joints.arm if len(target) == 7 and self.joints else POSE_NAMES
            assert self.safety.request(list(names), target, ros, self.now, ros)
        decision = self.safety.tick(self.now, ros)
        self.told.append(decision.command)
        if decision.command is not None:
            self.velocity = self._turn(decision.command)
        return decision

    @property
    def joints(self) -> bool:
        return self.contract.command.in_joints

    @property
    def pose(self) -> np.ndarray:
        assert KINEMATICS is not None
        return vector_from_se3(KINEMATICS.pose(self.q))

    @property
    def here(self) -> np.ndarray:
        return self.q if self.joints else self.pose

    def _turn(self, command: np.ndarray) -> np.ndarray:
        """What a driver of the contract makes of a command."""
        if self.joints:
            return command
        assert KINEMATICS is not None
        state, twist = KINEMATICS.state(self.q), command.reshape(2, 3).copy()
        if self.contract.command.angles == "deg":
            twist[1] = np.radians(twist[1])
        if self.contract.command.frame == "tool":
            twist = twist @ state.pose[:3, :3].T
        return np.linalg.pinv(state.jacobian) @ twist.ravel()


def _robot(mode: Mode, **changes: str) -> Contract:
    contract = TWIN.with_mode(mode)
    return replace(contract, command=replace(contract.command, **changes))


JOINTS, TWISTS = _robot("joint_velocity"), _robot("cartesian_twist")
KINOVA = _robot("cartesian_twist", frame="tool", angles="deg")
ALL = pytest.mark.parametrize("contract", [JOINTS, TWISTS, KINOVA], ids=["joints", "base", "tool"])


def _moved(arm: Arm) -> np.ndarray:
    """A place near the arm, with a turn."""
    if arm.joints:
        return Q + 0.05
    shift = np.eye(4)
    shift[:3, 3] = 0.02, -0.03, 0.01
    turn = np.array([[np.cos(0.1), -np.sin(0.1)], [np.sin(0.1), np.cos(0.1)]])
    shift[:2, :2] = turn
    return vector_from_se3(se3_from_vector(arm.pose) @ shift)


def _set_out(arm: Arm) -> None:
    """Half of the way."""
    target = _moved(arm)
    for _ in range(30):
        arm.tick(target)
    assert np.abs(arm.velocity).max() > 0.1


@ALL
def test_an_arm_that_takes_velocities_goes_where_it_is_asked_to(contract: Contract) -> None:
    arm = Arm(contract, works=0.9)
    target = _moved(arm)
    for _ in range(1500):
        arm.tick(target)
    assert np.abs(arm.safety.guard.space.gap(arm.here, target)).max() < 2e-4
    assert np.abs(arm.velocity).max() < 1e-3


@ALL
def test_a_source_that_falls_silent_leaves_the_arm_at_rest_where_it_is_held(
    contract: Contract,
) -> None:
    arm = Arm(contract)
    _set_out(arm)
    for _ in range(700):
        arm.tick()
    assert np.abs(arm.velocity).max() < 1e-3
    held = arm.here.copy()
    arm.q = arm.q + 0.01  # somebody leans on it
    for _ in range(1000):
        arm.tick()
    assert np.abs(arm.safety.guard.space.gap(arm.here, held)).max() < 1e-3


@ALL
def test_nothing_is_sent_before_anybody_asked(contract: Contract) -> None:
    arm = Arm(contract)
    for _ in range(100):
        arm.tick()
    arm.deaf = True
    for _ in range(100):
        arm.tick()
    assert arm.told == [None] * 200


@ALL
def test_a_stale_arm_is_told_to_stand_still_for_its_last_velocity_would_go_on(
    contract: Contract,
) -> None:
    arm = Arm(contract)
    _set_out(arm)
    arm.deaf = True
    decisions = [arm.tick(_moved(arm)) for _ in range(200)]
    assert Reason.STALE in decisions[-1].order.reasons
    stopped = [d.command for d in decisions if Reason.STALE in d.order.reasons]
    assert len(stopped) > 100
    assert all(command is not None and not command.any() for command in stopped)


@ALL
def test_a_stop_brings_a_moving_arm_to_rest(contract: Contract) -> None:
    arm = Arm(contract)
    _set_out(arm)
    arm.safety.stop()
    for _ in range(700):
        arm.tick(_moved(arm))
    assert np.abs(arm.velocity).max() < 1e-3


def test_beside_somebody_else_who_commands_the_arm_one_standstill_is_the_last_word() -> None:
    arm = Arm(JOINTS)
    _set_out(arm)
    arm.safety.contest(True)
    told = [arm.tick(_moved(arm)).command for _ in range(50)]
    assert told[0] is not None
    assert not told[0].any()
    assert told[1:] == [None] * 49


def test_an_arm_that_nobody_knows_the_tool_of_is_refused() -> None:
    with pytest.raises(ValueError, match=r"gen3 does not tell where its tool is; give model\.file"):
        Safety(load_contract("gen3"))


@pytest.mark.parametrize("frame", ["base", "tool"])
def test_from_a_pose_that_is_none_no_velocity_leads_anywhere(frame: str) -> None:
    contract = _robot("cartesian_twist", frame=frame)
    assert KINEMATICS is not None
    command = VelocityCommand(contract, Guard(contract, KINEMATICS).space)
    here = vector_from_se3(KINEMATICS.pose(Q))
    order = Order(here + 0.05 * np.eye(7)[0], None, Reason.NONE)
    told = [command.of(order, pose, i * TICK) for i, pose in enumerate((here, here, np.zeros(7)))]
    assert told[1] is not None
    assert told[1].any()
    assert told[2] is not None
    assert not told[2].any()
