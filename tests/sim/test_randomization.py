"""Draws stay in their ranges, reach the model, and leave no trace in the next episode."""

from dataclasses import fields, replace

import mujoco
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import panda
from sim.config import EnvConfig
from sim.mujoco_env import MujocoEnv
from sim.peg_insert import PegInsert
from sim.pick_cube import PickCube
from sim.randomization import ModelDraw, Randomization
from sim.scene import arm_scene
from sim.task import Task

FACTORS = ("mass", "friction", "gain", "object_size", "delay", "light")


def _model(task: Task) -> mujoco.MjModel:
    scene = arm_scene()
    task.build(scene)
    return scene.compile()


def _arrays(model: mujoco.MjModel) -> dict[str, np.ndarray]:
    names = (name for name in dir(model) if not name.startswith("_"))
    values = {name: getattr(model, name) for name in names}
    return {name: v.copy() for name, v in values.items() if isinstance(v, np.ndarray)}


def _draw(randomization: Randomization, seed: int = 0, **chosen: float) -> dict[str, np.ndarray]:
    """Draws of one world, some of them chosen."""
    draws = randomization.draw(np.random.default_rng(seed), 1)
    return {name: values[0] for name, values in draws.items()} | {
        name: np.array(value) for name, value in chosen.items()
    }


@given(st.integers(0, 2**32 - 1))
def test_draws_stay_in_their_ranges(seed: int) -> None:
    wide = Randomization.wide()
    draws = wide.draw(np.random.default_rng(seed), 50)
    for name in FACTORS:
        low, high = getattr(wide, name)
        assert np.all((low <= draws[name]) & (draws[name] <= high))
    assert np.all(np.abs(draws["camera"]) <= 1)


def test_draws_fill_their_ranges() -> None:
    wide = Randomization.wide()
    draws = wide.draw(np.random.default_rng(0), 5000)
    for name in FACTORS:
        low, high = getattr(wide, name)
        margin = 0.01 * (high - low)
        assert draws[name].min() < low + margin
        assert draws[name].max() > high - margin
    assert draws["bias"].std() == pytest.approx(wide.position_noise, rel=0.05)


@pytest.mark.parametrize("task", [PickCube(), PegInsert()], ids=lambda task: task.name)
def test_without_randomization_the_model_stays_as_it_is(task: Task) -> None:
    model, none = _model(task), Randomization()
    before = _arrays(model)
    draw = _draw(none)
    ModelDraw(_model(task), none).write(model, draw)
    np.testing.assert_equal(_arrays(model), before)
    assert not draw["delay"].any()
    assert not draw["bias"].any()


@pytest.mark.parametrize("task", [PickCube(), PegInsert()], ids=lambda task: task.name)
def test_an_episode_leaves_no_trace_in_the_next(task: Task) -> None:
    wide, nominal = Randomization.wide(), _model(task)
    written, fresh = _model(task), _model(task)
    first, second = _draw(wide, seed=1), _draw(wide, seed=2)
    for draw in (first, second):
        ModelDraw(nominal, wide).write(written, draw)
    ModelDraw(nominal, wide).write(fresh, second)
    np.testing.assert_equal(_arrays(written), _arrays(fresh))


def test_each_factor_scales_what_it_names() -> None:
    nominal = _model(PickCube())
    model, one = _model(PickCube()), Randomization()
    draw = _draw(one, mass=1.3, friction=0.7, gain=1.1, object_size=1.05, light=0.8)
    ModelDraw(nominal, one).write(model, draw)
    cube, before = model.body("cube"), nominal.body("cube")
    np.testing.assert_allclose(cube.mass, 1.3 * before.mass)
    np.testing.assert_allclose(cube.inertia, 1.3 * 1.05**2 * before.inertia)
    assert model.body("hand").mass == nominal.body("hand").mass
    np.testing.assert_allclose(model.geom_friction[:, 0], 0.7 * nominal.geom_friction[:, 0])
    np.testing.assert_allclose(model.actuator_gainprm[:, 0], 1.1 * nominal.actuator_gainprm[:, 0])
    np.testing.assert_allclose(model.actuator_biasprm, 1.1 * nominal.actuator_biasprm)
    np.testing.assert_allclose(model.geom("cube").size, 1.05 * nominal.geom("cube").size)
    np.testing.assert_array_equal(model.geom("table").size, nominal.geom("table").size)
    np.testing.assert_allclose(model.light_diffuse, 0.8 * nominal.light_diffuse)
    for name in ("ambient", "diffuse"):
        head, usual = (getattr(one.vis.headlight, name) for one in (model, nominal))
        np.testing.assert_allclose(head, 0.8 * usual, rtol=1e-6)


