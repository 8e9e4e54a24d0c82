"""Somebody acts on a robot, and every step is recorded: a script, a policy, or a person beside it.

No step waits for the disk. Between two episodes, until the last is durable, the safety node holds
the arm. A person's keys end episodes that the environment does not end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np

from hardware.env import HardwareEnv
from hardware.keys import HELP, Key, Keys
from hardware.recording import Recorder
from robot_rl.env import Info, Step
from robot_rl.metadata import ATTEMPT
from robot_rl.robot_step import beside, stamped

if TYPE_CHECKING:
    from robot_rl.episodes import Episodes
    from robot_rl.metadata import Metadata
    from robot_rl.transition import Transition

VERDICTS: dict[Key, bool | None] = {"next": None, "stop": None, "success": True, "failure": False}
"""What a key says of the episode that it ends."""
_LOOK = 0.01
"""How often somebody who waits looks up [s]."""
Act = Callable[[], np.ndarray | None]
"""The next action, shape (1, action); None leaves the arm to a person."""


class Session:
    """Records episodes of one environment until there are enough.

    Args:
        env: The robot.
        recorder: Makes episodes of the steps.
        act: Who acts.
        pressed: Keys since the last look.
        keep_failures: Whether what the environment ends without success is kept.

    Attributes:
        counts: What has become of the episodes.
        failures: Episodes that the environment ended without success.
        stopped: Whether a person ended the session.
    """

    def __init__(
        self,
        env: HardwareEnv,
        recorder: Recorder,
        act: Act,
        pressed: Callable[[], list[Key]],
        keep_failures: bool = False,
    ) -> None:
        self.failures, self.stopped = 0, False
        self.counts = recorder.counts
        self._env, self._recorder, self._act = env, recorder, act
        self._pressed, self._keep_failures = pressed, keep_failures
        self._nothing = np.full((1, *env.action_spec.shape), np.nan)
        self._step: Step

    def run(self, enough: Callable[[Session], bool], seed: int | None = None) -> None:
        """Runs until ``enough`` says so, or a person; the last episode is then durable.

        Args:
            enough: Asked between episodes.
            seed: Of their starts.

        Raises:
            OSError: If an episode could not be written.
        """
        self._step = self._env.reset(seed)
        while not self.stopped:
            self._settle()
            if self.stopped or enough(self):
                break
            self._recorder.begin()
            while self._recorder.state == "recording":
                self._advance()
                self._obey()
        self._recorder.close()

    def _settle(self) -> None:
        """Waits until the last episode is durable, the arm held, and looks anew."""
        waits = self._recorder.state == "saving"
        while self._recorder.state == "saving":
            self._obey()
            time.sleep(_LOOK)
        self._recorder.wait()
        if waits:
            self._step = self._env.step(self._nothing)

    def _advance(self) -> None:
        before, measured, action = self._step, self._env.measured, self._act()
        self._step = self._env.step(self._nothing if action is None else action)
        self._record(_transition(before, action, self._step, measured))

    def _record(self, transition: Transition) -> None:
        ended = transition.terminated or transition.truncated
        if ended and not transition.success and not self._keep_failures:
            print(f"an attempt failed after {self._recorder.discard()} steps, and is left out")
        else:
            goes_on = self._recorder.add(transition)
            if not goes_on and not ended:  # the recorder's own limits; the arm is on its way
                self._step = self._env.reset()
            ended = not goes_on
        self.failures += ended and not transition.success

    def _obey(self) -> None:
        """Does what the keys say that were pressed since."""
        for key in self._pressed():
            self.stopped = self.stopped or key == "stop"
            if key == "mistaken":
                self._mistake()
                continue
            if self._recorder.state != "recording":
                continue
            if key == "redo":
                self._recorder.discard()
            elif self._env.takes_labels and key in ("success", "failure"):
                self._env.label(key == "success")
                continue
            else:
                self._recorder.end(VERDICTS[key])
            if not self.stopped:
                self._step = self._env.reset()

    def _mistake(self) -> None:
        """The last episode was no success; one that is being written is durable first."""
        waits = self._recorder.state == "saving"
        self._recorder.wait()
        if waits:  # What was seen before is old by now.
            self._step = self._env.step(self._nothing)
        if not (last := self._recorder.last):
            print("no episode of this session is recorded yet")
            return
        try:
            corrected = self._recorder.store.mistake(last, "session")
        except ValueError as error:
            print(error)
            return
        self.counts.successes -= 1
        self.counts.demonstrations -= ATTEMPT not in corrected.labels
        print(f"episode {last[:8]} was no success, and is read so from now on")


def _transition(
    before: Step, action: np.ndarray | None, after: Step, measured: dict[str, np.ndarray]
) -> Transition:
    """The step of the one world, with stamps and what the safety node made of the action."""
    from robot_rl.transition import WorldIds, split_step

    info = after.info
    asked = info[Info.ACTION_SENT] if action is None else action
    extra = beside(info, measured)
    [one] = split_step(WorldIds(1), before.observation, asked, after, source="demo", extra=extra)
    return stamped(one, info)


def record(
    env: HardwareEnv,
    store: Episodes,
    metadata: Metadata,
    act: Act,
    enough: Callable[[Session], bool],
    *,
    seed: int | None = None,
    keep_failures: bool = False,
    pressed: Callable[[], list[Key]] = list,
    labels: Callable[[], Mapping[str, str]] = dict,
) -> Session:
    """Records at a terminal: keys, and the services that a hand controller's buttons call.

    Args:
        env: The robot.
        store: Where the episodes go.
        metadata: What is known of each.
        act: Who acts.
        enough: Whether there are enough episodes; asked between them.
        seed: Of their starts.
        keep_failures: Whether what the environment ends without success is kept.
        pressed: Keys that whoever acts presses besides, since the last look.
        labels: What they note of an episode that ends.

    Raises:
        ConnectionError: The robot is not there.
        OSError: An episode could not be written.
    """
    print(f"recording {metadata.task or 'without a task'} into {store.path}; Ctrl-C ends it")
    recorder = Recorder(store, metadata, costs=env.takeover_costs, labels=labels)
    with Keys() as keys, closing(recorder):
        if keys.interactive:
            print(HELP)
        session = Session(
            env,
            recorder,
            act,
            lambda: [*keys.pressed(), *env.pressed(), *pressed()],
            keep_failures,
        )
        session.run(enough, seed)
    return session
