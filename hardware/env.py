"""The environment contract on a robot's topics: the twin and a real arm are the same to a learner.

One step: the action becomes a request to the safety node, the clock of the robot runs to the next
tick of the policy, and the streams, aligned by stamp, become the observation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from controllers.reason import Reason
from controllers.tool_control import ROTATION_DOWN
from hardware.arm_model import chain_of
from hardware.contract import Contract
from hardware.contract_file import to_values
from hardware.keys import LABELS, Key
from hardware.link import Link, Report, latched
from hardware.robot_config import RobotConfig
from hardware.robot_judge import RobotJudge
from hardware.robot_view import WAIT, RobotView
from hardware.start import Starter
from hardware.task import RobotTask
from hardware.tool_action import Request, ToolAction
from hardware.tool_reader import Arm, ToolReader
from robot_rl.env import Act, ArraySpec, Closing, Info, Observation, Step
from robot_rl.reward import Rewards
from robot_rl.robot_step import REASONS, REQUESTED, SENT, STAMPS

RATE = "rate"
"""Key in ``info``: steps per second of this episode so far, by the clock of the robot."""

CHANGED = ~(Reason.VELOCITY | Reason.ACCELERATION | Reason.ENGAGE)
"""Reasons for which the command was not the one asked for; how fast it goes there is the arm's."""
_HORIZON = 200
_LATE = 0.1
"""Share of a period by which a step may be late and still count as on time."""


