"""Which processes make up a robot; ``robot-rl up`` and the launch files both start what is here.

Nothing of ROS is imported: a launch file makes ``Node`` actions of the processes, ``hardware.up``
makes programs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from enum import IntEnum
from pathlib import Path
from typing import Any

from hardware.contract import Contract
from hardware.contract_file import load_contract
from hardware.node_settings import (
    ArmSettings,
    CameraSettings,
    ControllerSettings,
    PageSettings,
    PersonSettings,
    PolicySettings,
    RecorderSettings,
    SafetySettings,
    TeleopSettings,
    TwinCameraSettings,
)

TWIN = "twin"
"""The driver whose arm is simulated."""
GRACE = 2.0
"""Time in which a node ends [s]."""
FAST_STREAM = 100.0
"""Commands per simulated second to a twin that runs faster than real time [Hz]."""
SAVING = 20.0
"""Time in which the recorder makes its last episode durable [s]."""


class Stage(IntEnum):
    """Processes start in this order and end in the reverse one: the arm is the last to go."""

    ARM = 0
    SAFETY = 1
    """The safety node, the controller, and cameras."""
    SOURCE = 2
    """Whoever asks for motion, and the recorder."""


@dataclass(frozen=True)
class GraphSettings:
    """What is wanted of a robot's processes."""

    robot: str = "twin"
    """Contract: name of a preset, or path of a YAML file."""
    driver: str = ""
    """Driver of the arm: twin, or module:class of one's own. Empty is twin for the robot twin, and
    none for any other, whose driver its own launch file starts."""
    task: str = "peg_insert"
    """Twin: the task whose objects stand in front of the arm. Otherwise: what is done."""
    gap: str = "none"
    """Twin: in what it differs from the arm in MuJoCo (none, lab-1, lab-2)."""
    seed: int = 0
    """Twin: seed of scene and noise; policy: of the starts of episodes."""
    speed: float = 1.0
    """Twin: how much faster than real time; anything but 1 publishes /clock, which all then use."""
    mode: str = ""
    """Command mode of the arm; empty takes the contract's own."""
    cameras: tuple[str, ...] = ()
    """Cameras to open, each name=source: front=/dev/video0. The twin draws its own."""
    controller: bool = False
    """Start our Cartesian controller in front of an arm that takes joint positions; for an arm that
    is started here it goes without saying."""
    teleop: bool = False
    """Start the teleop node: a person moves the arm while they hold the deadman."""
    page: bool = False
    """Start the page node, and the teleop node for it: a page in the browser that shows the robot,
    moves the arm while a button is held, stops it, and labels episodes."""
    page_port: int = 8080
    """Page: port on 127.0.0.1."""
    person: float = 0.0
    """Skill, up to 1, of a scripted person who takes over where a policy is stuck; 0: nobody."""
    policy: str = ""
    """File that robot-rl export wrote, or folder of a run; starts the policy node."""
    dataset: str = ""
    """Folder of the dataset; starts the recorder node, whose services begin and end episodes."""
    operator: str = ""
    """Recorder: who does it."""
    mcap: bool = False
    """Recorder: keep all messages of an episode as well, raw, as an MCAP file."""
    use_sim_time: bool = False
    """Take the time from /clock."""


@dataclass(frozen=True)
class Process:
    """One node in a process of its own."""

    executable: str
    """Console script that runs it."""
    node: str
    """Name of the node."""
    parameters: Mapping[str, Any]
    """Those that differ from the node's own defaults."""
    stage: Stage
    respawn: bool = False
    """Whether it is started again after it ended by itself: drivers, which hold nothing that a new
    one could not learn from the hardware."""
    grace: float = GRACE
    """Time that it has to end after SIGINT, before it is killed [s]."""

    def ros_arguments(
        self, namespace: str = "", params_file: Path | None = None, log_level: str = "info"
    ) -> tuple[str, ...]:
        """What follows the executable on a command line."""
        arguments = ["--ros-args", "--log-level", log_level, "-r", f"__node:={self.node}"]
        if namespace:
            arguments += ["-r", f"__ns:=/{namespace}"]
        if params_file is not None:
            arguments += ["--params-file", str(params_file)]
        for name, value in self.parameters.items():
            arguments += ["-p", f"{name}:={json.dumps(value)}"]  # JSON is YAML, and quotes strings
        return tuple(arguments)


