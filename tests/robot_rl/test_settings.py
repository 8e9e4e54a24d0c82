"""Settings survive the round trip, and a file that does not fit is answered by the field's name."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.settings import SettingsError, from_json, load_settings, save_settings, to_json


@dataclass(frozen=True)
class Learner:
    rate: float = 3e-4
    hidden: tuple[int, ...] = (256, 256)
    head: Literal["scalar", "categorical"] = "scalar"
    bounds: tuple[float, float] | None = None


@dataclass(frozen=True)
class Other:
    size: int = 1


@dataclass(frozen=True)
class Settings:
    learner: Learner = field(default_factory=Learner)
    steps: int = 1000
    resume: bool = False
    folder: Path | None = None
    boxes: tuple[tuple[float, float], ...] = ()
    weights: dict[str, float] = field(default_factory=dict)
    variant: Learner | Other = field(default_factory=Other)


NUMBERS = st.floats(allow_nan=False)
LEARNERS = st.builds(
    Learner,
    rate=NUMBERS,
    hidden=st.lists(st.integers(1, 4096), max_size=4).map(tuple),
    head=st.sampled_from(("scalar", "categorical")),
    bounds=st.none() | st.tuples(NUMBERS, NUMBERS),
)
SETTINGS = st.builds(
    Settings,
    learner=LEARNERS,
    steps=st.integers(),
    resume=st.booleans(),
    folder=st.none() | st.sampled_from((Path("runs/a"), Path("/tmp"))),
    boxes=st.lists(st.tuples(NUMBERS, NUMBERS), max_size=3).map(tuple),
    weights=st.dictionaries(st.text(), NUMBERS, max_size=3),
    variant=st.builds(Other, size=st.integers()),
)


@given(SETTINGS)
def test_the_round_trip_through_strict_json_changes_nothing(settings: Settings) -> None:
    text = json.dumps(to_json(settings), allow_nan=False)
    assert from_json(Settings, json.loads(text)) == settings


def test_a_file_round_trip_changes_nothing(tmp_path: Path) -> None:
    settings = Settings(learner=Learner(bounds=(0.0, 1.0)), folder=Path("runs"))
    save_settings(settings, tmp_path / "config.json")
    assert load_settings(Settings, tmp_path / "config.json") == settings


def test_missing_fields_have_their_defaults() -> None:
    assert from_json(Settings, {"learner": {"rate": 1}}) == Settings(learner=Learner(rate=1.0))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"learner": {"hiden": [1]}},
            r"settings\.learner has no field 'hiden' \(did you mean 'hidden'\?\); "
            r"valid are rate, hidden, head, bounds",
        ),
        (
            {"learner": {"head": "categorial"}},
            r"settings\.learner\.head is 'categorial' \(did you mean 'categorical'\?\); "
            r"choose 'scalar', 'categorical'",
        ),
        ({"steps": 1.5}, r"settings\.steps is 1\.5; give an integer"),
        ({"steps": True}, r"settings\.steps is True; give an integer"),
        ({"resume": 1}, r"settings\.resume is 1; give true or false"),
        ({"learner": {"rate": "fast"}}, r"settings\.learner\.rate is 'fast'; give a number"),
        ({"learner": {"hidden": [8, "x"]}}, r"settings\.learner\.hidden\[1\] is 'x'"),
        ({"learner": {"bounds": [0, 1, 2]}}, r"learner\.bounds has 3 elements, .*; give 2"),
        ({"learner": 3}, r"settings\.learner is 3; give an object"),
        ({"weights": {"a": None}}, r"settings\.weights\.a is None; give a number"),
    ],
)
def test_what_does_not_fit_is_named_with_what_would(values: dict, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        from_json(Settings, values)


def test_a_field_without_default_that_is_missing_is_named() -> None:
    @dataclass(frozen=True)
    class Needs:
        seed: int

    with pytest.raises(SettingsError, match=r"settings: .*'seed'"):
        from_json(Needs, {})


def test_a_broken_file_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"steps": 1,\n "resume": }')
    with pytest.raises(SettingsError, match=r"config\.json is no JSON: .*line 2"):
        load_settings(Settings, path)


def test_an_array_is_refused_as_a_setting() -> None:
    with pytest.raises(SettingsError, match="is no setting"):
        to_json({"weights": np.zeros(2)})
