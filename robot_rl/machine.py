"""What a number was measured on, and what a run was made with: processor, versions, revision."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from robot_rl import __version__

PACKAGES = ("numpy", "torch", "mujoco", "gymnasium", "zarr")
"""Distributions whose version changes what a run does."""


def versions(packages: tuple[str, ...] = PACKAGES) -> dict[str, str | None]:
    """Installed version of each distribution, None where it is missing; imports none of them."""
    return {package: _version(package) for package in packages}


def describe_machine() -> dict[str, str | int | None]:
    """Processor, usable cores, system, and the versions of Python, this and ``PACKAGES``."""
    return {
        "cpu": _cpu(),
        "cores": usable_cores(),
        "system": platform.system(),
        "python": platform.python_version(),
        "robot_rl": __version__,
        **versions(),
    }


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def boot() -> str:
    """Differs after each start of the machine; empty where the system does not say."""
    file = Path("/proc/sys/kernel/random/boot_id")
    return file.read_text(encoding="ascii").strip() if file.exists() else ""


def git_revision() -> str | None:
    """Commit of the checkout this code runs from, with ``+dirty`` where tracked files differ.

    None for an installed wheel, also inside somebody else's repository.
    """
    if _git("ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None
    commit = _git("rev-parse", "HEAD")
    changes = _git("status", "--porcelain", "--untracked-files=no")
    return f"{commit}+dirty" if changes else commit


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _git(*arguments: str) -> str | None:
    """Output of git in the folder of this file; None if it fails or there is no git."""
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
