"""``robot-rl-recorder-node``: records what others do with the arm; asks nothing of it itself."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import MessageInfo
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool, Trigger

from hardware.contract import Contract
from hardware.contract_file import load_contract
from hardware.health import Health
from hardware.link import Report
from hardware.node_settings import RecorderSettings
from hardware.observer import Observer
from hardware.pacer import Pacer
from hardware.recording import EpisodeLimits, Recorder
from hardware.ros import convert
from hardware.ros.clock import NodeClock, loop_clock
from hardware.ros.diagnostics import report_health
from hardware.ros.inbox import Inbox
from hardware.ros.loop import Loop
from hardware.ros.names import (
    RECORD,
    RECORD_FAILURE,
    RECORD_REDO,
    RECORD_SUCCESS,
    REPORT,
)
from hardware.ros.parameters import declare
from hardware.ros.process import run
from hardware.ros.qos import profile
from hardware.ros.raw_tap import RawTap
from hardware.ros.state_listener import StateListener
from hardware.streams import Streams

NONE = "none"
"""Name for no camera or object at all: ROS has no empty lists."""


class RecorderNode(Node):
    """A loop at the policy's rate makes the transitions; services begin and end episodes."""

    def __init__(self) -> None:
        super().__init__("recorder")
        self._loop: Loop | None = None
        self._recorder: Recorder | None = None
        settings = declare(self, RecorderSettings)
        self._contract = _recorded(settings)
        self._observer = Observer(self._contract, settings.source)  # pyright: ignore[reportArgumentType]
        self._time = NodeClock(self)
        self._streams = Streams.of(self._contract)
        self._tap = None
        dataset = Path(settings.dataset or f"runs/recorded/{self._contract.name}-topics")
        self._inbox = Inbox(self)
        if settings.mcap:
            self._tap = RawTap(self._inbox, self._contract, dataset)
        self._recorder = self._make_recorder(settings, dataset)
        self._listener = StateListener(self._inbox, self._contract, self._streams)
        self._listen()
        report_health(self, self._contract.name, self._examine)
        pacer = Pacer(1 / self._contract.rates.policy, loop_clock(self))
        self._hearing = self._inbox.poll()
        self._loop = Loop(self, pacer, self._tick)
        self._loop.start()

    def destroy_node(self) -> None:
        """Forgets the running episode, waits until the last one is durable, then ends the node."""
        if self._loop is not None:
            self._loop.end()
            self._hearing.end()
        if self._recorder is not None:
            with suppress(OSError):  # which has been said
                self._recorder.close()
        super().destroy_node()

    def _make_recorder(self, settings: RecorderSettings, dataset: Path) -> Recorder:
        from robot_rl.episodes import Episodes
        from robot_rl.metadata import Metadata

        contract = self._contract
        metadata = Metadata(
            task=settings.task,
            operator=settings.operator,
            control_mode=f"{contract.command.mode}, {contract.command.type}",
            action_representation=f"{contract.command.mode} as sent by the safety node",
            home_pose=contract.home.q,
            config=vars(settings) | {"cameras": list(settings.cameras)},
        )
        limits = EpisodeLimits(
            round(settings.max_seconds * contract.rates.policy), settings.max_gap
        )
        store = Episodes(dataset, self._observer.schema)
        begin = None if self._tap is None else self._tap.begin
        return Recorder(store, metadata, limits, self._say, begin, self._time.now)

    def _listen(self) -> None:
        self._inbox.subscribe(JointState, REPORT, self._hear, QoSProfile(depth=100))
        if (gripper := self._contract.gripper) is not None:
            kind = convert.message_class(gripper.type)
            self._inbox.subscribe(kind, gripper.topic, self._grip, profile(gripper.qos))
        self.create_service(SetBool, RECORD, self._record)
        self.create_service(Trigger, RECORD_SUCCESS, lambda _, answer: self._end(answer, True))
        self.create_service(Trigger, RECORD_FAILURE, lambda _, answer: self._end(answer, False))
        self.create_service(Trigger, RECORD_REDO, self._redo)

    def _hear(self, message: JointState, _: MessageInfo) -> None:
        stamp = convert.to_seconds(message.header.stamp)
        self._observer.hear(Report.of(stamp, np.array(message.position)))

    def _grip(self, message: Any, _: MessageInfo) -> None:
        self._observer.grip(convert.gripper_value(message))

    def _tick(self, _: float) -> None:
        assert self._recorder is not None
        now = self._time.now()
        for transition in self._observer.tick(self._streams.align(now), now):
            self._recorder.add(transition)

    def _record(self, request: SetBool.Request, answer: SetBool.Response) -> SetBool.Response:
        return self._begin(answer) if request.data else self._end(answer, None)

    def _begin(self, answer: Any) -> Any:
        assert self._recorder is not None
        try:
            self._recorder.begin()
        except (RuntimeError, OSError) as error:
            answer.success, answer.message = False, str(error)
            return answer
        waits = "" if self._observer.commanded else " with the first command"
        if self._recorder.state == "saving":
            waits = " when the last one is durable"
        answer.success, answer.message = True, f"the episode begins{waits}"
        return answer

    def _end(self, answer: Any, success: bool | None) -> Any:
        assert self._recorder is not None
        length = len(self._recorder)
        answer.success = self._recorder.end(success)
        answer.message = f"{length} transitions; the disk gets them now"
        if not answer.success:
            answer.message = f"there was nothing to end; call {RECORD} with true first"
        return answer

    def _redo(self, _: Trigger.Request, answer: Trigger.Response) -> Trigger.Response:
        assert self._recorder is not None
        self._recorder.discard()
        return self._begin(answer)

    def _say(self, text: str, warning: bool) -> None:
        if not self.context.ok():  # ROS has ended, and its log with it
            print(text, flush=True)
        elif warning:
            self.get_logger().warning(text)
        else:
            self.get_logger().info(text)

    def _examine(self) -> Health:
        assert self._recorder is not None
        assert self._loop is not None
        health, now = Health(), self._time.now()
        health.of_pacer(self._loop.pacer)
        health.of_streams(self._streams, now)
        health.count(vars(self._recorder.counts), "episodes")
        health.values |= {"state": self._recorder.state, "transitions": str(len(self._recorder))}
        for name, problem in self._listener.problems.items():
            health.warn(f"{name}: {problem}", "error")
        if self._recorder.state == "recording":
            self._examine_episode(health, now)
        return health

    def _examine_episode(self, health: Health, now: float) -> None:
        for fault in self._streams.faults(now).values():
            health.warn(f"nothing is recorded: {fault}")
        if not self._observer.commanded:
            health.warn("nothing is recorded before the first command to the arm")
        if self._tap is not None and self._tap.dropped:
            health.warn(f"the disk is too slow for {self._tap.dropped} raw messages")


def _recorded(settings: RecorderSettings) -> Contract:
    """The robot, with the cameras and poses that shall be recorded.

    Raises:
        ValueError: There is no such camera or pose.
    """
    contract = load_contract(settings.robot)
    if settings.mode:
        contract = contract.with_mode(settings.mode)  # pyright: ignore[reportArgumentType]
    return replace(
        contract,
        cameras=_chosen("camera", contract.cameras, settings.cameras),
        extra=_chosen("extra pose", contract.extra, settings.objects),
    )


def _chosen(what: str, parts: tuple[Any, ...], names: tuple[str, ...]) -> tuple[Any, ...]:
    if names == (NONE,):
        return ()
    known = [part.name for part in parts]
    wanted = [name for name in names if name] or known
    if unknown := [name for name in wanted if name not in known]:
        raise ValueError(
            f"the contract has no {what} {', '.join(unknown)}; choose from {', '.join(known)}"
        )
    return tuple(part for part in parts if part.name in wanted)


def main() -> int:
    """Runs the node."""
    return run(RecorderNode, frames=True)


if __name__ == "__main__":
    raise SystemExit(main())
