"""The safety node without ROS: streams, requests of policy and person, the guard, and its report.

Between every source of commands and the arm. Time is an argument, of two clocks: ``now`` is the
loop's own, which nobody sets; ``ros`` is the clock of stamps.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Hashable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from controllers.kinematics import Kinematics
from controllers.lie import vector_from_se3
from controllers.reason import Reason
from hardware.arrivals import Arrivals
from hardware.contract import Contract
from hardware.guard import SILENCE, Guard, Order
from hardware.joint_order import JointOrder
from hardware.stream import Sample
from hardware.streams import Streams
from hardware.velocity import VelocityCommand

POSE_NAMES = ("x", "y", "z", "qx", "qy", "qz", "qw")
"""Names of the numbers of a request for a pose."""
GRIPPER = "gripper"
"""Name of the gripper's number in a request."""
_UNFOLLOWED = (
    Reason.INVALID
    | Reason.CLOCK
    | Reason.ENGAGE
    | Reason.SILENCE
    | Reason.FORCE
    | Reason.STOP
    | Reason.STALE
    | Reason.CONTESTED
)
"""With any of these the arm does not do as it was asked, and the gripper does not either."""


class Decision(NamedTuple):
    """What the node does in one tick."""

    order: Order
    command: np.ndarray | None
    """What to send: the order's command, or the velocity that follows it; None: send nothing."""
    gripper: float | None
    """A new value for the gripper, in the unit of its driver."""
    person: bool
    """Whether a person's request counts."""


