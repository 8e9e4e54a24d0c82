"""Definitions made of Python classes have the fields that another project knows of every type."""

import importlib
from typing import Any

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("rosbags")

from mcap_ros2._dynamic import generate_dynamic
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from hardware.ros.definition import definition, type_name

PACKAGES = ("sensor_msgs", "geometry_msgs", "std_msgs", "trajectory_msgs", "diagnostic_msgs")


def classes(package: str) -> list[type[Any]]:
    members = vars(importlib.import_module(f"{package}.msg")).values()
    found = [m for m in members if hasattr(m, "get_fields_and_field_types")]
    # Char is an alias of uint8 in ROS 2, and Empty has a field in IDL alone.
    return [kind for kind in found if kind.__name__ not in ("Char", "Empty")]


@pytest.mark.parametrize("package", PACKAGES)
def test_definitions_have_the_fields_that_rosbags_knows(package: str) -> None:
    known = get_typestore(Stores.ROS2_KILTED).fielddefs
    for kind in classes(package):
        for name, (_, fields) in get_types_from_msg(definition(kind), type_name(kind)).items():
            assert fields == known[name][1], name


@pytest.mark.parametrize("package", PACKAGES)
def test_a_second_reader_understands_them(package: str) -> None:
    for kind in classes(package):
        assert type_name(kind) in generate_dynamic(type_name(kind), definition(kind))
