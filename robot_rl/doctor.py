"""What this machine has, what it lacks, and the line to type for each thing that is missing."""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

from robot_rl.machine import describe_machine, git_revision, usable_cores, versions

if TYPE_CHECKING:
    from rich.table import Table

Status = Literal["ok", "absent", "problem"]
"""``absent`` is something optional that is not there; only a ``problem`` stops anything."""

TOP_LEVEL_PACKAGES = ("robot_rl", "controllers", "sim", "hardware")
DISTRIBUTION = "robot-rl"
FREE_SPACE = 5e9
"""Room that a few runs with pictures take [bytes]."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    status: Status
    detail: str
    remedy: str = ""
    """What to type or do; empty if there is nothing to do."""


def diagnose(runs: str | Path = "runs") -> list[Finding]:
    """Looks at everything a run may need; a check that fails is itself a finding.

    Args:
        runs: Folder that runs are written to.
    """
    checks: list[Callable[[], Iterator[Finding]]] = [
        _python,
        _packages,
        _owners,
        _shadows,
        _torch,
        _opencv,
        _renderer,
        _optional,
        _ros,
        _cameras,
        lambda: _runs(Path(runs)),
    ]
    return [finding for check in checks for finding in _guarded(check)]


def diagnose_robot(
    robot: str, namespace: str = "", mode: str = "", seconds: float = 3.0
) -> list[Finding]:
    """Looks at everything between this terminal and a robot.

    Args:
        robot: Contract: name of a preset, or path of a YAML file.
        namespace: Of the robot's nodes.
        mode: Command mode; empty takes the contract's own.
        seconds: How long to listen to the robot's topics [s].
    """

    def robot_check() -> Iterator[Finding]:
        # By name: robot_rl knows no hardware until somebody asks for a robot.
        module = importlib.import_module("hardware.robot_doctor")
        for found in module.examine_robot(robot, namespace, seconds, mode):
            yield Finding(*found)

    return _guarded(robot_check)


def report(findings: list[Finding], file: TextIO | None = None) -> None:
    """Prints findings: as a table folded to the terminal, elsewhere in one line each.

    Args:
        findings: What ``diagnose`` returned.
        file: Where to; None is standard output.
    """
    from rich.console import Console

    console = Console(file=file)
    if console.is_terminal:
        console.print(as_table(findings))
    else:
        print(*map(_line, findings), sep="\n", file=file)


def required() -> tuple[str, ...]:
    """Distributions that robot-rl cannot do without, as its own installed metadata names them.

    Raises:
        PackageNotFoundError: If robot-rl is not installed, but run from a checkout.
    """
    lines = metadata.requires(DISTRIBUTION) or []
    names = (re.match(r"[\w.-]+", line) for line in lines if "extra ==" not in line)
    return tuple(name[0] for name in names if name)


def as_table(findings: list[Finding]) -> Table:
    """For printing with rich."""
    from rich.table import Table
    from rich.text import Text

    styles: dict[Status, str] = {"ok": "green", "absent": "dim", "problem": "bold red"}
    table = Table(box=None, pad_edge=False)
    for header in ("status", "subject", "found", "to do"):
        table.add_column(header, overflow="fold")
    for finding in findings:
        status = Text(finding.status, style=styles[finding.status])
        table.add_row(status, Text(finding.subject), Text(finding.detail), Text(finding.remedy))
    return table


def _line(finding: Finding) -> str:
    to_do = f"; to do: {finding.remedy}" if finding.remedy else ""
    return f"{finding.status:8} {finding.subject}: {finding.detail}{to_do}"


def _guarded(check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    findings: list[Finding] = []
    try:
        findings.extend(check())
    except Exception as error:  # Whatever a broken driver raises is what the user came to see.
        name = getattr(check, "__name__", "check").strip("_<>")
        findings.append(Finding(name, "problem", f"{type(error).__name__}: {error}"))
    return findings


def _python() -> Iterator[Finding]:
    machine = describe_machine()
    detail = f"{machine['python']} at {sys.executable}"
    recent = sys.version_info >= (3, 11)
    remedy = "" if recent else "install Python 3.11 or newer"
    yield Finding("python", "ok" if recent else "problem", detail, remedy)
    where = f"{machine['cpu']}, {machine['cores']} cores, {platform.platform()}"
    yield Finding("machine", "ok", where)
    revision = git_revision() or "not a git checkout"
    yield Finding("robot_rl", "ok", f"{machine['robot_rl']}, {revision}")


def _packages() -> Iterator[Finding]:
    try:
        found = versions(required())
    except metadata.PackageNotFoundError:
        detail = f"{DISTRIBUTION} is not installed, so it does not say what it requires"
        yield Finding("packages", "absent", detail, "pip install -e .")
        return
    # The same module without windows; a machine has one or the other.
    if found.get("opencv-python", "") is None:
        found |= {"opencv-python": versions(("opencv-python-headless",)).popitem()[1]}
    missing = [name for name, version in found.items() if version is None]
    present = ", ".join(f"{name} {version}" for name, version in found.items() if version)
    yield Finding("packages", "ok", present)
    if missing:
        yield Finding("packages", "problem", f"missing: {', '.join(missing)}", "pip install -e .")


def _owners() -> Iterator[Finding]:
    """Pip lets two distributions write the same top-level package, the later over the earlier."""
    owners = metadata.packages_distributions()
    for package in TOP_LEVEL_PACKAGES:
        others = sorted(set(owners.get(package, [])) - {DISTRIBUTION})
        if others:
            detail = f"package {package!r} belongs to robot-rl and to {', '.join(others)}"
            remedy = f"pip uninstall {' '.join(others)}, then pip install -e . again"
            yield Finding("name clash", "problem", detail, remedy)


def _shadows() -> Iterator[Finding]:
    """Python takes a package of the working directory before the installed one of that name."""
    here = Path.cwd()
    for package in (*TOP_LEVEL_PACKAGES, "launch"):
        spec = PathFinder.find_spec(package, [str(here), *sys.path])
        # A folder without __init__.py gives way to every package of its name.
        if spec is None or spec.origin is None:
            continue
        found = Path(spec.origin).resolve()
        ours = Path(__file__).resolve().parents[1] / package
        if found.is_relative_to(here) if package == "launch" else found.parent != ours:
            owner = "ROS's" if package == "launch" else "robot-rl's"
            detail = f"{found} hides {owner} package {package!r} from programs started in {here}"
            yield Finding("name clash", "problem", detail, "rename it, or start elsewhere")


def _torch() -> Iterator[Finding]:
    import torch

    yield Finding("torch", "ok", f"{torch.__version__}, {torch.get_num_threads()} threads")
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        yield Finding("cuda", "ok", f"{', '.join(names)}; CUDA {torch.version.cuda}")
    else:
        build = "a CPU build of torch" if torch.version.cuda is None else "torch sees no GPU"
        yield Finding("cuda", "absent", f"{build}; learning runs on {usable_cores()} cores")


def _opencv() -> Iterator[Finding]:
    try:
        cv2 = importlib.import_module("cv2")
    except ImportError as error:
        remedy = "apt install libgl1 libglib2.0-0, or pip install opencv-python-headless instead"
        yield Finding("opencv", "problem", str(error), remedy)
    else:
        yield Finding("opencv", "ok", cv2.__version__)


def _renderer() -> Iterator[Finding]:
    """Which of the renderers draws the cameras, said by the renderer itself."""
    module = importlib.import_module("sim.mujoco_render")
    model = importlib.import_module("mujoco").MjModel.from_xml_string("<mujoco/>")
    try:
        with module.CameraRenderer(model) as renderer:
            yield Finding("renderer", "ok", renderer.reason)
    except RuntimeError as error:
        yield Finding("renderer", "problem", str(error), "apt install libegl1 libgl1-mesa-dri")


def _optional() -> Iterator[Finding]:
    for module, purpose, remedy in (
        ("pybullet", "the twin", 'pip install -e ".[twin]"'),
        ("mujoco_warp", "thousands of worlds on a GPU", 'pip install -e ".[gpu]"'),
        ("isaaclab", "Isaac Lab's tasks", 'pip install -e ".[isaac]"'),
        ("isaacgym", "Isaac Gym's tasks", "no pip package: install Isaac Gym Preview 4 by hand"),
    ):
        if importlib.util.find_spec(module) is None:
            yield Finding(module, "absent", f"for {purpose}", remedy)
        else:
            yield Finding(module, "ok", f"for {purpose}")


def _ros() -> Iterator[Finding]:
    # Never by the name `launch`: a checkout's folder of that name looks like a package.
    if importlib.util.find_spec("rclpy") is None:
        remedy = 'source /opt/ros/<distribution>/setup.bash, or pip install -e ".[ros]"'
        yield Finding("ros 2", "absent", "for an arm behind ROS 2", remedy)
        return
    domain = os.environ.get("ROS_DOMAIN_ID", "0")
    yield Finding("ros 2", "ok", f"{os.environ.get('ROS_DISTRO', 'from pip')}, domain {domain}")


def _cameras() -> Iterator[Finding]:
    devices = sorted(Path("/dev").glob("video*"))
    if not devices:
        yield Finding("cameras", "absent", "no /dev/video*", "plug one in")
        return
    locked = [str(device) for device in devices if not os.access(device, os.R_OK | os.W_OK)]
    if locked:
        remedy = "sudo usermod -aG video $USER, then log in again"
        yield Finding("cameras", "problem", f"no permission for {', '.join(locked)}", remedy)
    else:
        yield Finding("cameras", "ok", ", ".join(map(str, devices)))


def _runs(folder: Path) -> Iterator[Finding]:
    existing = next(
        path for path in (folder.absolute(), *folder.absolute().parents) if path.exists()
    )
    free = shutil.disk_usage(existing).free
    detail = f"{folder.absolute()}, {free / 1e9:.1f} GB free"
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        remedy = f"choose another folder, or sudo chown $USER {existing}"
        yield Finding("run folder", "problem", f"cannot write to {existing}", remedy)
    elif free < FREE_SPACE:
        yield Finding("run folder", "problem", detail, "make room, or choose another folder")
    else:
        yield Finding("run folder", "ok", detail)
