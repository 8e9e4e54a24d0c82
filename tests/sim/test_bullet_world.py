"""PyBullet's arm moves and feels as MuJoCo's does, and contacts are its own."""

from collections.abc import Callable, Iterator
from typing import Any

import mujoco
import numpy as np
import pytest

from sim import panda
from sim.gap import GapProfile
from sim.peg_insert import PEG_BELOW_TOOL, PegInsert
from sim.pick_cube import PickCube
from sim.scene import task_model

pytest.importorskip("pybullet")

from sim.bullet_world import BulletWorld

READY = np.array([*panda.Q_READY, 0.01, 0.01])
AMPLITUDE = np.array([0.25] * 7 + [0, 0])
FREQUENCY = np.array([*np.linspace(0.4, 0.8, 7), 0, 0])
MODEL = task_model(PegInsert())
MakeWorld = Callable[..., BulletWorld]


@pytest.fixture
def make_world() -> Iterator[MakeWorld]:
    """Makes worlds that are closed after the test."""
    worlds: list[BulletWorld] = []

    def make(model: mujoco.MjModel = MODEL, **gap: Any) -> BulletWorld:
        worlds.append(BulletWorld(model, GapProfile("test", **gap)))
        worlds[-1].set_joints(READY)
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


def _in_mujoco(gain: float = 1.0) -> tuple[mujoco.MjModel, mujoco.MjData]:
    model = task_model(PegInsert())
    model.actuator_gainprm[:, 0] *= gain
    model.actuator_biasprm[:, 1:3] *= gain
    data = mujoco.MjData(model)
    data.qpos[:9] = READY
    return model, data


def _run(world: BulletWorld, target: np.ndarray, seconds: float) -> None:
    for _ in range(round(seconds / world.dt)):
        world.tick(target)


def test_a_jump_that_saturates_the_servos_is_mujocos(make_world: MakeWorld) -> None:
    world, (model, data) = make_world(), _in_mujoco()
    target = READY + np.array([0.3, 0.3, -0.3, 0.3, 0.3, 0.3, 0.3, 0, 0])
    data.ctrl[:9] = target
    for tick in range(200):
        mujoco.mj_step(model, data)
        world.tick(target)
        assert tick > 0 or (np.abs(data.qfrc_actuator[:7]) >= [87] * 4 + [12] * 3).any()
        np.testing.assert_allclose(world.reading.q, data.qpos[:9], atol=1e-6)


@pytest.mark.parametrize("gain", [1.0, 0.8])
def test_a_sine_in_free_motion_is_mujocos(make_world: MakeWorld, gain: float) -> None:
    """All joints, 4 s, 0.25 rad at 0.4 to 0.8 Hz: within 0.1 mrad RMS, whatever the gain."""
    world, (model, data) = make_world(gain=gain), _in_mujoco(gain)
    difference = []
    for time in np.arange(0, 4, world.dt):
        target = READY + AMPLITUDE * np.sin(2 * np.pi * FREQUENCY * time)
        data.ctrl[:9] = target
        mujoco.mj_step(model, data)
        world.tick(target)
        difference.append(world.reading.q - data.qpos[:9])
    assert np.sqrt(np.mean(np.square(difference), axis=0)).max() < 1e-4
    assert np.ptp(data.qpos[:9] - READY) > 0.1


def test_the_wrist_sensor_at_rest_is_mujocos(make_world: MakeWorld) -> None:
    world, (model, data) = make_world(), _in_mujoco()
    target = READY + np.array([0.3, 0.2, -0.3, 0.2, 0.4, 0.3, -0.5, 0, 0])
    data.ctrl[:9] = target
    for _ in range(1500):
        mujoco.mj_step(model, data)
        world.tick(target)
    np.testing.assert_allclose(world.reading.wrist, data.sensordata, atol=1e-4)


def test_a_payload_weighs_on_wrist_and_servos(make_world: MakeWorld) -> None:
    """It hangs at the hand's centre of mass; each joint gives in by torque over stiffness."""
    world, payload = make_world(payload=0.5), 0.5
    data = _in_mujoco()[1]
    _run(world, READY, 2.0)
    data.qpos[:9] = world.reading.q
    mujoco.mj_fwdPosition(MODEL, data)
    jacobian, hand = np.zeros((3, MODEL.nv)), MODEL.body("hand").id
    mujoco.mj_jac(MODEL, data, jacobian, np.zeros((3, MODEL.nv)), data.xipos[hand], hand)
    sag = -9.81 * payload * jacobian[2, :7] / MODEL.actuator_gainprm[:7, 0]
    assert np.abs(sag).max() > 1e-3
    np.testing.assert_allclose(world.reading.q[:7] - READY[:7], sag, atol=1e-5)
    weight = 9.81 * (payload + MODEL.body_subtreemass[hand])
    assert np.linalg.norm(world.reading.wrist[:3]) == pytest.approx(weight, rel=1e-3)


