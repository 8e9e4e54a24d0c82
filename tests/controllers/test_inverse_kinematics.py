import sys

import mujoco
import numpy as np
import pytest

from controllers.inverse_kinematics import InverseKinematics
from controllers.kinematics import Kinematics
from controllers.lie import pose_error, se3
from controllers.limits import PANDA
from controllers.tool_control import ROTATION_DOWN
from sim import panda

DT = 0.02
CLEARANCE = 0.02


def reachable(arm: Kinematics, count: int = 10) -> list[np.ndarray]:
    offsets = np.random.default_rng(0).uniform(-0.4, 0.4, (count, 7))
    return [arm.pose(panda.Q_READY + offset) for offset in offsets]


def geoms_of(model: mujoco.MjModel, *bodies: str) -> list[str]:
    owner = [model.body(int(body)).name for body in model.geom_bodyid]
    return [model.geom(i).name for i in range(model.ngeom) if owner[i] in bodies]


def distance(model: mujoco.MjModel, q: np.ndarray, first: list[str], second: list[str]) -> float:
    data = mujoco.MjData(model)
    data.qpos[:7] = q
    mujoco.mj_kinematics(model, data)
    ids = [(model.geom(a).id, model.geom(b).id) for a in first for b in second]
    return min(mujoco.mj_geomDistance(model, data, a, b, 1.0, None) for a, b in ids)


def test_reachable_targets_are_reached_within_speed_and_position_limits(arm: Kinematics) -> None:
    ik = InverseKinematics(arm, PANDA, DT, panda.Q_READY)
    for target in reachable(arm):
        q = panda.Q_READY
        for _ in range(100):
            step = ik.step(q, target)
            assert step.feasible
            assert (np.abs(step.q - q) <= PANDA.dq * DT + 1e-12).all()
            assert ((step.q >= PANDA.q_lower) & (step.q <= PANDA.q_upper)).all()
            q = step.q
        np.testing.assert_allclose(pose_error(arm.pose(q), target), 0, atol=1e-3)


def test_an_unreachable_target_leads_to_limits_and_not_past_them(arm: Kinematics) -> None:
    ik = InverseKinematics(arm, PANDA, DT, panda.Q_READY)
    rng = np.random.default_rng(1)
    for _ in range(5):
        target = se3(rng.uniform(-3, 3, 3), ROTATION_DOWN)
        q = panda.Q_READY
        for _ in range(150):
            step = ik.step(q, target)
            assert step.feasible
            q = step.q
            assert ((q >= PANDA.q_lower) & (q <= PANDA.q_upper)).all()


def test_from_beyond_a_limit_only_the_way_back_is_taken(arm: Kinematics) -> None:
    ik = InverseKinematics(arm, PANDA, DT, panda.Q_READY)
    q = panda.Q_READY.copy()
    q[3] = PANDA.q_upper[3] + 0.1
    for _ in range(10):
        after = ik.step(q, arm.pose(q)).q
        assert after[3] < q[3] or after[3] <= PANDA.q_upper[3]
        q = after
    assert q[3] <= PANDA.q_upper[3]


def test_the_hand_keeps_its_distance_from_the_base(arm: Kinematics, model: mujoco.MjModel) -> None:
    hand = geoms_of(model, "hand", "left_finger", "right_finger")
    column = geoms_of(model, "link0", "link1")
    into_the_base = se3(np.array([0.0, 0.0, 0.2]), ROTATION_DOWN)

    def closest(ik: InverseKinematics) -> float:
        q, least = panda.Q_READY, np.inf
        for _ in range(150):
            q = ik.step(q, into_the_base).q
            least = min(least, distance(model, q, hand, column))
        return least

    careless = InverseKinematics(arm, PANDA, DT, panda.Q_READY)
    careful = InverseKinematics(
        arm, PANDA, DT, panda.Q_READY, collisions=[(hand, column)], clearance=CLEARANCE
    )
    assert closest(careless) < 0
    assert closest(careful) > 0.85 * CLEARANCE


def test_geoms_that_can_never_meet_are_refused(arm: Kinematics) -> None:
    with pytest.raises(ValueError, match=r"no two geoms of .*'hand'.*are not neighbours"):
        InverseKinematics(arm, PANDA, DT, panda.Q_READY, collisions=[(["hand"], ["flange"])])


def test_a_redundant_arm_returns_to_its_posture(arm: Kinematics) -> None:
    ik = InverseKinematics(arm, PANDA, DT, panda.Q_READY)
    target = arm.pose(panda.Q_READY)
    state = arm.state(panda.Q_READY)
    self_motion = np.linalg.svd(state.jacobian)[2][-1]
    q = start = panda.Q_READY + 0.3 * self_motion
    for _ in range(300):
        q = ik.step(q, target).q
    assert np.linalg.norm(q - panda.Q_READY) < 0.2 * np.linalg.norm(start - panda.Q_READY)


def test_a_target_that_is_not_finite_is_refused(arm: Kinematics) -> None:
    ik = InverseKinematics(arm, PANDA, DT, panda.Q_READY)
    with pytest.raises(ValueError, match="must be finite; filter commands first"):
        ik.step(panda.Q_READY, np.full((4, 4), np.nan))


@pytest.mark.parametrize("package", ["mink", "daqp"])
def test_a_missing_solver_is_answered_with_the_line_that_installs_it(
    package: str, arm: Kinematics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"needs {package}.*pip install mink daqp"):
        InverseKinematics(arm, PANDA, DT, panda.Q_READY)
