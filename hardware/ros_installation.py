"""The ROS 2 of this machine: which one, whether it fits this Python, and why it does not come up.

Nothing of ROS is imported here: a process of its own tries (``hardware.ros.probe``), and what it
says when it fails is explained.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from hardware.finding import Finding
from hardware.shared_memory import take_back

PROBE = Path(__file__).parent / "ros" / "probe.py"
OURS = f"{sys.version_info.major}.{sys.version_info.minor}"
"""This Python, as folders of packages are named after it."""
_PATIENCE = 30.0
"""How long a node may take to be made [s]."""
_WHEELS = 'pip install -e ".[ros]"'
_GUARD = "_ROS_WHEELS_BOOTSTRAP_COMPLETE"
"""Set by the pip wheels once they have set the library path, so that they do it once."""
_COLOUR = re.compile(r"\x1b?\[[0-9;]*m")


class Probe(NamedTuple):
    """What became of the try to make a node."""

    found: dict[str, str]
    """``version``, ``folder`` and ``middleware``; empty if it failed."""
    said: str
    """What ROS wrote to standard error."""


class Sourced(NamedTuple):
    """A ROS 2 that the environment names."""

    python: str
    """The Python it is for, e.g. ``3.12``."""
    folder: str


def probe_ros(environment: Mapping[str, str] | None = None) -> Probe:
    """Makes a node in a process of its own.

    Args:
        environment: The process's; None takes ours.
    """
    take_back()
    command = [sys.executable, "-P", str(PROBE)]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_PATIENCE
        )
    except subprocess.TimeoutExpired:
        return Probe({}, f"no node came up within {_PATIENCE:g} s")
    try:
        return Probe(json.loads(done.stdout), done.stderr)
    except ValueError:
        return Probe({}, done.stderr or f"it ended with status {done.returncode} and said nothing")


def installation(probe: Probe, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Version and origin of rclpy and its middleware, or why they do not come up."""
    if not probe.found:
        yield explain(probe.said, environment)
        return
    folder = probe.found["folder"]
    wheels = (Path(folder).parent / "ros_rclpy.libs").is_dir()
    origin = "from pip" if wheels else f"ROS 2 {environment.get('ROS_DISTRO', '')}".rstrip()
    detail = f"{probe.found['version']}, {origin}, for Python {OURS}, in {folder}"
    yield Finding("rclpy", "ok", detail)
    chosen = "RMW_IMPLEMENTATION" if environment.get("RMW_IMPLEMENTATION") else "the default"
    yield Finding("middleware", "ok", f"{probe.found['middleware']}, {chosen}")


def explain(said: str, environment: Mapping[str, str]) -> Finding:
    """Why ROS does not come up, and what to do, by what it said."""
    for reason in (_middleware, _old_library, _library_path, _other_python, _missing, _domain):
        if (finding := reason(said, environment)) is not None:
            return finding
    lines = [line for line in said.splitlines() if line.strip()]
    last = plain(lines[-1]) if lines else "it said nothing"
    return Finding("rclpy", "problem", last, "mend what it names, or install ROS 2 again")


def sourced(environment: Mapping[str, str]) -> list[Sourced]:
    """Every rclpy on the paths that a ``setup.bash`` sets, and the Python that it is for."""
    prefixes = _paths(environment, "AMENT_PREFIX_PATH")
    patterns = ("lib/python3*/site-packages", "local/lib/python3*/dist-packages")
    folders = [found for prefix in prefixes for p in patterns for found in prefix.glob(p)]
    folders += _paths(environment, "PYTHONPATH")
    found = {}
    for folder in folders:
        versions = re.findall(r"/python(3\.\d+)/", f"{folder}/")
        if versions and (folder / "rclpy").is_dir():
            found[str(folder)] = Sourced(versions[-1], str(folder))
    return list(found.values())


def plain(line: str) -> str:
    """A line of a log without colours and without its place in the source."""
    return _COLOUR.sub("", line).partition(" -> Function")[0].partition(", at /")[0].strip()


def _paths(environment: Mapping[str, str], variable: str) -> list[Path]:
    return [Path(path) for path in environment.get(variable, "").split(os.pathsep) if path]