@pytest.mark.parametrize(("torque", "more"), [(0.45, 0.0), (0.55, 0.05)])
def test_joint_friction_keeps_its_part_of_the_torque(
    make_world: MakeWorld, torque: float, more: float
) -> None:
    """0.5 N m in each joint: only what the servo of joint 7 asks for beyond that moves it."""
    world, target, stiffness = make_world(joint_friction=0.5), READY.copy(), 200
    target[6] += torque / stiffness
    _run(world, target, 1.0)
    assert world.reading.q[6] - READY[6] == pytest.approx(more / stiffness, abs=2e-6)


@pytest.mark.parametrize(("factor", "slides"), [(1.0, False), (0.5, True)])
def test_contact_friction_decides_what_slides(
    make_world: MakeWorld, factor: float, slides: bool
) -> None:
    """A cube on a table tilted by 35 degrees: tan is 0.7, the coefficient 1 times the factor."""
    model = task_model(PickCube())
    model.opt.gravity[:] = 9.81 * np.array([np.sin(0.61), 0, -np.cos(0.61)])
    world = make_world(model, contact_friction=factor)
    world.put("cube", np.array([0.3, 0.3, 0.02]), np.array([1.0, 0, 0, 0]))
    _run(world, READY, 0.5)
    travelled = world.pose("cube")[0] - 0.3
    expected = 9.81 * (np.sin(0.61) - factor * np.cos(0.61)) * 0.5**2 / 2
    if slides:
        assert travelled == pytest.approx(expected, rel=0.1)
    else:
        assert abs(travelled) < 1e-3


def test_an_object_stands_where_it_was_put(make_world: MakeWorld) -> None:
    world = make_world(task_model(PickCube()))
    quat = np.array([np.cos(0.3), 0, 0, np.sin(0.3)])
    world.put("cube", np.array([0.5, 0.1, 0.02]), quat)
    _run(world, READY, 0.2)
    np.testing.assert_allclose(world.pose("cube"), [0.5, 0.1, 0.02, *quat], atol=1e-3)


def test_the_stiffness_against_a_wall_is_the_servos(make_world: MakeWorld) -> None:
    """The peg presses on the block: what the servos give is what the wrist sensor feels."""
    world, data = make_world(), _in_mujoco()[1]
    mujoco.mj_fwdPosition(MODEL, data)
    tip = data.site("tcp").xpos - [0, 0, PEG_BELOW_TOOL]
    world.put("block", tip + np.array([0.02, 0, -0.031]), np.array([1.0, 0, 0, 0]))
    down = READY + np.array([0, 0.03, 0, 0, 0, 0, 0, 0, 0])
    _run(world, down, 3.0)
    data.qpos[:9] = world.reading.q
    mujoco.mj_fwdPosition(MODEL, data)
    hand, site, jacobian = MODEL.body("hand").id, MODEL.site("wrist_sensor").id, _jacobian(data)
    weight = np.array([0, 0, MODEL.body_subtreemass[hand] * 9.81])
    lever = data.subtree_com[hand] - data.site_xpos[site]
    rotation = data.site_xmat[site].reshape(3, 3)
    force, torque = (rotation @ part for part in world.reading.wrist.reshape(2, 3))
    contact = np.array([*force - weight, *torque - np.cross(lever, weight)])
    servos = MODEL.actuator_gainprm[:7, 0] * (down - world.reading.q)[:7]
    assert np.linalg.norm(contact[:3]) > 10
    np.testing.assert_allclose(servos, jacobian.T @ contact, atol=0.1)


def _jacobian(data: mujoco.MjData) -> np.ndarray:
    """Of the wrist sensor. Shape (6, 7)."""
    jacobian = np.zeros((6, MODEL.nv))
    site = MODEL.site("wrist_sensor").id
    mujoco.mj_jacSite(MODEL, data, jacobian[:3], jacobian[3:], site)
    return jacobian[:, :7]


def test_after_a_reset_the_same_happens_to_the_bit(make_world: MakeWorld) -> None:
    """Though the first run leaves pushed bodies and contacts behind."""
    world, ends = make_world(task_model(PickCube())), []
    down = READY + np.array([0, 0.5, 0, 0, 0, 0.5, 0, 0, 0])
    for _ in range(2):
        world.reset()
        world.put("cube", np.array([0.55, 0.0, 0.02]), np.array([1.0, 0, 0, 0]))
        world.set_joints(READY)
        _run(world, down, 1.0)
        ends.append(np.concatenate([*world.reading, world.pose("cube")]))
    np.testing.assert_array_equal(*ends)


def test_close_can_be_repeated(make_world: MakeWorld) -> None:
    world = make_world()
    world.close()
    world.close()