@pytest.mark.parametrize("size", [0.95, 1.05])
def test_a_cube_of_another_size_stands_on_the_table_from_the_start(size: float) -> None:
    other = EnvConfig(randomization=Randomization(object_size=(size, size)), threads=1)
    with MujocoEnv(PickCube(), 1, config=other) as env:
        steps = [env.reset(seed=0), *(env.step(env.action_spec.zeros(1)) for _ in range(10))]
        heights = [step.observation["state"][0, -1] for step in steps]
    np.testing.assert_allclose(heights, heights[-1], atol=2e-4)


@pytest.mark.parametrize("factor", [0.7, 1.0, 1.4])
def test_contact_forces_are_scaled_for_the_mass_as_the_engine_would(factor: float) -> None:
    """With the weights of a lighter cube a pushed one flies off after a while."""
    model, one = _model(PickCube()), Randomization()
    ModelDraw(_model(PickCube()), one).write(model, _draw(one, mass=factor, object_size=1.1))
    mine = _arrays(model)
    mujoco.mj_setConst(model, mujoco.MjData(model))
    for name in ("body_invweight0", "dof_invweight0", "body_subtreemass"):
        np.testing.assert_allclose(mine[name][1:], getattr(model, name)[1:], rtol=1e-9)


def test_a_grown_cube_is_felt_at_its_new_surface() -> None:
    """The engine rules contacts out by bounds of its own, which must grow as well."""
    nominal, one = _model(PickCube()), Randomization()
    model = _model(PickCube())
    ModelDraw(nominal, one).write(model, _draw(one, object_size=1.05))
    data = mujoco.MjData(model)
    data.qpos[:9] = [*panda.Q_READY, panda.FINGER_TRAVEL, panda.FINGER_TRAVEL]
    mujoco.mj_kinematics(model, data)
    half = model.geom("cube").size[1]
    beside = panda.FINGER_TRAVEL - half + 0.0002
    data.joint("cube").qpos[:3] = data.site(panda.TOOL_SITE).xpos + np.array([0, beside, 0])
    mujoco.mj_forward(model, data)
    assert data.ncon > 0


def test_cameras_move_within_their_range() -> None:
    wide, nominal = Randomization.wide(), _model(PickCube())
    model = _model(PickCube())
    draws = wide.draw(np.random.default_rng(0), 20)
    for world in range(20):
        ModelDraw(nominal, wide).write(model, {name: v[world] for name, v in draws.items()})
        shift = np.abs(model.cam_pos - nominal.cam_pos)
        assert 0 < shift.max() <= wide.camera_position
        cosines = np.abs(np.sum(model.cam_quat * nominal.cam_quat, axis=1))
        angle = 2 * np.arccos(np.minimum(cosines, 1))
        assert 0 < angle.max() <= np.sqrt(3) * wide.camera_angle


@pytest.mark.parametrize("name", FACTORS)
@pytest.mark.parametrize("bad", [(1.2, 0.8), (-0.1, 1.0), (float("nan"), 1.0)])
def test_what_is_no_range_is_refused_by_name(name: str, bad: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=rf"{name}=.*low <= high"):
        replace(Randomization(), **{name: bad})


def test_every_range_of_the_wide_preset_differs_from_none() -> None:
    none, wide = Randomization(), Randomization.wide()
    for field in fields(Randomization):
        assert getattr(none, field.name) != getattr(wide, field.name)