def _middleware(said: str, environment: Mapping[str, str]) -> Finding | None:
    wanted = re.search(r"xpected.* identifier of '(\w+)'", said)
    if wanted is None:
        return None
    there = re.search(r"instead found '(\w+)'", said)
    only = f", only {there[1]} is" if there else ""
    distribution = environment.get("ROS_DISTRO", "<distribution>")
    package = f"ros-{distribution}-{wanted[1].replace('_', '-')}"
    return Finding(
        "middleware",
        "problem",
        f"RMW_IMPLEMENTATION is {wanted[1]}, which is not installed{only}; rclpy ends the process",
        f"unset RMW_IMPLEMENTATION, or apt install {package}",
    )


def _old_library(said: str, _: Mapping[str, str]) -> Finding | None:
    """Conda brings a libstdc++ of its own, which may be older than the one ROS was built with."""
    old = re.search(
        r"(\S+): version [`'](GLIBCXX_[\d.]+)' not found(?: \(required by (\S+)\))?", said
    )
    if old is None:
        return None
    by = f", which {Path(old[3]).name} needs" if old[3] else ""
    detail = f"Python runs with {old[1]}, which is too old: it lacks {old[2]}{by}"
    remedy = "unset LD_LIBRARY_PATH, or apt install --only-upgrade libstdc++6"
    if "conda" in old[1] or "mamba" in old[1] or "forge" in old[1]:
        remedy = "conda install -c conda-forge 'libstdcxx-ng>=12', or a venv of the system's Python"
    return Finding("rclpy", "problem", detail, remedy)


def _library_path(said: str, environment: Mapping[str, str]) -> Finding | None:
    missing = re.search(r"(\S+\.so\S*): cannot open shared object file", said)
    if missing is None:
        return None
    remedy = "source the setup.bash of ROS 2 in this terminal again"
    if _GUARD in environment:
        remedy = f"unset {_GUARD} LD_LIBRARY_PATH: the wheels set the library path by themselves"
    detail = f"{missing[1]} is not found: LD_LIBRARY_PATH does not lead to the libraries of ROS 2"
    return Finding("rclpy", "problem", detail, remedy)


def _other_python(said: str, environment: Mapping[str, str]) -> Finding | None:
    others = [ros for ros in sourced(environment) if ros.python != OURS]
    if not others or not re.search(r"No module named '(rclpy|_rclpy)|_rclpy_pybind11", said):
        return None
    python, folder = others[0]
    detail = f"this is Python {OURS}, and the sourced ROS 2 is for Python {python}, in {folder}"
    remedy = f"a terminal that has sourced no ROS 2, and there {_WHEELS}"
    if tuple(map(int, python.split("."))) >= (3, 11):
        remedy = f"python{python} -m venv .venv, and there pip install -e .; or {remedy}"
    return Finding("rclpy", "problem", detail, remedy)


def _missing(said: str, environment: Mapping[str, str]) -> Finding | None:
    module = re.search(r"No module named '(\w+)", said)
    if module is None:
        return None
    name, distribution = module[1].replace("_", "-"), environment.get("ROS_DISTRO")
    if module[1] != "rclpy":
        remedy = f"apt install ros-{distribution}-{name}" if distribution else _WHEELS
        return Finding("rclpy", "problem", f"there is no {module[1]}", remedy)
    installed = sorted(Path("/opt/ros").glob("*/setup.bash"))
    setup = installed[-1] if installed else "/opt/ros/<distribution>/setup.bash"
    detail = f"no rclpy for Python {OURS} at {sys.executable}"
    return Finding("rclpy", "problem", detail, f"source {setup}, or {_WHEELS}")


def _domain(said: str, environment: Mapping[str, str]) -> Finding | None:
    if "ROS_DOMAIN_ID" not in said and "domainId" not in said:
        return None
    detail = f"ROS_DOMAIN_ID is {environment.get('ROS_DOMAIN_ID')!r}"
    return Finding("rclpy", "problem", detail, "export ROS_DOMAIN_ID=0, or another up to 101")