class HardwareEnv(Closing):
    """One robot behind ROS topics.

    Nothing is awaited before the first ``reset``, so specs can be read without a robot. An arm that
    presses too hard ends an episode as a failure; one that a person stops cuts it off.

    Args:
        contract: The robot, commanded by joint positions with a model, or by a pose of the tool.
        link: Its topics.
        task: What to do.
        seed: Seed of the starts until ``reset`` gives another.
        config: How far an action goes, what is observed.
        horizon: Steps of an episode; None: the task's own, or 200 without one.
        rewards: Who judges; the task by default. Without either there is no reward.

    Attributes:
        late_steps: Steps that took longer than ``dt``.
        backward: Policy that brings the arm back after an episode, in the place of the script.

    Raises:
        ValueError: If the contract lacks what an action needs, or a camera.
    """

    num_envs = 1

    def __init__(
        self,
        contract: Contract,
        link: Link,
        task: RobotTask | None = None,
        seed: int = 0,
        config: RobotConfig | None = None,
        horizon: int | None = None,
        rewards: Rewards | None = None,
    ) -> None:
        self.contract, self.task, self.config = contract, task, config or RobotConfig()
        self.dt = 1 / contract.rates.policy
        self.late_steps = 0
        self.backward: Act | None = None
        usual = _HORIZON if task is None else task.horizon
        self._link, self._horizon = link, usual if horizon is None else horizon
        chain = chain_of(contract)
        held = None if task is None else task.held_opening
        level = ROTATION_DOWN  # As every task's tool; without one an arm's own way to hold it.
        if task is None and chain is not None:
            level = chain.forward(np.array([contract.home.q])).rotation[0]
        self._action = ToolAction(contract, chain, self.config, held, level)
        reader = ToolReader(contract, chain)
        self._view = RobotView(contract, link, reader, self._action.aim, task, self.config)
        self._judge = RobotJudge(link, self._view, task, rewards)
        self._starter = Starter(
            contract, chain, link, self._view, self._action, task, self.config, self._pace
        )
        self._rng = np.random.default_rng(seed)
        self._connected, self._elapsed, self._next = False, 0, 0.0
        self._acted = False
        self._dispatch = min(self.config.dispatch, self.dt / 5)
        self._meanwhile: Callable[[], object] = lambda: None
        self._began = self._now = 0.0
        self._obstacle: Exception | None = None

    @property
    def observation_spec(self) -> dict[str, ArraySpec]:
        """``state`` and one ``images/<camera>`` per camera."""
        return self._view.spec

    @property
    def action_spec(self) -> ArraySpec:
        """Translation, rotation vector and, where the task moves it, gripper opening."""
        return self._action.spec

    @property
    def return_range(self) -> tuple[float, float] | None:
        """0 to 1 with a sparse reward, unknown otherwise."""
        return self._judge.return_range

    @property
    def takeover_costs(self) -> dict[str, float]:
        """What the step before a takeover costs, by the names of the terms."""
        return self._judge.takeover_costs

    @property
    def takes_labels(self) -> bool:
        """Whether a person's word is a reward."""
        return self._judge.takes_labels

    @property
    def contract_values(self) -> dict[str, Any]:
        """The robot's contract as JSON values."""
        return to_values(self.contract)

    @property
    def link(self) -> Link:
        """The robot's topics."""
        return self._link

    @property
    def measured(self) -> dict[str, np.ndarray]:
        """What the robot reported for the last observation, by name of the stream; no images."""
        return self._view.measured

    @property
    def elapsed(self) -> int:
        """Steps of this episode so far."""
        return self._elapsed

    @property
    def achieved_rate(self) -> float:
        """Steps per second of this episode by the clock of the robot; NaN before the first."""
        seconds = self._now - self._began
        return self._elapsed / seconds if self._elapsed and seconds > 0 else float("nan")

    def tell(self, values: Mapping[str, float]) -> None:
        """Says named numbers of learning to whoever watches the robot."""
        self._link.tell(values)

    def offer_pause(self) -> Callable[[], bool]:
        """Lets whoever watches the robot pause the learning; returns whether it shall rest."""
        return self._link.offer_pause()

    def offer_time(self, work: Callable[[], object]) -> None:
        """Calls ``work`` in each step once its request has left, for nothing then waits for it."""
        self._meanwhile = work

    def reset(self, seed: int | None = None) -> Step:
        """Brings arm and objects to a new start; the same seed gives the same starts.

        Raises:
            ConnectionError: The robot, a camera or the safety node is not there.
            RuntimeError: The arm does not reach its start.
            StoppedError: A person has stopped it.
        """
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        self._obstacle = None
        if not self._connected:
            self._link.connect(self.config.timeout)
            self._connected = True
        observation, nothing = self._begin(), np.zeros(1, bool)
        info = {
            Info.FINAL_OBSERVATION: _copied(observation),
            Info.SUCCESS: nothing.copy(),
            Info.ACTION_SENT: self.action_spec.zeros(1),
            Info.AGE: self._view.ages,
        }
        return Step(observation, np.zeros(1, np.float32), nothing, nothing.copy(), info)

    def step(self, action: np.ndarray) -> Step:
        """Sends ``action``, shape (1, action), and returns one policy period later.

        An action that is not finite asks for nothing: the safety node holds the arm, unless a
        person has it. A finished episode ends with the arm at the start of the next one.

        Raises:
            ValueError: If the action has another shape.
            ConnectionError: If a stream fails, or the safety node is silent, for a second.
            RuntimeError: If the arm could not go to its next start after the step before, which
                ended an episode; a StoppedError if a person had stopped it. Or if it stands, before
                the first action of an episode, where actions cannot aim.
        """
        if self._obstacle is not None:
            obstacle, self._obstacle = self._obstacle, None
            raise obstacle
        before, wanted = self._view.arm, bool(np.isfinite(action).all())
        if wanted and not self._acted:
            self._require_near(before)
        self._acted |= wanted
        request = self._action.request(self._action.accept(action), before)
        stamp, request = self._ask(request, wanted)
        self._meanwhile()
        self._pace()
        self._view.look()
        self._elapsed += 1
        outcome = self._outcome(request, before, stamp, self._reports(stamp))
        if readings := outcome.info.get(Info.READINGS):
            self.tell({name: float(np.ravel(value)[0]) for name, value in readings.items()})
        return outcome

    def expert_action(self) -> np.ndarray:
        """The task's scripted expert, by what is measured. Shape (1, action).

        Raises:
            TypeError: If there is no task.
        """
        if self.task is None:
            raise TypeError("without a task nobody can demonstrate; give the option task")
        target = self.task.expert(self._view.worlds(self._elapsed))
        motion = self._action.towards(self._view.arm, *target.pose)
        fingers = np.tile(2 * target.gripper[:, None] - 1, self.action_spec.shape[0] - 6)
        return np.hstack([motion, fingers]).astype(np.float32)

    def label(self, success: bool) -> None:
        """A person says how the running episode went; it counts with the next step."""
        self._judge.label(success)

    def pressed(self, keys: Collection[Key] = (*LABELS, "redo", "mistaken")) -> list[Key]:
        """What the record services were called for since the last look, less what was a label.

        Args:
            keys: Have a service from now on, as labels have where they are a reward.
        """
        return self._judge.pressed(keys)

    def scene(self) -> np.ndarray | None:
        """Positions of everything, as ``sim.twin_view`` draws them; None if it is no twin."""
        return self._link.scene()

    def close(self) -> None:
        """Ends the connection; the safety node holds the arm. Safe to call twice."""
        if self._connected:
            self._link.announce(False)
            self._connected = False
        self._link.close()

    def _require_near(self, arm: Arm) -> None:
        """Refuses the first action of an episode that would be a leap, for its target is far."""
        if (outside := self._action.aim.outside(arm.tool)) is not None:
            raise RuntimeError(f"{self.contract.name} cannot begin: {outside}")

    def _begin(self) -> Observation:
        """A new episode, from its start on."""
        self._link.announce(False)
        self._next = self._link.now()
        self._starter.begin(self._rng, self.backward)
        self._view.look()
        self._elapsed, self._acted = 0, False
        self._judge.begin()
        self._began = self._now = self._next = self._link.now()
        self._link.announce(True)
        return self._view.observation(0, self._action.lead)

    def _begin_next(self, final: Observation) -> Observation:
        """The first of the next episode; the last of this one if that does not come about.

        Why not is said with the next step: the one that ends an episode, and what it pays, count.
        """
        try:
            return self._begin()
        except (ConnectionError, RuntimeError) as obstacle:
            self._obstacle = obstacle
            return _copied(final)

    def _pace(self) -> None:
        """Waits for the next tick; one that was missed is counted, and not made up for.

        What was asked for late has its whole period all the same: its outcome is looked at then.
        """
        self._next += self.dt
        if (now := self._link.now()) > self._next + _LATE * self.dt:
            self.late_steps += 1
            self._next = now + self.dt
        while (now := self._link.now()) < self._next:
            if self._next - now > 2 * self.dt:  # The clock was set back.
                self._next, self._began = now, min(self._began, now)
            self._link.sleep_until(self._next)
        self._now = now

    def _ask(self, request: Request, wanted: bool) -> tuple[float, Request]:
        """Sends a request, if one is wanted; its stamp, and what was asked for."""
        if wanted:
            self._await_dispatch()
            return self._link.request(request.target, request.gripper), request
        return self._link.now(), request._replace(target=np.full_like(request.target, np.nan))

    def _await_dispatch(self) -> None:
        """A request leaves at a steady time after its tick, unless it is late already."""
        leaves = self._next + self._dispatch
        longest = self._dispatch + self.dt  # Beyond that the clock was set back.
        while 0 < leaves - self._link.now() < longest:
            self._link.sleep_until(leaves)

    def _reports(self, since: float) -> list[Report]:
        """What the safety node has said since a time [s]; without a word a command counts as sent.

        Raises:
            ConnectionError: It has said nothing for a second.
        """
        reports = self._link.reports(since)
        if not (reports or self._link.reports(self._now - WAIT)):
            raise ConnectionError(
                f"the safety node of {self.contract.name} has said nothing for {WAIT:g} s; "
                f"look for it with `robot-rl doctor --robot {self.contract.name}`"
            )
        return reports

    def _outcome(self, request: Request, before: Arm, stamp: float, reports: list[Report]) -> Step:
        command = _command(request, reports)
        action_sent = self._action_sent(request, command, before, reports)
        self._action.follow(command, self._view.arm)
        final = self._view.observation(self._elapsed, self._action.lead)
        intervened = np.array([any(report.person for report in reports)])
        held = latched(self._link.reports(max(self._began, self._now - WAIT)))
        over = np.array([self._elapsed >= self._horizon or bool(held)])
        # Who presses too hard has failed, or it would be learned that all goes on from there.
        lost = np.array([bool(held & Reason.FORCE)])
        judgement, known = self._judge.judge(final, intervened, self._elapsed, over, lost)
        terminated = judgement.terminated
        truncated = over & ~terminated
        nothing = np.full_like(request.target, np.nan)
        info = {
            Info.FINAL_OBSERVATION: final,
            Info.ACTION_SENT: action_sent,
            Info.INTERVENED: intervened,
            Info.SUCCESS: judgement.success,
            Info.REWARD_TERMS: judgement.terms,
            Info.AGE: self._view.ages,
            STAMPS: {"sensor": np.array([before.stamp]), "command": np.array([stamp])},
            REQUESTED: _requested(request, reports)[None].copy(),
            SENT: (reports[-1].sent if reports else nothing)[None].copy(),
            REASONS: np.array([_reasons(reports)]),
            RATE: np.array([self.achieved_rate]),
            **known,
        }
        observation = self._begin_next(final) if (terminated | truncated)[0] else _copied(final)
        return Step(observation, judgement.reward, terminated, truncated, info)

    def _action_sent(
        self,
        request: Request,
        command: np.ndarray | None,
        before: Arm,
        reports: list[Report],
    ) -> np.ndarray:
        """The action, or, where it was not what moved the arm, what the command amounts to."""
        sent = request.action
        if _is_changed(reports) or _is_refused(reports):
            none = np.zeros((1, 6))
            motion = none if command is None else self._action.amounts_to(command, before)
            acted = any(report.person for report in reports)
            fingers = self._action.fingers(self._link.gripper()) if acted else sent[:, 6:]
            sent = np.hstack([motion, fingers])
        return np.clip(sent, -1, 1).astype(np.float32)


