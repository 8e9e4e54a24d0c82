"""Two descriptions of data agree, or the answer says what is there and what was asked for."""

from dataclasses import replace

import pytest

from robot_rl.env import ArraySpec
from robot_rl.schema import Schema, SchemaError

CUBE = Schema(
    {"state": ArraySpec((24,))}, ArraySpec((7,), low=-1, high=1), 0.05, "pick_cube", {"joints": 7}
)


def _refusal(held: Schema, asked: Schema) -> list[str]:
    with pytest.raises(SchemaError) as caught:
        held.expect(asked, "data/cube")
    return str(caught.value).splitlines()


def test_another_environment_is_named_first_and_from_where_the_user_stands() -> None:
    reach = replace(CUBE, env="reach", observation={"state": ArraySpec((22,))})
    assert _refusal(CUBE, reach) == [
        "data/cube does not fit: it holds pick_cube, you asked for reach; "
        "choose another folder, or that environment:",
        "  observation.state.shape: expected [24], got [22]",
    ]


def test_another_environment_is_refused_even_if_its_arrays_look_the_same() -> None:
    [line] = _refusal(CUBE, replace(CUBE, env="push"))
    assert line.endswith(
        "it holds pick_cube, you asked for push; choose another folder, or that environment"
    )


def test_an_environment_without_a_name_is_called_so() -> None:
    [line] = _refusal(replace(CUBE, env=""), CUBE)
    assert "it holds an unnamed environment, you asked for pick_cube" in line


def test_other_settings_of_the_same_environment_are_listed() -> None:
    assert _refusal(CUBE, replace(CUBE, dt=0.1)) == [
        "data/cube holds other data:",
        "  dt: expected 0.05, got 0.1",
    ]


def test_older_descriptions_are_of_whole_pictures() -> None:
    image = ArraySpec((32, 32, 3), "uint8", 0, 255)
    pictures = replace(CUBE, observation={"images/front": image})
    content = pictures.to_json()
    del content["observation"]["images/front"]["crop"]
    assert Schema.from_json(content) == pictures
    cropped = {"images/front": replace(image, crop=(0.25, 0.35, 0.75, 0.85))}
    [_, line] = _refusal(pictures, replace(pictures, observation=cropped))
    assert line.endswith("crop: expected [], got [0.25, 0.35, 0.75, 0.85]")


def test_contracts_may_differ() -> None:
    CUBE.expect(replace(CUBE, contract={}), "data/cube")
