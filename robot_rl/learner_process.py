"""The learner of an actor: one of its own, which begins again where it was killed, or another's."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

from robot_rl.actor_link import ActorLink
from robot_rl.command_line import words_of
from robot_rl.config import OF_AGENTS, FinetuneConfig, LearnerConfig
from robot_rl.env import Closing
from robot_rl.environments import ENVIRONMENTS, parse_options
from robot_rl.free_port import free_port
from robot_rl.message import Message
from robot_rl.reward_file import load_rewards
from robot_rl.robot_processes import end, with_us

_OFTEN, _WITHIN = 3, 300.0
"""So many times it begins again in such a time [s]; what is killed more often is killed by
something."""
_NICE = 10
"""By how much it yields to the robot's processes."""
_GRACE = 60.0
"""Time for its last checkpoint [s]."""
_LOOK = 1.0
"""How often somebody who waits for its offer looks whether it is alive [s]."""
_SOON, _ELSEWHERE = 5.0, 600.0
"""Until it is told that one elsewhere has not answered yet, and until that is an error [s]."""


class LearnerProcess(Closing):
    """``robot-rl learner`` on this machine, as long as needed.

    A thread lets it begin again at once if somebody has killed it: with its last checkpoint and all
    data.

    Args:
        config: What it learns from, and how.

    Attributes:
        address: Where it listens.
    """

    def __init__(self, config: FinetuneConfig) -> None:
        self.address = f"tcp/127.0.0.1:{free_port()}"
        self._command = [sys.executable, "-m", "robot_rl.cli", *_words(config, self.address)]
        self._killed: list[float] = []
        self._fault = ""
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._process = self._start()
        self._watcher = threading.Thread(target=self._watch, name="learner", daemon=True)
        self._watcher.start()

    def offer(self, link: ActorLink) -> Message:
        """What it offers, once it has cloned, which may take minutes.

        Raises:
            ConnectionError: As ``look``.
        """
        while True:
            with contextlib.suppress(ConnectionError):
                return link.offer(_LOOK)
            self.look()

    def look(self) -> None:
        """Whether it lives, or begins again.

        Raises:
            ConnectionError: It has ended by itself, or was killed too often.
        """
        if self._fault:
            raise ConnectionError(
                f"the learner has ended, {self._fault}; nothing is lost: mend what it says above, "
                "and go on with the same command"
            )

    def close(self) -> None:
        """Ends it, which writes its last checkpoint; safe to call twice."""
        with self._lock:
            self._closing.set()
        end(self._process, _GRACE)
        self._watcher.join()

    def _watch(self) -> None:
        while True:
            status = self._process.wait()
            with self._lock:
                if self._closing.is_set():
                    return
                self._fault = self._why_no_more(status)
                if self._fault:
                    return
                print(
                    f"the learner was killed ({signal.Signals(-status).name}), and begins again "
                    "from its last checkpoint",
                    file=sys.stderr,
                )
                try:
                    self._process = self._start()
                except OSError as error:
                    self._fault = f"and cannot begin again ({error})"
                    return

    def _why_no_more(self, status: int) -> str:
        """Why it does not begin again; empty if it does."""
        if status >= 0:
            return f"with status {status}"
        now = time.monotonic()
        self._killed = [*(then for then in self._killed if now - then < _WITHIN), now]
        times = len(self._killed)
        return f"for it was killed {times}x in {_WITHIN:g} s" if times > _OFTEN else ""

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, start_new_session=True, preexec_fn=with_us()
        )
        os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
        return process


class LearnerElsewhere(Closing):
    """``robot-rl learner`` that somebody else has started; several robots may share it.

    Args:
        address: Where it listens.
    """

    def __init__(self, address: str) -> None:
        self.address = address

    def offer(self, link: ActorLink) -> Message:
        """What it offers, once it has cloned.

        Raises:
            ConnectionError: It has not answered for minutes.
        """
        with contextlib.suppress(ConnectionError):
            return link.offer(_SOON)
        print(
            f"waiting for the learner at {self.address}; it answers once it has cloned",
            file=sys.stderr,
        )
        return link.offer(_ELSEWHERE)

    def look(self) -> None:
        """Whoever has started it looks after it."""

    def close(self) -> None:
        """It goes on."""


def _words(config: FinetuneConfig, address: str) -> list[str]:
    usual = LearnerConfig(config.run, config.source, config.demonstrations)
    told = replace(
        usual,
        base=config.base,
        buffer=config.buffer,
        pretraining=config.pretraining,
        address=address,
        utd_ratio=config.utd_ratio,
        rlif=config.rlif,
        takeover_cost=_takeover_cost(config),
        seed=config.seed,
        device=config.device,
        **{name: getattr(config, name) for name in OF_AGENTS},
    )
    words = ["learner", str(config.run), *words_of(told, usual)]
    for name, value in (("from", config.source), ("demonstrations", config.demonstrations)):
        words += [] if value is None else [f"--{name}", str(value)]
    return words


def _takeover_cost(config: FinetuneConfig) -> float:
    """What takeovers cost by the list of reward sources, which our learner does not see.

    Raises:
        RewardError: The list does not fit.
    """
    if config.rlif or config.env not in ENVIRONMENTS:
        return 0.0
    rewards = load_rewards(parse_options(config.options).get("rewards", ""))
    return sum(rewards.takeover_costs.values())
