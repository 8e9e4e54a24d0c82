"""Whom the nodes of this terminal can find."""

from __future__ import annotations

from collections.abc import Mapping

RANGE = "ROS_AUTOMATIC_DISCOVERY_RANGE"
LOCAL = "ROS_LOCALHOST_ONLY"
"""What it was called before ROS 2 Iron; it still counts, and counts more."""
REACH = {
    "SUBNET": "nodes of the whole subnet",
    "LOCALHOST": "nodes of this machine only",
    "SYSTEM_DEFAULT": "nodes as the middleware's own settings say",
}


def reach(environment: Mapping[str, str]) -> str:
    """The discovery range that counts."""
    if environment.get(LOCAL) == "1":
        return "LOCALHOST"
    return environment.get(RANGE) or "SUBNET"
