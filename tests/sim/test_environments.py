"""Options are the fields of the settings; a wrong one is answered with the right ones."""

import subprocess
import sys

import pytest

from sim import environments
from sim.peg_insert import PegInsert
from sim.randomization import Randomization

FACTORIES = {
    "reach": environments.make_reach,
    "pick_cube": environments.make_pick_cube,
    "peg_insert": environments.make_peg_insert,
    "push": environments.make_push,
}


@pytest.mark.parametrize("name", FACTORIES)
def test_a_factory_makes_the_task_of_its_name(name: str) -> None:
    with FACTORIES[name](num_envs=2) as env:
        assert (env.task.name, env.num_envs) == (name, 2)


def test_options_reach_task_and_configuration() -> None:
    make = environments.make_peg_insert
    with make(clearance=0.0004, translation=0.02, cameras="front", privileged=False) as env:
        assert env.task == PegInsert(clearance=0.0004)
        assert env.config.translation == 0.02
        assert env.config.cameras == ("front",)
        assert list(env.observation_spec) == ["state", "images/front"]


@pytest.mark.parametrize(
    ("preset", "meant"),
    [("none", Randomization()), ("wide", Randomization.wide())],
)
def test_presets_of_the_randomization_have_names(preset: str, meant: Randomization) -> None:
    with environments.make_reach(randomization=preset) as env:
        assert env.config.randomization == meant


def test_an_unknown_option_is_answered_with_the_valid_ones() -> None:
    with pytest.raises(
        TypeError, match=r"peg_insert has no option clearence; .*clearance.*threads"
    ):
        environments.make_peg_insert(clearence=0.001)


def test_an_unknown_preset_is_answered_with_the_valid_ones() -> None:
    with pytest.raises(ValueError, match=r"no randomization 'wild'; choose from none, wide"):
        environments.make_reach(randomization="wild")


def test_the_package_loads_no_engine() -> None:
    code = "import sys, sim; sys.exit('mujoco' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
