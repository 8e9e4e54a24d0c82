"""A profile says in numbers what differs, and refuses numbers that no lab has."""

import dataclasses
from typing import Any

import pytest

from sim.gap import PROFILES, GapProfile, gap_profile


def test_without_a_name_nothing_differs() -> None:
    assert GapProfile() == gap_profile("none")


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_has_the_name_it_is_found_by(name: str) -> None:
    assert gap_profile(name).name == name


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(GapProfile)[2:]])
def test_lab_2_is_farther_from_the_simulator_than_lab_1(field: str) -> None:
    none, near, far = (getattr(gap_profile(name), field) for name in PROFILES)
    for nothing, little, much in zip(*map(_numbers, (none, near, far)), strict=True):
        assert abs(much - nothing) > abs(little - nothing) > 0


def _numbers(value: float | tuple[float, ...]) -> tuple[float, ...]:
    return value if isinstance(value, tuple) else (value,)


def test_an_unknown_profile_is_answered_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"no gap profile 'lab-3'; choose from none, lab-1, lab-2"):
        gap_profile("lab-3")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("observation_delay", -0.01),
        ("action_delay", float("nan")),
        ("joint_friction", -1.0),
        ("gain", 0.0),
        ("payload", 50.0),
        ("contact_friction", 0.0),
        ("camera_shift", (0.0, 5.0, 0.0)),
        ("camera_turn", (0.0, 0.0, -2.0)),
        ("light", -1.0),
        ("joint_noise", 1.0),
        ("force_noise", -1.0),
        ("pixel_noise", 300.0),
        ("dropped_frames", 1.0),
    ],
)
def test_what_no_lab_has_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"{field}=.*'odd' is out of range; choose from"):
        GapProfile("odd", **{field: value})
