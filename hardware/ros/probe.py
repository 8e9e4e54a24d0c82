"""Run as a program: makes a node and says which ROS 2 this Python has, or fails as all nodes would.

A process of its own, for some faults end it without an exception: a middleware that is not
installed exits with 102 when rclpy is imported.
"""

from __future__ import annotations

import importlib
import json
from importlib import metadata
from pathlib import Path

import rclpy
from rclpy.utilities import get_rmw_implementation_identifier

PACKAGES = (
    *("builtin_interfaces", "diagnostic_msgs", "geometry_msgs", "lifecycle_msgs", "rcl_interfaces"),
    *("rosgraph_msgs", "sensor_msgs", "std_msgs", "std_srvs", "trajectory_msgs"),
)
"""Message packages that the nodes need."""


def main() -> None:
    """Prints version, folder and middleware as JSON."""
    for package in PACKAGES:
        importlib.import_module(f"{package}.{'srv' if package == 'std_srvs' else 'msg'}")
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    rclpy.create_node("probe", context=context).destroy_node()
    found = {
        "version": _version(),
        "folder": str(Path(rclpy.__file__).parent),
        "middleware": get_rmw_implementation_identifier(),
    }
    print(json.dumps(found))
    context.shutdown()


def _version() -> str:
    try:
        return metadata.version("rclpy")
    except metadata.PackageNotFoundError:
        return "of unknown version"


if __name__ == "__main__":
    main()
