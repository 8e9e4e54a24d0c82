"""Brings a robot to the start of an episode, by the same requests that actions make.

Steps of the tool leave the spare joints of an arm where they drift; a joint reset, every few
episodes, brings them back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from controllers.reason import Reason
from controllers.serial_chain import SerialChain
from controllers.tool_control import upright
from hardware.contract import Contract
from hardware.homing import Homing
from hardware.link import Link, latched
from hardware.robot_config import RobotConfig
from hardware.robot_view import WAIT, RobotView
from hardware.task import RobotTask
from hardware.tool_action import ToolAction
from robot_rl.env import Act, StoppedError, forgetting

_NEAR = (0.004, 0.03)
"""An arm this near to its start stands there [m, rad]."""
_HOME = 0.01
"""An arm this near to its home is there [rad, m]."""
_BACK = np.array([0.08, 0.08, 0.03])
"""An arm that a policy has brought this near to its start may begin there [m]."""
_FREED = 5
"""So often an arm that presses too hard is freed on one way."""
_SETTLED = 3
"""Policy periods after which reports are about a new way home."""
_PLACED = 0.005
"""An object this near to its place stands there [m]."""
_ASKED = 3
"""So often an object is placed that is not seen there within a second."""


class Starter:
    """Up, then objects placed where somebody can, then to the start; or home, if that is wanted.

    Args:
        contract: The robot.
        chain: Its kinematics, if there is a model.
        link: Its topics.
        view: Looks at it.
        action: Makes requests.
        task: Knows starts; without one the arm stays where it is.
        config: How high the way goes, and how long it may take.
        pace: Waits for the next tick of the policy.
    """

    def __init__(
        self,
        contract: Contract,
        chain: SerialChain | None,
        link: Link,
        view: RobotView,
        action: ToolAction,
        task: RobotTask | None,
        config: RobotConfig,
        pace: Callable[[], None],
    ) -> None:
        self._contract, self._chain, self._name = contract, chain, contract.name
        self._link, self._view, self._action = link, view, action
        self._task, self._config, self._pace = task, config, pace
        self._begun = 0

    def begin(self, rng: np.random.Generator, backward: Act | None = None) -> None:
        """Draws an episode and brings arm and objects there.

        Args:
            rng: Of the draws.
            backward: Policy that brings the arm back, after the first episode; objects then stay
                where they are.

        Raises:
            ConnectionError: The robot cannot be observed.
            RuntimeError: The arm does not reach its start.
            StoppedError: A person has stopped it.
        """
        self._view.forget()
        self._unlatch()
        self._action.follow(None, self._view.look())
        home = self._config.joint_reset_every and self._begun % self._config.joint_reset_every == 0
        if self._task is not None:
            self._begin_task(self._task, rng, bool(home), backward)
        elif home or self._config.home:
            self._go_home()
        self._begun += 1

    def _begin_task(
        self, task: RobotTask, rng: np.random.Generator, home: bool, backward: Act | None
    ) -> None:
        """Brings the arm to the start of a task and objects to their places."""
        draw, held = task.draw(rng, 1), task.held_opening
        self._action.opening = 1.0 if held is None else held
        if backward and self._begun and not home and self._bring_back(backward, draw):
            return
        self._retreat(float(draw["tool_position"][0, 2]))
        if home:
            self._go_home()
        for name, pose in task.place(draw).items():
            self._place(name, pose)
        self._go(draw["tool_position"], draw["tool_yaw"])

    def _bring_back(self, backward: Act, draw: dict[str, np.ndarray]) -> bool:
        """Lets a policy act until the arm is near the start, objects as they are; whether it is."""
        goal = draw["tool_position"][0]
        forgetting(backward)(np.ones(1, bool))
        for elapsed in range(self._config.backward_steps):
            way = np.abs(self._view.arm.tool.position[0] - goal)
            if (way < _BACK).all():
                return True
            if self._unlatch():
                return False
            seen = self._view.observation(elapsed, self._action.lead)
            request = self._action.request(self._action.accept(backward(seen)), self._view.arm)
            self._link.request(request.target, request.gripper)
            self._pace()
            self._action.follow(request.target, self._view.look())
        return False

    def _retreat(self, height: float) -> None:
        """Straight up, out of whatever the tool is in."""
        self._action.follow(None, self._view.arm)
        tool = self._view.arm.tool
        position, yaw = (
            tool.position.copy(),
            np.arctan2(tool.rotation[:, 1, 0], tool.rotation[:, 0, 0]),
        )
        position[:, 2] = np.maximum(position[:, 2], max(self._config.retreat, height))
        self._go(position, yaw)

    def _go(self, position: np.ndarray, yaw: np.ndarray) -> None:
        position = np.clip(position, *self._config.workspace)
        began, freed, where = self._link.now(), 0, str(position[0].round(3))
        while not self._stands_at(position, yaw):
            self._require_time(began, self._config.timeout, where)
            freed += self._unlatch()
            if freed > _FREED:
                raise RuntimeError(
                    f"{self._name} presses too hard on its way to {where}, again and again; see "
                    "what is in its way, or move it by hand"
                )
            arm = self._view.arm
            motion = self._action.towards(arm, position, yaw)
            request = self._action.request(self._action.with_gripper(motion), arm)
            self._link.request(request.target, request.gripper)
            self._pace()
            self._view.look()

    def _go_home(self) -> None:
        duration, (homing, left) = self._contract.home.duration, self._homing()
        began = left
        while homing.left(self._view.arm) > _HOME:
            self._require_time(began, duration + self._config.timeout, "its home")
            if self._unlatch() or self._is_refused(left):  # from where the arm was held
                homing, left = self._homing()
            self._link.request(homing.at((self._link.now() - left) / duration), None)
            self._pace()
            self._view.look()

    def _homing(self) -> tuple[Homing, float]:
        """The way from here, and when it begins."""
        return Homing(self._contract, self._chain, self._view.arm), self._link.now()

    def _is_refused(self, since: float) -> bool:
        """Whether what is asked for is too far from the arm, which was held for a while."""
        reports = self._link.reports(since + _SETTLED / self._contract.rates.policy)
        return bool(reports and Reason.ENGAGE in Reason(reports[-1].reasons))

    def _require_time(self, began: float, timeout: float, where: str) -> None:
        if self._link.now() > began + timeout:
            raise RuntimeError(
                f"{self._name} did not reach {where} within {timeout:g} s: {self._why()}"
            )

    def _stands_at(self, position: np.ndarray, yaw: np.ndarray) -> bool:
        tool = self._view.arm.tool
        turn = self._action.aim.action_between(tool, tool.position, upright(yaw))[:, 3:]
        near = np.linalg.norm(tool.position - position) < _NEAR[0]
        return bool(near and (np.abs(turn) * self._config.rotation < _NEAR[1]).all())

    def _unlatch(self) -> bool:
        """Contact that was too hard ends an episode; what a person stopped, a person frees.

        Returns:
            Whether the arm was stopped.

        Raises:
            StoppedError: By a person.
        """
        held = latched(self._link.reports(self._link.now() - WAIT))
        if held & Reason.STOP:
            raise StoppedError(
                f"{self._name} was stopped; see that all is well, then free it: robot-rl rearm, or "
                "the service reset of its safety node"
            )
        if held:
            self._link.open_latch()
        return bool(held)

    def _why(self) -> str:
        """What the safety node says about an arm that does not move."""
        reports = self._link.reports(self._link.now() - WAIT)
        if not reports:
            return "the safety node says nothing; is it running?"
        names = [r.name or "" for r in Reason if r.value & reports[-1].reasons]
        return f"the safety node says {', '.join(names) or 'that all is passed on'}"

    def _place(self, name: str, pose: Any) -> None:
        """Has an object placed, if there is somebody to, and waits until it is seen there."""
        half = pose.yaw[0] / 2
        wanted = np.array([*pose.position[0], 0, 0, np.sin(half), np.cos(half)])
        for _ in range(_ASKED):
            if not self._link.place(name, wanted) or self._is_seen(name, wanted[:3]):
                return
        raise RuntimeError(
            f"{name} was not placed within {_ASKED * WAIT:.0f} s; is its way blocked?"
        )

    def _is_seen(self, name: str, where: np.ndarray) -> bool:
        """Whether an object comes to be seen somewhere within a second."""
        end = self._link.now() + WAIT
        while self._link.now() < end:
            seen = self._link.streams[f"extra/{name}"].newest()
            if seen is not None and np.abs(seen.value[:3] - where).max() < _PLACED:
                return True
            self._link.sleep_until(self._link.now() + 0.01)
        return False
