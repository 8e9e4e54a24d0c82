"""The exported robot is the same robot: for PyBullet, and for MuJoCo reading the URDF back."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim import panda
from sim.pick_cube import PickCube
from sim.scene import arm_scene
from sim.urdf import UNLIMITED, fold_rotor_inertia, roots, to_urdf

pybullet = pytest.importorskip("pybullet")

PANDA = panda.load()
JOINTS = (*panda.ARM_JOINTS, *panda.FINGER_JOINTS)
LOWER, UPPER = PANDA.jnt_range.T
VELOCITY_LIMITS = dict(zip(JOINTS, [2.175] * 4 + [2.61] * 3 + [0.2] * 2, strict=True))
configurations = st.lists(st.floats(0, 1), min_size=9, max_size=9).map(
    lambda share: LOWER + np.array(share) * (UPPER - LOWER)
)
a_few = settings(max_examples=50, deadline=None, derandomize=True)


class Robot:
    """A URDF in PyBullet."""

    def __init__(self, urdf: str, folder: Path) -> None:
        file = folder / "robot.urdf"
        file.write_text(urdf)
        self.client = pybullet.connect(pybullet.DIRECT)
        flags = pybullet.URDF_USE_INERTIA_FROM_FILE
        self.body = pybullet.loadURDF(
            str(file), useFixedBase=True, flags=flags, physicsClientId=self.client
        )
        joints = [
            pybullet.getJointInfo(self.body, i, physicsClientId=self.client)
            for i in range(pybullet.getNumJoints(self.body, physicsClientId=self.client))
        ]
        self.links = {info[12].decode(): info[0] for info in joints}
        self.joints = {info[1].decode(): info for info in joints if info[2] != pybullet.JOINT_FIXED}

    def mass_matrix(self, q: np.ndarray) -> np.ndarray:
        return np.array(
            pybullet.calculateMassMatrix(self.body, q.tolist(), physicsClientId=self.client)
        )

    def link_pose(self, link: str, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        for info, value in zip(self.joints.values(), q, strict=True):
            pybullet.resetJointState(self.body, info[0], value, physicsClientId=self.client)
        state = pybullet.getLinkState(self.body, self.links[link], physicsClientId=self.client)
        return np.array(state[4]), np.reshape(pybullet.getMatrixFromQuaternion(state[5]), (3, 3))

    def visuals(self) -> list[tuple]:
        return pybullet.getVisualShapeData(self.body, physicsClientId=self.client)


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Robot]:
    urdf = to_urdf(PANDA, "link0", velocity_limits=VELOCITY_LIMITS)
    robot = Robot(urdf, tmp_path_factory.mktemp("panda"))
    yield robot
    pybullet.disconnect(robot.client)


def _mass_matrix(model: mujoco.MjModel, q: np.ndarray) -> np.ndarray:
    data = mujoco.MjData(model)
    data.qpos[:] = q
    mujoco.mj_fwdPosition(model, data)
    matrix = np.empty((model.nv, model.nv))
    mujoco.mj_fullM(model, data, matrix)
    return matrix


def _assert_same_inertia(matrix: np.ndarray, reference: np.ndarray) -> None:
    """Each element, relative to the diagonal elements of its row and column."""
    scale = np.sqrt(np.outer(reference.diagonal(), reference.diagonal()))
    np.testing.assert_allclose(matrix / scale, reference / scale, atol=1e-6)


@given(q=configurations)
@a_few
def test_pybullet_has_the_mass_matrix_of_the_folded_model(twin: Robot, q: np.ndarray) -> None:
    _assert_same_inertia(twin.mass_matrix(q), _mass_matrix(fold_rotor_inertia(PANDA), q))


@given(q=configurations)
@a_few
def test_mujoco_reads_back_the_mass_matrix_of_the_folded_model(q: np.ndarray) -> None:
    read = mujoco.MjModel.from_xml_string(to_urdf(PANDA, "link0"))
    _assert_same_inertia(_mass_matrix(read, q), _mass_matrix(fold_rotor_inertia(PANDA), q))


@given(q=configurations)
@a_few
def test_the_tool_is_where_mujoco_has_it(twin: Robot, q: np.ndarray) -> None:
    data = mujoco.MjData(PANDA)
    data.qpos[:] = q
    mujoco.mj_kinematics(PANDA, data)
    position, rotation = twin.link_pose(panda.TOOL_SITE, q)
    site = data.site(panda.TOOL_SITE)
    np.testing.assert_allclose(position, site.xpos, atol=1e-9)
    np.testing.assert_allclose(rotation, site.xmat.reshape(3, 3), atol=1e-6)


@given(q=configurations)
@a_few
def test_folding_keeps_the_inertia_that_each_joint_feels(q: np.ndarray) -> None:
    """What the docstring of ``fold_rotor_inertia`` states."""
    original, folded = _mass_matrix(PANDA, q), _mass_matrix(fold_rotor_inertia(PANDA), q)
    np.testing.assert_allclose(folded.diagonal(), original.diagonal(), rtol=4e-3)
    assert np.linalg.norm(folded - original) < 0.5 * np.linalg.norm(original)


def test_folding_moves_no_weight() -> None:
    folded = fold_rotor_inertia(PANDA)
    data = [mujoco.MjData(model) for model in (PANDA, folded)]
    for model, state in zip((PANDA, folded), data, strict=True):
        state.qpos[:7] = panda.Q_READY
        mujoco.mj_forward(model, state)
    np.testing.assert_allclose(data[1].subtree_com[0], data[0].subtree_com[0], atol=1e-12)
    assert folded.body_mass.sum() == pytest.approx(PANDA.body_mass.sum(), rel=1e-12)


def test_every_folded_inertia_is_one_that_a_body_can_have() -> None:
    inertia = np.sort(fold_rotor_inertia(PANDA).body_inertia[1:], axis=1)
    assert (inertia > 0).all()
    assert (inertia[:, 0] + inertia[:, 1] >= inertia[:, 2]).all()


def test_folding_leaves_the_model_it_is_given_alone() -> None:
    model = panda.load()
    fold_rotor_inertia(model)
    np.testing.assert_array_equal(model.dof_armature, PANDA.dof_armature)
    np.testing.assert_array_equal(model.body_inertia, PANDA.body_inertia)


def test_folding_twice_changes_nothing() -> None:
    once = fold_rotor_inertia(PANDA)
    np.testing.assert_array_equal(fold_rotor_inertia(once).body_inertia, once.body_inertia)


def test_a_larger_rotor_further_out_counts_for_the_joints_before_it() -> None:
    """Parallel hinges a, b through one point with rotors 1 and 2: b feels 2, a at least as much."""
    model = mujoco.MjModel.from_xml_string(
        """<mujoco><worldbody><body><joint name="a" armature="1"/><geom size=".1" mass="1"/>
        <body><joint name="b" armature="2"/><geom size=".1" mass="1"/></body></body>
        </worldbody></mujoco>"""
    )
    own = 2 / 5 * 0.1**2
    expected = np.array([[2 * own + 2, own + 2], [own + 2, own + 2]])
    np.testing.assert_allclose(_mass_matrix(fold_rotor_inertia(model), np.zeros(2)), expected)


def test_limits_are_those_of_the_model(twin: Robot) -> None:
    limits = {name: info[8:12] for name, info in twin.joints.items()}
    force = PANDA.jnt_actfrcrange[:, 1]
    wanted = zip(LOWER, UPPER, force, VELOCITY_LIMITS.values(), strict=True)
    assert list(limits) == list(JOINTS)
    np.testing.assert_allclose(list(limits.values()), list(wanted))


def test_a_speed_that_nobody_limits_is_written_as_unlimited() -> None:
    limits = ElementTree.fromstring(to_urdf(PANDA, "link0")).findall("joint/limit")
    assert {float(limit.attrib["velocity"]) for limit in limits} == {UNLIMITED}


def test_every_geom_is_seen_in_its_colour(twin: Robot) -> None:
    """A capsule is three shapes."""
    capsules = (PANDA.geom_type == mujoco.mjtGeom.mjGEOM_CAPSULE).sum()
    visuals = twin.visuals()
    assert len(visuals) == PANDA.ngeom + 2 * capsules
    seen = {(shape[1], tuple(np.round(shape[7], 4))) for shape in visuals}
    links = {"link0": -1} | twin.links
    for geom in range(PANDA.ngeom):
        link = links[PANDA.body(PANDA.geom_bodyid[geom]).name]
        assert (link, tuple(np.round(PANDA.geom_rgba[geom].astype(float), 4))) in seen


def test_a_scene_comes_apart_into_bodies_that_can_collide() -> None:
    scene = arm_scene()
    PickCube().build(scene)
    model = scene.compile()
    assert roots(model) == ("world", "link0", "cube")
    shapes = {
        root: len(ElementTree.fromstring(to_urdf(model, root)).findall("link/collision"))
        for root in roots(model)
    }
    arm = len(ElementTree.fromstring(to_urdf(PANDA, "link0")).findall("link/collision"))
    assert shapes == {"world": 1, "link0": arm, "cube": 1}


def test_what_is_only_seen_does_not_collide() -> None:
    model = mujoco.MjModel.from_xml_string(
        """<mujoco><worldbody><body name="mark"><geom size=".1" contype="0" conaffinity="0"/></body>
        </worldbody></mujoco>"""
    )
    link = ElementTree.fromstring(to_urdf(model, "mark")).find("link")
    assert link is not None
    assert len(link.findall("visual")) == 1
    assert not link.findall("collision")


def test_a_joint_off_its_bodys_origin_turns_about_its_own_axis(tmp_path: Path) -> None:
    model = mujoco.MjModel.from_xml_string(
        """<mujoco><compiler angle="radian"/><worldbody><body name="post"><geom size=".1"/>
        <body name="door" pos="1 2 3" quat="1 1 0 0"><joint name="hinge" pos="-.5 .2 0"/>
        <geom size=".1" pos=".3 0 0"/><site name="knob" pos=".4 0 .1"/></body></body>
        </worldbody></mujoco>"""
    )
    data = mujoco.MjData(model)
    data.qpos[:] = 0.7
    mujoco.mj_kinematics(model, data)
    robot = Robot(to_urdf(model, "post"), tmp_path)
    position, _ = robot.link_pose("knob", np.array([0.7]))
    inertia = robot.mass_matrix(np.array([0.7]))
    pybullet.disconnect(robot.client)
    np.testing.assert_allclose(position, data.site("knob").xpos, atol=1e-12)
    np.testing.assert_allclose(inertia, _mass_matrix(model, data.qpos))


BODY = '<mujoco><worldbody><body name="a">{}</body></worldbody></mujoco>'


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        ('<geom name="egg" type="ellipsoid" size="1 1 2"/>', "geom 'egg' is a mjGEOM_ELLIPSOID; "),
        ('<geom size="1"/><joint/>', r"body 'a' has the joints \['mjJNT_HINGE'\]; URDF takes none"),
        (
            '<geom size="1"/><body name="b"><joint/><joint type="slide"/><geom size="1"/></body>',
            r"body 'b' has the joints \['mjJNT_HINGE', 'mjJNT_SLIDE'\]; URDF takes none, one hinge",
        ),
        (
            '<geom size="1"/><body><joint name="j" ref="20"/><geom size="1"/></body>',
            "joint 'j' has a reference angle; URDF has none: set ref to 0",
        ),
        ('<geom size="1"/><site name="a"/>', "a names a body and a site; rename the site"),
        (
            '<freejoint/><geom size="1" mass="1"/><body><joint name="j" type="slide" armature="2"/>'
            '<geom size="1" mass="1"/></body>',
            "armature 2.0 kg of joint 'j' is not below the mass 1.0 kg of body 'a'",
        ),
    ],
)
def test_what_urdf_cannot_say_is_named(inside: str, message: str) -> None:
    model = mujoco.MjModel.from_xml_string(BODY.format(inside))
    with pytest.raises(ValueError, match=message):
        to_urdf(model, "a")


def test_a_root_that_is_none_is_answered_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="no body 'hand' on the world; choose from link0"):
        to_urdf(PANDA, "hand")
