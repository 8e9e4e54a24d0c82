"""Parameters of the nodes; the string under a field is its description in ROS."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ArmSettings:
    """Parameters of the arm node."""

    robot: str = "twin"
    """Contract: name of a preset, or path of a YAML file."""
    driver: str = "twin"
    """Driver of the arm: twin, or module:class of one's own."""
    mode: str = ""
    """Command mode; empty takes the contract's own."""
    task: str = "peg_insert"
    """Twin: the task whose objects stand in front of the arm."""
    gap: str = "none"
    """Twin: in what it differs from the arm in MuJoCo (none, lab-1, lab-2)."""
    seed: int = 0
    """Twin: seed of scene and noise."""
    speed: float = 1.0
    """Twin: how much faster than real time; anything but 1 publishes /clock."""
    stream: float = 0.0
    """Commands per second to the arm; 0 takes the contract's [Hz]."""
    autostart: bool = True
    """Configure and activate at once; otherwise wait for lifecycle transitions."""


@dataclass(frozen=True)
class TwinCameraSettings:
    """Parameters of the twin's camera node."""

    robot: str = "twin"
    """Contract: name of a preset, or path of a YAML file."""
    task: str = "peg_insert"
    """Task of the twin."""
    gap: str = "none"
    """Gap profile of the twin."""
    seed: int = 0
    """Seed of the noise."""
    cameras: tuple[str, ...] = ("",)
    """Which of the contract's cameras this process draws; an empty name means all."""


@dataclass(frozen=True)
class SafetySettings:
    """Parameters of the safety node."""

    robot: str = "twin"
    """Contract: name of a preset, or path of a YAML file."""
    mode: str = ""
    """Command mode; empty takes the contract's own."""
    stream: float = 0.0
    """Commands per second to the arm; 0 takes the contract's [Hz]."""
    watch_cameras: bool = True
    """Whether nothing is sent while a camera of the contract is silent."""
    realtime: bool = True
    """Ask for real-time scheduling; without the right to it the node goes on without."""


@dataclass(frozen=True)
class CameraSettings:
    """Parameters of the camera node."""

    robot: str = "twin"
    """Contract: name of a preset, or path of a YAML file."""
    camera: str = ""
    """Name of the camera in the contract; may be empty if there is only one."""
    source: str = "/dev/video0"
    """Device (/dev/video0, or its number in quotes), video file, or pictures (frames/*.png)."""
    loop: bool = True
    """Whether a file begins anew after its end."""
    calibration: str = ""
    """YAML file that camera_calibration writes; empty if the camera is not calibrated."""
    autostart: bool = True
    """Configure and activate at once; otherwise wait for lifecycle transitions."""