class Safety:
    """Requests in from any thread, one decision per tick out.

    Args:
        contract: The robot.
        arm: Kinematics for the workspace of joint commands and the pose of the tool.
        watch_cameras: Whether a silent camera stops the stream as well.

    Attributes:
        ignored: Requests that were left out, by why.

    Raises:
        ValueError: The tool is commanded, and nobody tells where it is.
    """

    def __init__(
        self, contract: Contract, arm: Kinematics | None = None, watch_cameras: bool = True
    ) -> None:
        self.contract = contract
        # Nothing near the arm depends on where an object is.
        self.streams = Streams.of(replace(contract, extra=()), cameras=watch_cameras)
        self.guard = Guard(contract, arm)
        self.names = request_names(contract)
        self.ignored: Counter[str] = Counter()
        self._arm = arm
        self._seen: Sample | None = None
        self._tool = np.zeros(7)
        self._joints = contract.command.in_joints
        if not self._joints and arm is None and contract.state.current_pose is None:
            raise ValueError(
                f"{contract.name} does not tell where its tool is; give model.file and "
                "model.tool_site in its contract, or state.current_pose"
            )
        self._velocity = (
            VelocityCommand(contract, self.guard.space) if contract.command.is_velocity else None
        )
        self._silence = SILENCE / contract.rates.policy
        self._lock = threading.Lock()
        self._arrivals = Arrivals(self.streams)
        self._gripper: float | None = None
        self._person_at = self._let_go_at = -np.inf
        self._heard = {True: -np.inf, False: -np.inf}
        self._followed: dict[bool, tuple[Hashable, float]] = {}
        self._barred: set[bool] = set()
        self._contested = False
        self._untold = Reason.NONE
        self._order = JointOrder(self.names)

    def request(
        self,
        names: list[str],
        values: np.ndarray,
        stamp: float,
        now: float,
        ros: float,
        person: bool = False,
        source: Hashable = None,
    ) -> bool:
        """Takes a request by names; one that is late, or not whole, is counted and left out.

        Of two sources that ask at once, the first is followed until it is silent.

        Args:
            names: Of the numbers.
            values: Joint positions or a pose, and the gripper's if it shall move.
            stamp: When it was asked [s], on the clock of stamps.
            now: Loop time [s].
            ros: Time on the clock of stamps [s].
            person: Whether a person asks, who goes before everything else.
            source: Who asks, if several might.
        """
        with self._lock:
            if (why := self._objection(stamp, now, ros, person, source)) is not None:
                return self._ignore(why)
            try:
                target = self._order(names, values).q
            except ValueError:
                return self._ignore("joints missing")
            if person:
                self._person_at = now
            self._followed[person] = source, now
            self.guard.request(target, now, ros - stamp)
            if GRIPPER in names and np.isfinite(target).all():
                self._grip(float(values[names.index(GRIPPER)]))
            return True

    def let_go(self, now: float, ros: float) -> None:
        """A person let go: an arm that they moved is held from the next tick on.

        What they asked for before is not followed any more, though it may come in later. Whoever
        else moves the arm goes on.

        Args:
            now: Loop time [s].
            ros: Time on the clock of stamps [s].
        """
        with self._lock:
            self._let_go_at = ros
            self._heard[True] = -np.inf
            self._followed.pop(True, None)
            if self._has_person(now):
                self._person_at = -np.inf
                self.guard.release()

    def stop(self) -> None:
        """Latches the stop; effective with the next tick."""
        with self._lock:
            self.guard.stop()

    def reset(self) -> None:
        """Opens the latch, and moves nothing by itself.

        The next request must be near the arm. After ``stop`` a source must begin anew as well: what
        it has kept asking for meanwhile counts again once it was silent for two policy periods.
        """
        with self._lock:
            if Reason.STOP in self.guard.latched:
                self._barred = {True, False}
            self.guard.reset()

    def reset_force(self) -> bool:
        """The same for a latch of contact alone; whether it is open."""
        with self._lock:
            if Reason.STOP in self.guard.latched:
                return False
            self.guard.reset()
            return True

    def farewell(self) -> np.ndarray | None:
        """What to send when nobody commands any more: an arm keeps its last velocity otherwise."""
        return None if self._velocity is None or self._contested else self._velocity.rest

    def contest(self, contested: bool) -> None:
        """Takes whether somebody else commands the arm; nothing is sent while that is so."""
        with self._lock:
            self._contested = contested

    def waiting(self, now: float) -> str | None:
        """What is wrong if somebody asks and is not followed until they begin anew."""
        with self._lock:
            if any(now - self._heard[person] <= self._silence for person in self._barred):
                return (
                    "somebody has kept asking since before the stop; they count again after a "
                    f"pause of {1e3 * self._silence:.0f} ms"
                )
            return None

    def tick(self, now: float, ros: float) -> Decision:
        """What to send now, by the newest state.

        Args:
            now: Loop time [s].
            ros: Time on the clock of stamps [s].
        """
        faults = self.streams.faults(ros) | self._arrivals.faults(now)
        with self._lock:
            felt = "wrench" in self.streams.names and "wrench" not in faults
            wrench = self.streams["wrench"].newest() if felt else None
            measured = self._measured()
            order = self.guard.tick(
                measured,
                now,
                None if wrench is None else wrench.value,
                faults,
                self._contested,
            )
            self._untold |= order.reasons
            command = order.command
            if self._velocity is not None:
                command = self._velocity.of(order, measured, now)
            return Decision(order, command, self._take_grip(order), self._has_person(now))

    def retract(self, decision: Decision) -> Decision:
        """A decision that came too late: without its command, which then counts as not sent."""
        if decision.order.command is None:
            return decision
        with self._lock:
            self.guard.retract()
        return decision._replace(order=decision.order._replace(command=None), command=None)

    def report(self, decision: Decision) -> tuple[list[str], np.ndarray]:
        """Names and numbers of ``safety/report``; NaN where nothing was sent or asked.

        Reasons are all since the report before: none is lost between two of them.
        """
        nothing = np.full(len(self.names), np.nan)
        sent, requested = decision.order.command, decision.order.requested
        reasons, self._untold = self._untold | decision.order.reasons, Reason.NONE
        numbers = [
            *(nothing if sent is None else sent),
            *(nothing if requested is None else requested),
            float(reasons.value),
            float(self.guard.latched.value),
            float(decision.person),
        ]
        return report_names(self.names), np.array(numbers)

    def counts(self) -> dict[str, dict[str, int]]:
        """All counters, by group and name."""
        with self._lock:
            tally = self.guard.tally
            return {
                "guard": {k: v for k, v in vars(tally).items() if isinstance(v, int)},
                "requests": dict(tally.objections),
                "reasons": dict(tally.reasons),
                "ignored": dict(self.ignored),
            }

    def _objection(
        self, stamp: float, now: float, ros: float, person: bool, source: Hashable
    ) -> str | None:
        """Why a request is left out, or None."""
        if abs(ros - stamp) > self._silence:
            return "late" if stamp < ros else "ahead of our clock"
        if person and stamp <= self._let_go_at and abs(ros - self._let_go_at) <= self._silence:
            return "asked before letting go"
        if self._is_barred(now, person):
            return "not begun anew after the stop"
        first, heard = self._followed.get(person, (source, now))
        if first != source and abs(now - heard) <= self._silence:
            return "another source commands"
        if not person and self._has_person(now):
            return "a person commands"
        return None

    def _is_barred(self, now: float, person: bool) -> bool:
        """Whether a source has asked on and on since before the stop was reset."""
        pause, self._heard[person] = now - self._heard[person], now
        if pause > self._silence:
            self._barred.discard(person)
        return person in self._barred

    def _has_person(self, now: float) -> bool:
        return abs(now - self._person_at) <= self._silence

    def _ignore(self, why: str) -> bool:
        self.ignored[why] += 1
        return False

    def _grip(self, value: float) -> None:
        gripper = self.contract.gripper
        if gripper is None or not np.isfinite(value):
            self._ignore("gripper")
            return
        low, high = sorted((gripper.open, gripper.closed))
        self._gripper = min(max(value, low), high)

    def _take_grip(self, order: Order) -> float | None:
        """The gripper's new value, once the arm does as it was asked; forgotten with the source."""
        if order.requested is None:
            self._gripper = None
        if order.reasons & _UNFOLLOWED:
            return None
        gripper, self._gripper = self._gripper, None
        return gripper

    def _measured(self) -> np.ndarray:
        """Where the arm is, in the coordinates of commands; zeros while nobody knows."""
        name = "joint_states" if self._joints else "current_pose"
        if not self._joints and name not in self.streams.names:
            name = "joint_states"
        sample = self.streams[name].newest()
        if sample is None:
            return np.zeros(self.guard.size)
        if name == "current_pose":
            return sample.value
        q = sample.value[0, : len(self.contract.joints.arm)]
        if self._joints:
            return q
        if sample is not self._seen:  # Several ticks see the same one.
            assert self._arm is not None
            self._seen, self._tool = sample, vector_from_se3(self._arm.pose(q))
        return self._tool


def request_names(contract: Contract) -> tuple[str, ...]:
    """Names of the numbers of a request."""
    return contract.joints.arm if contract.command.in_joints else POSE_NAMES


def unwatched(contract: Contract) -> str | None:
    """Which limits of a contract cannot be kept, and what to do about it; None if all are."""
    if contract.model is not None or not contract.command.in_joints:
        return None
    return (
        "limits.workspace, speed and angular_speed of the tool are not watched: nothing tells "
        "where the tool of these joints is; give model.file and model.tool_site in the contract"
    )


def report_names(names: tuple[str, ...]) -> list[str]:
    """Names of the numbers of ``safety/report``."""
    sides = [f"{side}/{name}" for side in ("sent", "requested") for name in names]
    return [*sides, "reasons", "latched", "person"]
