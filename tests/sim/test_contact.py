"""The product of two coefficients is the larger one of MuJoCo's, where the task needs it."""

import pytest

from sim.contact import contact_friction
from sim.peg_insert import PegInsert
from sim.pick_cube import PickCube
from sim.push import Push
from sim.scene import task_model
from sim.task import Task


@pytest.mark.parametrize(
    ("task", "partners", "meant"),
    [
        (PegInsert(), ("peg", "block"), 0.4),
        (PickCube(), ("cube", "world"), 1.0),
        (PickCube(), ("cube", "left_finger"), 1.0),
        (Push(), ("cube", "world"), 1.0),
        (Push(), ("cube", "right_finger"), 1.0),
        (Push(), ("left_finger", "world"), 1.0),
    ],
)
def test_the_product_is_the_friction_of_the_pair(
    task: Task, partners: tuple[str, str], meant: float
) -> None:
    friction = contact_friction(task_model(task))
    assert friction[partners[0]] * friction[partners[1]] == pytest.approx(meant)


def test_what_touches_nothing_has_none() -> None:
    assert "goal" not in contact_friction(task_model(Push()))