def processes(settings: GraphSettings) -> tuple[Process, ...]:
    """The processes of a robot, in the order in which they start.

    Raises:
        ValueError: A setting does not fit the robot, or the robot's contract does not hold.
    """
    contract = load_contract(settings.robot)
    _check_twin(settings, contract)
    return (
        *_arm(settings, contract),
        *_cameras(settings, contract),
        *_controller(settings, contract),
        _safety(settings),
        *_teleop(settings),
        *_page(settings),
        *_person(settings, contract),
        *_policy(settings, contract),
        *_recorder(settings, contract),
    )


def settings_from_texts(texts: Mapping[str, str]) -> GraphSettings:
    """Settings as a launch file has them: all texts, a list with commas.

    Args:
        texts: By name; names that are no setting are left out.

    Raises:
        ValueError: A text does not fit its setting.
    """
    given = {name: text for name, text in texts.items() if name in _defaults(GraphSettings)}
    return GraphSettings(**{name: _value(name, text) for name, text in given.items()})


def driver_of(settings: GraphSettings, contract: Contract) -> str:
    """The driver to start; empty if the robot's own launch file does it."""
    return settings.driver or (TWIN if is_twin(contract) else "")


def is_twin(contract: Contract) -> bool:
    """Whether a robot is simulated unless somebody gives it a driver."""
    return contract.name.startswith(TWIN)


def _value(name: str, text: str) -> Any:
    kind = type(_defaults(GraphSettings)[name])
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError(f"{name} is {text!r}; choose from true, false")
        return text.lower() == "true"
    if kind is tuple:
        return tuple(part for part in text.split(",") if part)
    try:
        return kind(text)
    except ValueError as error:
        raise ValueError(f"{name} is {text!r}; give a number") from error


def _check_twin(settings: GraphSettings, contract: Contract) -> None:
    if driver_of(settings, contract) == TWIN:
        return
    defaults = _defaults(GraphSettings)
    for name in ("gap", "speed"):
        if (value := getattr(settings, name)) != defaults[name]:
            raise ValueError(f"{name} is {value!r}, and only the twin has one; leave it out")


def _arm(settings: GraphSettings, contract: Contract) -> Iterator[Process]:
    driver = driver_of(settings, contract)
    if not driver:
        return
    # Behind the controller node an arm takes joint positions, whatever the contract takes.
    mode = "" if contract.command.mode == "cartesian_pose" else settings.mode
    wanted = {"robot": settings.robot, "driver": driver, "mode": mode}
    if driver == TWIN:
        # Whatever is commanded, the twin's own arm takes joints.
        robot = settings.robot if contract.command.in_joints else TWIN
        wanted |= {"robot": robot, "speed": settings.speed}
        wanted |= {**_stream(settings), **_scene(settings)}
    yield _process(settings, "arm", ArmSettings, Stage.ARM, wanted, respawn=driver != TWIN)


def _cameras(settings: GraphSettings, contract: Contract) -> Iterator[Process]:
    if driver_of(settings, contract) == TWIN:
        wanted = {"robot": settings.robot, **_scene(settings)}
        yield _process(
            settings, "twin-camera", TwinCameraSettings, Stage.SAFETY, wanted, respawn=True
        )
    names = [camera.name for camera in contract.cameras]
    for name, source in map(_source, settings.cameras):
        if name not in names:
            raise ValueError(
                f"{contract.name} has no camera {name!r}; choose from {', '.join(names) or 'none'}"
            )
        wanted = {"robot": settings.robot, "camera": name, "source": source}
        camera = _process(settings, "camera", CameraSettings, Stage.SAFETY, wanted, respawn=True)
        yield replace(camera, node=f"{name}_camera")


