"""A setting of the simulation that makes no sense is refused by its name."""

from collections.abc import Callable

import pytest

from sim.config import PHYSICS_DT, EnvConfig
from sim.environments import make_reach
from sim.peg_insert import PegInsert
from sim.pick_cube import PickCube
from sim.push import Push
from sim.randomization import Randomization
from sim.reach import Reach
from sim.scene import arm_scene
from sim.task import Box, Start

UPSIDE_DOWN = ((0.3, -0.3, 0.4), (0.7, 0.3, 0.1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EnvConfig(control_dt=0.0), "control_dt is 0.0; give a number above 0"),
        (lambda: EnvConfig(control_dt=0.001), "control_dt is 0.001; give at least 0.002"),
        (lambda: EnvConfig(control_dt=1 / 30), "control_dt is 0.033.*multiple of 0.002.*0.034"),
        (lambda: EnvConfig(control_dt=float("nan")), "control_dt is nan"),
        (lambda: Randomization(mass=(0.0, 1.0)), r"mass=\(0.0, 1.0\) makes objects of nothing"),
        (lambda: EnvConfig(control_dt=float("inf")), "control_dt is inf"),
        (lambda: EnvConfig(translation=-0.01), "translation is -0.01"),
        (lambda: EnvConfig(rotation=0.0), "rotation is 0.0"),
        (lambda: EnvConfig(tilt=-0.1), "tilt is -0.1; give 0 or a number above it"),
        (lambda: EnvConfig(yaw=-0.1), "yaw is -0.1"),
        (lambda: EnvConfig(image_size=0), "image_size is 0; give an integer, at least 1"),
        (lambda: make_reach(image_size=64.5), "image_size is 64.5; give an integer"),
        (lambda: EnvConfig(threads=-1), "threads is -1; give an integer, at least 0"),
        (lambda: EnvConfig(workspace=UPSIDE_DOWN), "workspace is .*; give the lowest x, y, z"),
        (lambda: Randomization(force_noise=-1.0), "force_noise is -1.0"),
        (lambda: PegInsert(clearance=0.0), "clearance is 0.0; give a number above 0"),
        (lambda: PegInsert(peg_width=-0.02), "peg_width is -0.02"),
        (lambda: PegInsert(block_height=0.0), "block_height is 0.0"),
        (lambda: PegInsert(insertion_depth=0.0), "insertion_depth is 0.0"),
        (lambda: PegInsert(hole_yaw=-0.1), "hole_yaw is -0.1"),
        (lambda: PickCube(cube_half=0.0), "cube_half is 0.0"),
        (lambda: PickCube(lift=0.0), "lift is 0.0"),
        (lambda: PickCube(cube_yaw=-0.1), "cube_yaw is -0.1"),
        (lambda: Push(tolerance=0.0), "tolerance is 0.0"),
        (lambda: Reach(tolerance=-0.01), "tolerance is -0.01"),
        (lambda: make_reach(tolerance="small"), "tolerance is 'small'; give a number above 0"),
        (lambda: Box((0.5, 0.0, 0.0), (0.1, -0.1, 0.0)), "half is"),
        (lambda: Start(yaw=-0.1), "yaw is -0.1"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        make()


def test_the_shortest_policy_step_is_a_step_of_the_physics() -> None:
    assert arm_scene().compile().opt.timestep == PHYSICS_DT


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: make_reach(dense="flase"), "dense is 'flase'; give a bool, e.g. False"),
        (lambda: make_reach(goal=0.5), "goal is 0.5; give a Box, e.g. Box"),
        (lambda: make_reach(randomization=2), "randomization is 2; give a Randomization"),
    ],
)
def test_a_flag_or_box_is_no_other_thing(make: Callable[[], object], message: str) -> None:
    with pytest.raises(TypeError, match=f"^{message}"):
        make()
