"""A person moves the tool: what they hold and push becomes requests to the safety node.

No ROS here: time is an argument, of two clocks: ``now`` is the person's and never set, ``ros`` is
that of stamps. Hold to move: when the deadman is pressed, the target is the tool as measured; while
it is held, the axes move the target; letting go, silence, nonsense and stale joints end it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from controllers.command_space import PoseSpace
from controllers.damped_least_squares import DampedLeastSquares
from controllers.kinematics import Kinematics
from controllers.lie import se3_from_vector, so3_from_quat, vector_from_se3
from controllers.rate_limit import within
from hardware.contract import Contract
from hardware.deadman import Deadman
from hardware.endpoints import subscriptions
from hardware.joystick import CLOSE, OPEN, Joystick
from hardware.node_settings import TeleopSettings
from hardware.safety import GRIPPER, request_names
from hardware.streams import Stream, Streams

_STEPS = 3
"""Of the solver per request, from the measured joints: enough for the length of the leash."""
_PULL = 0.03
"""Share of the way back to their posture at the press that spare joints go per step."""


class Request(NamedTuple):
    """Named numbers for the safety node."""

    names: tuple[str, ...]
    values: np.ndarray


class _Twist(NamedTuple):
    """What a device asks for, and when."""

    vector: np.ndarray
    in_tool: bool
    time: float


class Teleop:
    """One person and one robot; not thread-safe by itself.

    Args:
        contract: The robot, commanded by joint positions or by a pose of the tool.
        arm: Its kinematics; may be None if the contract has ``current_pose`` and a pose is
            commanded.
        settings: Speeds, axes and buttons.

    Attributes:
        streams: Where the node pushes what the robot reports.
        moving: Whether the person has the arm.
        requests: How many were made.

    Raises:
        ValueError: The contract lacks what tells where the tool is.
    """

    def __init__(
        self, contract: Contract, arm: Kinematics | None, settings: TeleopSettings
    ) -> None:
        self.moving = False
        self.requests = 0
        self._contract, self._arm, self._settings = contract, arm, settings
        self._joints = contract.command.in_joints
        source = self._source()
        found = (s for s in subscriptions(contract) if s.name == source)
        self._period = 1 / contract.rates.policy
        # Looked at once a period: what came in between is not missed.
        self.streams = Streams(Stream(s.name, s.max_age, self._period) for s in found)
        self._space = PoseSpace(contract.limits)
        self._solver = arm and DampedLeastSquares(arm, contract.limits, pull=_PULL)
        # The pad's own, and that of the topic, whose holder pushes by twists alone.
        self._deadman, self._enabled = Deadman(settings.silence), Deadman(settings.silence)
        self._joystick, self._joy_at = Joystick(settings), -np.inf
        self._pad_held = False
        self._pushed: _Twist | None = None
        self._gripper: float | None = None

    def joy(self, axes: Sequence[float], buttons: Sequence[int], now: float) -> tuple[str, ...]:
        """Takes a message of the hand controller; returns the services whose button went down."""
        pressed = self._joystick.hear(axes, buttons)
        self._joy_at = now
        if self._settings.deadman_button >= 0:
            self._deadman.hear(self._joystick.held, now)
        if self._joystick.fault is not None:
            self._lose()
        for name in pressed:
            if name in (OPEN, CLOSE):
                self.grip(name == OPEN)
        return tuple(name for name in pressed if name not in (OPEN, CLOSE))

    def enable(self, held: bool, now: float) -> None:
        """Takes a message of the deadman's own topic: of a page, or of a device without buttons.

        Where a button of the pad is a deadman as well, the pad's axes count for that one only.
        """
        self._enabled.hear(held, now)

    def grip(self, opens: bool) -> None:
        """Opens the gripper or closes it, while the arm is held."""
        gripper = self._contract.gripper
        if self.moving and gripper is not None:
            self._gripper = gripper.open if opens else gripper.closed

    def twist(self, vector: np.ndarray, frame: str, now: float) -> None:
        """Takes a twist, which goes before the axes while it comes.

        Args:
            vector: Shape (6,) [m/s, rad/s].
            frame: Base or tool frame of the contract; any other is that of the settings.
            now: Time [s].
        """
        if not np.isfinite(vector).all():
            self._lose()
            return
        frames = {self._contract.frames.base: False, self._contract.frames.tool: True}
        in_tool = frames.get(frame, self._settings.frame == "tool")
        self._pushed = _Twist(np.asarray(vector, np.float64), in_tool, now)

    def update(self, now: float, ros: float) -> bool:
        """Whether the person has the arm now; call it after each message and before each tick."""
        if self.fault(ros) is not None:
            self._lose()
        self._pad_held = self._deadman.held(now)
        held = self._enabled.held(now) or self._pad_held
        if held and not self.moving:
            self._posture, self._target = self._measured()
        if not held:
            self._gripper = None
        self.moving = held
        return held

    def tick(self, now: float, ros: float) -> Request | None:
        """What the person asks for in this period of the policy; None if they do not."""
        if not self.update(now, ros):
            return None
        q, here = self._measured()
        twist = self._twist(now).reshape(2, 3)
        ahead = self._space.move(self._target, twist * self._period)
        # Not further ahead of the tool than a first command may be: an arm that is held back by
        # contact or by its limits presses no harder, and comes back as soon as the axes do.
        leash = within(self._space.gap(here, ahead), self._space.engage_radius)
        self._target = self._space.move(here, leash)
        self.requests += 1
        return self._request(q)

    def fault(self, ros: float) -> str | None:
        """Why nobody can move the arm at ``ros`` [s], or None."""
        return next(iter(self.streams.faults(ros).values()), self._joystick.fault)

    def _request(self, q: np.ndarray) -> Request:
        names, values = request_names(self._contract), self._target
        if self._joints:
            assert self._solver is not None
            values, pose = q, se3_from_vector(self._target)
            for _ in range(_STEPS):
                values = self._solver.step(values, pose, self._posture)
        if self._gripper is None:
            return Request(names, values)
        return Request((*names, GRIPPER), np.append(values, self._gripper))

    def _twist(self, now: float) -> np.ndarray:
        """What is asked for, in the base frame and within the speeds. Shape (6,)."""
        fresh = self._settings.silence
        asked = _Twist(self._joystick.twist(), self._settings.frame == "tool", self._joy_at)
        if self._pushed is not None and now - self._pushed.time <= fresh:
            asked = self._pushed
        elif self._settings.deadman_button >= 0 and not self._pad_held:
            return np.zeros(6)
        if now - asked.time > fresh:
            return np.zeros(6)
        turn = so3_from_quat(self._target[3:]) if asked.in_tool else np.eye(3)
        halves = asked.vector.reshape(2, 3) @ turn.T
        speed = np.array([self._settings.linear_speed, self._settings.angular_speed])
        return within(halves, speed).ravel()

    def _lose(self) -> None:
        self._deadman.lose()
        self._enabled.lose()

    def _source(self) -> str:
        """The stream that tells where the tool is."""
        contract, reported = self._contract, self._contract.state.current_pose is not None
        if self._arm is None and (self._joints or not reported):
            raise ValueError(
                f"{contract.name} does not tell where its tool is; give model.file and "
                "model.tool_site in its contract, or state.current_pose and a Cartesian command"
            )
        return "current_pose" if reported and not self._joints else "joint_states"

    def _measured(self) -> tuple[np.ndarray, np.ndarray]:
        """Joints, empty if only the pose is heard, and pose of the tool as measured last."""
        (name,) = self.streams.names
        sample = self.streams[name].newest()
        assert sample is not None
        if name == "current_pose":
            return np.empty(0), sample.value
        assert self._arm is not None
        q = sample.value[0, : len(self._contract.joints.arm)]
        return q, vector_from_se3(self._arm.pose(q))