def _command(request: Request, reports: list[Report]) -> np.ndarray | None:
    """Where the arm goes: what was asked for, or what was sent in its place; None if it is held.

    Of a request that only takes time the arm is told little by little, so the last command says
    less than the request.
    """
    if _is_refused(reports):
        return None
    if _is_changed(reports):
        sent = (report.sent for report in reversed(reports) if np.isfinite(report.sent).all())
        return next(sent, None)
    return request.target if np.isfinite(request.target).all() else None


def _is_changed(reports: list[Report]) -> bool:
    """Whether something else than the request moved the arm."""
    reasons = Reason(_reasons(reports))
    return any(report.person for report in reports) or bool(reasons & CHANGED)


def _is_refused(reports: list[Report]) -> bool:
    """Whether the arm is held, for it was held before and the request is far from it."""
    return bool(reports and Reason.ENGAGE in Reason(reports[-1].reasons))


def _requested(request: Request, reports: list[Report]) -> np.ndarray:
    """What was asked for; a person's request goes before ours."""
    theirs = [r.requested for r in reports if r.person and np.isfinite(r.requested).all()]
    return theirs[-1] if theirs else request.target


def _reasons(reports: list[Report]) -> int:
    return int(np.bitwise_or.reduce([0, *(report.reasons for report in reports)]))


def _copied(observation: Observation) -> Observation:
    return {key: value.copy() for key, value in observation.items()}
