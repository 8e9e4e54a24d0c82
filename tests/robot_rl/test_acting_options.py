"""A policy takes along what it was trained with, to whatever it acts on."""

from dataclasses import replace

import pytest

from robot_rl.acting_options import acting_options, task_of
from robot_rl.demonstrations import schema_of
from robot_rl.env import ArraySpec
from robot_rl.environments import make_env, parse_options
from robot_rl.schema import Schema


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("action_history=2", "leash=2.0"),
        ("relative_frame=True", "translation=0.02", "privileged=False", "clearance=0.0005"),
        ("cameras=front,wrist", "image_size=32"),
        ("cameras=front", "image_size=32", "frame_stack=3"),
        ("cameras=front,wrist", "image_size=32", "crop=wrist:0.25:0.35:0.75:0.85"),
    ],
)
def test_what_is_made_with_them_observes_the_same(options: tuple[str, ...]) -> None:
    with make_env("peg_insert", **parse_options(options)) as env:
        schema = schema_of(env, "peg_insert", options)
    with make_env("peg_insert", **acting_options(schema)) as other:
        assert schema.differences(Schema.of(other, "peg_insert")) == []


def test_frames_are_stacked_only_for_who_sees_them() -> None:
    options = ("cameras=front", "image_size=32", "frame_stack=3")
    with make_env("reach", **parse_options(options)) as env:
        schema = schema_of(env, "reach", options)
    blind = replace(schema, observation={"state": schema.observation["state"]})
    assert acting_options(blind) == {}


@pytest.mark.parametrize(
    ("shapes", "size"),
    [
        (((64, 64, 3), (64, 64, 3)), {"image_size": 64}),
        (((480, 640, 3),), {}),
        (((64, 64, 3), (128, 128, 3)), {}),
    ],
)
def test_pictures_are_shrunk_where_they_were_squares_of_one_size(
    shapes: tuple[tuple[int, ...], ...], size: dict[str, int]
) -> None:
    images = {f"images/{n}": ArraySpec(shape, "uint8", 0, 255) for n, shape in enumerate(shapes)}
    with make_env("reach") as env:
        schema = replace(schema_of(env, "reach", ()), observation=images)
    options = acting_options(schema)
    assert {name: options[name] for name in options if name != "cameras"} == size


def test_what_is_of_the_simulator_alone_stays_there() -> None:
    with make_env("reach") as env:
        schema = schema_of(env, "reach", ("randomization=wide", "rotation=0.2", "linger=3"))
    assert acting_options(schema) == {"rotation": 0.2}


@pytest.mark.parametrize(
    ("name", "options", "task"),
    [
        ("peg_insert", (), "peg_insert"),
        ("twin_reach", (), "reach"),
        ("robot", ("robot=twin", "task=push"), "push"),
        ("robot", ("robot=my_arm.yaml", "task="), ""),
    ],
)
def test_a_robot_is_given_the_task_that_was_learned(
    name: str, options: tuple[str, ...], task: str
) -> None:
    with make_env("point") as env:
        assert task_of(schema_of(env, name, options)) == task
