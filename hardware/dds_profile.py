"""The Fast DDS profiles: one lets whole frames through, one keeps the arm's nodes apart from them.

Without the first, who publishes frames says that they will be lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hardware.discovery_range import LOCAL, RANGE, reach

PROFILE = Path(__file__).with_name("fastdds.xml")
"""Shared memory large enough for frames."""
CONTROL = Path(__file__).with_name("fastdds_control.xml")
"""No shared memory, which a process that is killed can block for a second."""
CONTROL_LOCAL = Path(__file__).with_name("fastdds_control_local.xml")
"""The same, for nodes that are to be found on this machine only."""
VARIABLE = "FASTDDS_DEFAULT_PROFILES_FILE"
"""Where Fast DDS looks for its profile when a process starts."""
SHARED_MEMORY = 512 * 1024
"""What Fast DDS reserves without a profile [bytes]."""
_OLDER = "FASTRTPS_DEFAULT_PROFILES_FILE"
_BESIDE = "DEFAULT_FASTDDS_PROFILES.xml"
"""Fast DDS reads this file of the working directory by itself."""


def use_dds_profile(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for a node's process, with our profile unless there is another one."""
    chosen = dict(environment)
    if not has_profile(environment):
        chosen[VARIABLE] = str(PROFILE)
    return chosen


def without_shared_memory(environment: Mapping[str, str]) -> dict[str, str]:
    """The same for a node on which the arm's motion hangs; a profile of the user's own stays."""
    chosen = use_dds_profile(environment)
    if chosen.get(VARIABLE) != str(PROFILE):
        return chosen
    if reach(environment) != "LOCALHOST":
        return chosen | {VARIABLE: str(CONTROL)}
    return chosen | {VARIABLE: str(CONTROL_LOCAL), RANGE: "SUBNET", LOCAL: "0"}


def has_profile(environment: Mapping[str, str], folder: Path | None = None) -> bool:
    """Whether Fast DDS finds a profile, ours or the user's; ``folder`` is where it runs."""
    named = environment.get(VARIABLE) or environment.get(_OLDER)
    return bool(named) or (folder or Path.cwd()).joinpath(_BESIDE).is_file()


def loss_of(size: int, environment: Mapping[str, str], folder: Path | None = None) -> str | None:
    """Why frames of ``size`` bytes will be lost on their way, or None."""
    other_dds = "fastrtps" not in environment.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp")
    if other_dds or size <= SHARED_MEMORY or has_profile(environment, folder):
        return None
    return (
        f"a frame has {size // 1024} KiB, more than the {SHARED_MEMORY // 1024} KiB that Fast DDS "
        f"passes on unharmed: most will be lost; start every process with {VARIABLE}={PROFILE}"
    )
