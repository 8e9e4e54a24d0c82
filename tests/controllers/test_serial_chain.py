"""The batched chain is the chain of the engine, and its step goes where it was asked to go."""

import mujoco
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.lie import so3_log
from controllers.serial_chain import SerialChain
from sim import panda

MODEL = panda.load()
CHAIN = SerialChain.from_mujoco(MODEL, panda.ARM_JOINTS, panda.TOOL_SITE)
a_few = settings(max_examples=50, deadline=None, derandomize=True)


def configurations() -> st.SearchStrategy[np.ndarray]:
    """Joint angles within the limits."""
    share = st.lists(st.floats(0, 1), min_size=7, max_size=7)
    return share.map(lambda s: CHAIN.lower + np.array(s) * (CHAIN.upper - CHAIN.lower))


def _engine(q: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Position, rotation and Jacobian of the tool as MuJoCo has them."""
    data = mujoco.MjData(MODEL)
    data.qpos[:7] = q
    mujoco.mj_fwdPosition(MODEL, data)
    jacobian = np.zeros((6, MODEL.nv))
    site = MODEL.site(panda.TOOL_SITE).id
    mujoco.mj_jacSite(MODEL, data, jacobian[:3], jacobian[3:], site)
    return data.site_xpos[site], data.site_xmat[site].reshape(3, 3), jacobian[:, :7]


@a_few
@given(st.lists(configurations(), min_size=1, max_size=3))
def test_pose_and_jacobian_are_those_of_the_engine(batch: list[np.ndarray]) -> None:
    tool = CHAIN.forward(np.array(batch))
    for i, q in enumerate(batch):
        for mine, engine in zip(tool, _engine(q), strict=True):
            np.testing.assert_allclose(mine[i], engine, atol=1e-12)


@a_few
@given(configurations())
def test_the_jacobian_is_the_derivative_of_the_position(q: np.ndarray) -> None:
    step = 1e-6 * np.eye(7)
    change = (CHAIN.forward(q + step).position - CHAIN.forward(q - step).position) / 2e-6
    np.testing.assert_allclose(CHAIN.forward(q[None]).jacobian[0, :3], change.T, atol=1e-8)


def test_the_zero_configuration_has_the_tool_where_the_links_add_up_to() -> None:
    tool = CHAIN.forward(np.zeros((1, 7)))
    height = 0.333 + 0.316 + 0.384 - 0.107 - 0.1034
    np.testing.assert_allclose(tool.position[0], [0.088, 0, height], atol=1e-9)


@a_few
@given(configurations(), st.lists(st.floats(-1, 1), min_size=6, max_size=6))
def test_a_step_never_leaves_the_joint_limits(q: np.ndarray, twist: list[float]) -> None:
    batch = q[None]
    target = CHAIN.solve(CHAIN.forward(batch), batch, np.array([twist]), panda.Q_READY)
    assert np.all((CHAIN.lower <= target) & (target <= CHAIN.upper))


@a_few
@given(st.lists(st.floats(-1, 1), min_size=6, max_size=6))
def test_a_step_near_the_ready_pose_ends_where_the_twist_leads(twist: list[float]) -> None:
    shift = np.array(twist) * [0.01, 0.01, 0.01, 0.05, 0.05, 0.05]
    q = panda.Q_READY[None]
    before = CHAIN.forward(q)
    after = CHAIN.forward(CHAIN.solve(before, q, shift[None], panda.Q_READY))
    np.testing.assert_allclose(after.position[0] - before.position[0], shift[:3], atol=1e-3)
    turn = so3_log(after.rotation[0] @ before.rotation[0].T)
    np.testing.assert_allclose(turn, shift[3:], atol=3e-3)


def test_the_null_space_returns_to_the_posture_while_the_tool_stays() -> None:
    start = panda.Q_READY + np.array([0.3, 0.1, -0.3, 0.1, 0.2, 0.0, 0.1])
    q = start[None]
    tool = CHAIN.forward(q)
    for _ in range(60):
        now = CHAIN.forward(q)
        back = np.hstack([tool.position - now.position, np.zeros((1, 3))])
        q = CHAIN.solve(now, q, back, panda.Q_READY)
    distance = np.linalg.norm(q[0] - panda.Q_READY)
    assert distance < 0.8 * np.linalg.norm(start - panda.Q_READY)
    assert np.linalg.norm(CHAIN.forward(q).position - tool.position) < 2e-3


def test_damping_bounds_the_step_at_a_singularity() -> None:
    """Stretched out, the elbow cannot follow a pull along the arm."""
    q = np.array([[0.0, 0.0, 0.0, -0.07, 0.0, 0.0, 0.0]])
    tool = CHAIN.forward(q)
    pull = np.array([[0.0, 0.0, 0.015, 0, 0, 0]])
    step = CHAIN.solve(tool, q, pull, panda.Q_READY, posture_gain=0.0) - q
    damping = 0.02
    assert np.linalg.norm(step) <= np.linalg.norm(pull) / (2 * damping) + 1e-12