def _controller(settings: GraphSettings, contract: Contract) -> Iterator[Process]:
    modes = {command.mode for command in contract.alternatives}
    cartesian = contract.command.mode == "cartesian_pose" and "joint_position" in modes
    if settings.controller and not cartesian:
        raise ValueError(
            f"{contract.name} has no work for the controller node: its contract needs command "
            "cartesian_pose, and joint_position among the alternatives, as twin_cartesian has"
        )
    if settings.controller or (cartesian and driver_of(settings, contract)):
        wanted = {"robot": settings.robot}
        yield _process(settings, "controller", ControllerSettings, Stage.SAFETY, wanted)


def _teleop(settings: GraphSettings) -> Iterator[Process]:
    if settings.teleop or settings.page or settings.person > 0:
        wanted = {"robot": settings.robot, "mode": settings.mode}
        yield _process(settings, "teleop", TeleopSettings, Stage.SOURCE, wanted)


def _person(settings: GraphSettings, contract: Contract) -> Iterator[Process]:
    if settings.person > 0:
        if not (task := _task(settings, contract)):
            raise ValueError(
                f"person is {settings.person:g}, and nobody knows what {contract.name} does; "
                "give task, e.g. push"
            )
        wanted = {
            "robot": settings.robot,
            "mode": settings.mode,
            "task": task,
            "seed": settings.seed,
            "skill": settings.person,
        }
        yield _process(settings, "person", PersonSettings, Stage.SOURCE, wanted)


def _page(settings: GraphSettings) -> Iterator[Process]:
    if settings.page:
        wanted = {"robot": settings.robot, "port": settings.page_port}
        yield _process(settings, "page", PageSettings, Stage.SOURCE, wanted)


def _policy(settings: GraphSettings, contract: Contract) -> Iterator[Process]:
    if settings.policy:
        wanted = {
            "policy": settings.policy,
            "robot": settings.robot,
            "task": _task(settings, contract),
            "mode": settings.mode,
            "seed": settings.seed,
        }
        yield _process(settings, "policy", PolicySettings, Stage.SOURCE, wanted)


def _recorder(settings: GraphSettings, contract: Contract) -> Iterator[Process]:
    if settings.dataset:
        wanted = {
            "robot": settings.robot,
            "mode": settings.mode,
            "dataset": settings.dataset,
            "task": _task(settings, contract),
            "operator": settings.operator,
            "source": "real" if settings.policy else "demo",
            "mcap": settings.mcap,
        }
        recorder = _process(settings, "recorder", RecorderSettings, Stage.SOURCE, wanted)
        yield replace(recorder, grace=SAVING)


def _task(settings: GraphSettings, contract: Contract) -> str:
    """The task if it is known: what a real robot does is known if somebody says so."""
    said = settings.task != _defaults(GraphSettings)["task"]
    return settings.task if said or driver_of(settings, contract) == TWIN else ""


def _safety(settings: GraphSettings) -> Process:
    wanted = {"robot": settings.robot, "mode": settings.mode, **_stream(settings)}
    return _process(settings, "safety", SafetySettings, Stage.SAFETY, wanted)


def _stream(settings: GraphSettings) -> dict[str, float]:
    """Faster than real time, 500 commands a second would be more than Python can do."""
    return {"stream": FAST_STREAM} if settings.speed > 1 else {}


def _scene(settings: GraphSettings) -> dict[str, Any]:
    """What the twin's physics and its cameras must agree about."""
    return {name: getattr(settings, name) for name in ("task", "gap", "seed")}


def _source(camera: str) -> tuple[str, str]:
    name, equals, source = camera.partition("=")
    if not (name and equals and source):
        raise ValueError(f"{camera!r} is no camera; write name=source, e.g. front=/dev/video0")
    return name, source


def _process(
    settings: GraphSettings,
    name: str,
    parameters: type,
    stage: Stage,
    wanted: Mapping[str, Any],
    respawn: bool = False,
) -> Process:
    defaults = _defaults(parameters)
    given = {key: value for key, value in wanted.items() if value != defaults[key]}
    if settings.use_sim_time or settings.speed != 1:
        given["use_sim_time"] = True
    executable, node = f"robot-rl-{name}-node", name.replace("-", "_")
    return Process(executable, node, given, stage, respawn)


def _defaults(settings: type) -> dict[str, Any]:
    return {field.name: field.default for field in fields(settings)}