@dataclass(frozen=True)
class TeleopSettings:
    """Parameters of the teleop node.

    Axes and buttons go by their number in ``Joy``, -1 for none; the defaults are an Xbox pad's.
    """

    robot: str = "twin"
    """Contract: name of a preset, or path of a YAML file."""
    mode: str = ""
    """Command mode; empty takes the contract's own."""
    deadman_button: int = 4
    """Button that must be held to move; -1: the topic teleop/enable must repeat True instead."""
    axes: tuple[int, ...] = (1, 0, 4, -1, -1, 3)
    """Axes that move the tool along x, y, z and turn it about x, y, z."""
    directions: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    """-1 reverses an axis, less than 1 slows it down."""
    deadzone: float = 0.1
    """Part of an axis around its middle that means nothing."""
    linear_speed: float = 0.1
    """Speed of the tool with an axis at its end; twists are cut to it [m/s]."""
    angular_speed: float = 0.5
    """Turning speed of the tool, likewise [rad/s]."""
    frame: str = "base"
    """Frame in which the axes move the tool: base or tool."""
    silence: float = 0.25
    """A deadman that is not heard for so long counts as released [s]."""
    open_button: int = 2
    """Button that opens the gripper while the deadman is held."""
    close_button: int = 0
    """Button that closes it."""
    buttons: tuple[str, ...] = (
        *("1=estop", "3=record/redo"),
        *("6=record/failure", "7=record/success"),
    )
    """Buttons that call a service (Trigger), each number=service."""
    realtime: bool = True
    """Ask for real-time scheduling; without the right to it the node goes on without."""

    def __post_init__(self) -> None:
        for name in ("axes", "directions"):
            if len(given := getattr(self, name)) != 6:
                raise ValueError(f"{name} is {given}; give six: x, y, z, about x, about y, about z")
        if self.frame not in ("base", "tool"):
            raise ValueError(f"frame is {self.frame!r}; choose base or tool")
        if not 0 <= self.deadzone < 1:
            raise ValueError(f"deadzone is {self.deadzone}; give a part of 1, e.g. 0.1")
        for name in ("linear_speed", "angular_speed", "silence"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is {getattr(self, name)}; give a number above 0")
        self._require_one_meaning()

    def services(self) -> dict[int, str]:
        """Name of the service by the number of its button.

        Raises:
            ValueError: An entry of ``buttons`` is not number=service.
        """
        found: dict[int, str] = {}
        for entry in filter(None, self.buttons):
            number, _, service = entry.partition("=")
            if not number.isdecimal() or not service or int(number) in found:
                raise ValueError(
                    f"buttons has {entry!r}; write number=service, e.g. 1=estop, each number once"
                )
            found[int(number)] = service
        return found

    def _require_one_meaning(self) -> None:
        numbers = [*self.services(), self.deadman_button, self.open_button, self.close_button]
        used = [number for number in numbers if number >= 0]
        if twice := {number for number in used if used.count(number) > 1}:
            raise ValueError(
                f"button {min(twice)} has two meanings; give deadman_button, open_button, "
                "close_button and each of buttons a number of its own, or -1 for none"
            )


@dataclass(frozen=True)
class PersonSettings:
    """Parameters of the person node: somebody who watches a policy, and helps where it is stuck."""

    robot: str = "twin"
    """Contract: name of a preset, or path of a YAML file."""
    task: str = "peg_insert"
    """Task whose expert they follow."""
    mode: str = ""
    """Command mode; empty takes the contract's own."""
    seed: int = 0
    """Seed of their errors and of the tremble of their hand."""
    skill: float = 0.8
    """Share of takeovers that go well; in the others they aim beside, or give up."""
    patience: float = 0.75
    """Time without progress after which they take over [s]."""
    progress: float = 0.006
    """Way of the tool, towards where the expert wants it, that is progress in that time [m]."""
    late: float = 0.6
    """Share of an episode after which they take over in any case."""
    enough: float = 0.05
    """Way after which they let go, for the policy gets on again [m]."""
    longest: float = 3.0
    """Time after which they let go anyway [s]."""
    pause: float = 0.25
    """Time between two takeovers, at least [s]."""
    error: float = 0.01
    """How far beside they aim when they err [m]."""
    tremble: float = 0.0015
    """Standard deviation of where their hand wants the tool [m]; it frees what jams."""
    quickness: float = 4.0
    """Speed of their hand per distance [1/s]; the teleop node cuts it to its own limits."""

    def __post_init__(self) -> None:
        if not 0 < self.skill <= 1:
            raise ValueError(f"skill is {self.skill}; give a share above 0 and up to 1, e.g. 0.8")
        if not 0 <= self.late <= 1:
            raise ValueError(f"late is {self.late}; give a share from 0 to 1, e.g. 0.7")
        for name in ("patience", "progress", "enough", "longest", "quickness"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is {getattr(self, name)}; give a number above 0")
        for name in ("pause", "error", "tremble"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is {getattr(self, name)}; give a number, at least 0")


@dataclass(frozen=True)
class ControllerSettings:
    """Parameters of the controller node."""

    robot: str = "twin_cartesian"
    """Contract with a command cartesian_pose, for us, and one joint_position, for the arm."""
    realtime: bool = True
    """Ask for real-time scheduling; without the right to it the node goes on without."""


@dataclass(frozen=True)
class RecorderSettings:
    """Parameters of the recorder node."""

    robot: str = "twin"
    """Contract: name of a preset, or path of a YAML file."""
    mode: str = ""
    """Command mode; empty takes the contract's own."""
    dataset: str = ""
    """Folder of the dataset; episodes are added to one that exists. Empty is
    runs/recorded/<robot>-topics."""
    task: str = ""
    """What is done, in words."""
    operator: str = ""
    """Who does it."""
    source: str = "demo"
    """What it is: demo (a person or a script shows the task), real (a policy acts), play."""
    cameras: tuple[str, ...] = ("",)
    """Which of the contract's cameras are recorded; an empty name means all, none means none."""
    objects: tuple[str, ...] = ("",)
    """Which of the contract's extra poses are recorded, likewise."""
    max_seconds: float = 120.0
    """Time after which an episode is truncated [s]."""
    max_gap: float = 0.5
    """Time without an observation that ends an episode [s]."""
    mcap: bool = False
    """Whether all messages of an episode are kept as well, raw, as an MCAP file."""

    def __post_init__(self) -> None:
        if self.source not in ("demo", "real", "play"):
            raise ValueError(f"source is {self.source!r}; choose demo, real or play")
        for name in ("max_seconds", "max_gap"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is {getattr(self, name)}; give a time above 0 [s]")


@dataclass(frozen=True)
class PolicySettings:
    """Parameters of the policy node."""

    policy: str = ""
    """File that `robot-rl export` wrote, or the folder of a run."""
    robot: str = "twin"
    """Contract: name of a preset, or path of a YAML file."""
    task: str = ""
    """Task; empty takes the one that was trained."""
    mode: str = ""
    """Command mode; empty takes the contract's own."""
    seed: int = 0
    """Seed of the starts of episodes, and of what the policy draws."""
    episodes: int = 0
    """After these the policy rests; 0 goes on for ever."""
    timeout: float = 30.0
    """How long the robot may take to appear, and the arm to reach its start [s]."""
    autostart: bool = True
    """Act at once; otherwise wait for the service policy/run."""


@dataclass(frozen=True)
class PageSettings:
    """Parameters of the page node."""

    robot: str = "twin"
    """Contract: name of a preset, or path of a YAML file."""
    host: str = "127.0.0.1"
    """Address to listen on. Whoever reaches the page moves the arm: any but 127.0.0.1 opens it to
    others."""
    port: int = 8080
    """Port to listen on; 0 takes a free one, which the log tells."""
    rate: float = 10.0
    """How often pictures and the arm are drawn anew [Hz]."""
    linear_speed: float = 0.1
    """Speed of the tool at the slider's end; the teleop node cuts to its own [m/s]."""
    angular_speed: float = 0.5
    """Turning speed of the tool, likewise [rad/s]."""
    silence: float = 0.25
    """A held button that is not heard for so long counts as released [s]."""

    def __post_init__(self) -> None:
        for name in ("rate", "linear_speed", "angular_speed", "silence"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is {getattr(self, name)}; give a number above 0")
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port is {self.port}; give 1024 to 65535, or 0 for a free one")
