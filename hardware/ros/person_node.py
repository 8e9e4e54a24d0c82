"""``robot-rl-person-node``: a scripted person beside a robot, whose hand is a teleop device."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from rclpy.node import Node
from std_msgs.msg import Bool

from controllers.tool_control import ToolAim, between, upright
from hardware.arm_model import chain_of
from hardware.contract_file import load_contract
from hardware.environments import connection
from hardware.health import Health
from hardware.node_settings import PersonSettings
from hardware.person import Look, Person
from hardware.robot_config import RobotConfig
from hardware.robot_view import RobotView
from hardware.ros.diagnostics import report_health
from hardware.ros.hand import Hand
from hardware.ros.names import EPISODE
from hardware.ros.parameters import declare
from hardware.ros.process import run
from hardware.ros.qos import LATCHED, profile
from hardware.task import load_task
from hardware.tool_reader import ToolReader


class PersonNode(Node):
    """Watches while an episode runs; moves the tool, and leaves the gripper to the policy."""

    def __init__(self) -> None:
        super().__init__("person")
        self._close: Callable[[], None] = lambda: None
        settings = declare(self, PersonSettings)
        contract = load_contract(settings.robot)
        if settings.mode:
            contract = contract.with_mode(settings.mode)  # pyright: ignore[reportArgumentType]
        self._task, config = load_task(settings.task), RobotConfig()
        simulated = bool(self.get_parameter("use_sim_time").value)
        space = self.get_namespace().strip("/")
        self._link = link = connection(contract, self._task, config.cameras, space, simulated)
        self._close = link.close
        reader, aim = ToolReader(contract, chain_of(contract)), ToolAim(config)
        self._view = RobotView(link.contract, link, reader, aim, self._task, config)
        self._period = 1 / contract.rates.policy
        length, rng = self._task.horizon * self._period, np.random.default_rng(settings.seed)
        self._person = Person(settings, length, rng)
        self._hand, self._frame = Hand(self), contract.frames.base
        self._began: float | None = None
        self.create_subscription(Bool, EPISODE, self._hear, profile(LATCHED))
        report_health(self, contract.name, self._examine)
        self.create_timer(self._period, self._tick)

    def destroy_node(self) -> None:
        """Lets go."""
        self._close()
        super().destroy_node()

    def _hear(self, message: Bool) -> None:
        self._person.begin()
        self._began = self._link.now() if message.data else None
        if not message.data:
            self._hand.release()

    def _tick(self) -> None:
        now = self._link.now()
        if self._began is None or not self._link.streams.align(now).whole:
            self._hand.release()  # Nobody moves what they do not see.
            return
        elapsed = now - self._began
        wanted = self._person.look(self._see(elapsed), elapsed)
        if wanted is None:
            self._hand.release()
        else:
            self._hand.push(self._person.twist(wanted), self._frame, now)

    def _see(self, elapsed: float) -> Look:
        tool = self._view.look().tool
        worlds = self._view.worlds(round(elapsed / self._period))
        position, yaw = self._task.expert(worlds).pose
        return Look(tool.position[0], between(tool, position, upright(yaw))[0])

    def _examine(self) -> Health:
        health = Health()
        health.of_streams(self._link.streams, self._link.now())
        counts = {"takeovers": self._person.takeovers, "errors": self._person.errors}
        health.count(counts, "person")
        health.values["holds"] = str(self._person.holds)
        if not self._hand.heard:
            health.warn("no teleop node hears this person; start one: robot-rl up --teleop")
        return health


def main() -> int:
    """Runs the node."""
    return run(PersonNode)


if __name__ == "__main__":
    raise SystemExit(main())
