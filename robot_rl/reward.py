"""Where reward comes from: sources of one kind, several of which may judge the same step.

A source says of every world whether the task has succeeded or failed, and names what it pays. The
task's own truth, a classifier of camera images, a box that the tool must be in, and a person are
such sources (``robot_rl.reward_sources``, ``robot_rl.classifier_reward``); which ones judge stands
in one YAML file (``robot_rl.reward_file``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from robot_rl.crop import WHOLE, Crop
from robot_rl.env import Observation

SUCCESS = "success"
"""The term that is paid once, when an episode ends with success."""


@dataclass(frozen=True)
class Verdict:
    """What a source says of a step. The reward is the sum of the terms."""

    success: np.ndarray
    """Shape (num_envs,), bool."""
    failure: np.ndarray
    """Whether the episode is lost and ends. Shape (num_envs,), bool."""
    terms: Mapping[str, np.ndarray] = field(default_factory=dict)
    """What is paid, by name. Arrays of shape (num_envs,)."""
    readings: Mapping[str, np.ndarray] = field(default_factory=dict)
    """What it saw, which is recorded and not paid, e.g. a score; the same names in every step.
    Arrays of shape (num_envs,)."""

    @classmethod
    def of(cls, success: np.ndarray, **readings: np.ndarray) -> Verdict:
        """Success pays 1; nothing is a failure."""
        terms = {SUCCESS: success.astype(float)}
        return cls(success, np.zeros_like(success), terms, readings)


@dataclass(frozen=True)
class Moments:
    """What a step shows of each world. Base frame, SI units."""

    observation: Observation
    """As the policy has it, with ``images/<camera>`` of the sources' cameras besides."""
    tool_position: np.ndarray
    """As measured. Shape (num_envs, 3) [m]."""
    tool_rotation: np.ndarray
    """Shape (num_envs, 3, 3)."""
    opening: np.ndarray
    """Of the gripper, 0 closed to 1 open. Shape (num_envs,)."""
    elapsed: np.ndarray
    """Steps since the episode began. Shape (num_envs,)."""
    intervened: np.ndarray
    """Whether a person chose the action. Shape (num_envs,), bool."""
    stamps: Mapping[str, np.ndarray] = field(default_factory=dict)
    """When an image was taken, by its key, where that is known. Arrays of shape (num_envs,) [s]."""
    label: bool | None = None
    """What a person said in this step of a robot's episode."""
    task: Verdict | None = None
    """What the task knows; None without one."""

    @property
    def num_envs(self) -> int:
        """Number of worlds."""
        return len(self.elapsed)

    def beside(self, observation: Observation) -> Observation:
        """What is seen here and not in an observation of the policy's."""
        return {k: value for k, value in self.observation.items() if k not in observation}


class RewardSource(Protocol):
    """One way to know success."""

    @property
    def name(self) -> str:
        """Unlike those of the others."""
        ...

    @property
    def cameras(self) -> tuple[str, ...]:
        """Cameras whose images it must see."""
        ...

    @property
    def sparse(self) -> bool | None:
        """Whether it pays 1 for success and nothing else; None where the task decides."""
        ...

    def judge(self, moments: Moments) -> Verdict:
        """Called once for every step, in order."""
        ...

    def forget(self, worlds: np.ndarray) -> None:
        """New episodes begin in the worlds with these indices."""
        ...


@runtime_checkable
class ChargesTakeovers(Protocol):
    """A source for which the step before a takeover costs: it names the cost, and pays nothing."""

    @property
    def takeover_cost(self) -> float:
        """Above 0; its term is called as the source is, and 0 in each verdict."""
        ...


@runtime_checkable
class KnowsPictures(RewardSource, Protocol):
    """A source that has learned from pictures, and must be shown the same part of them."""

    @property
    def crops(self) -> Mapping[str, tuple[float, ...]]:
        """As ``robot_rl.crop.Crop``, by camera; the others are seen whole."""
        ...


class Judgement(NamedTuple):
    """What the sources say together."""

    success: np.ndarray
    """Now, by any of them. Shape (num_envs,), bool."""
    terminated: np.ndarray
    """Whether the episode ends with success or failure. Shape (num_envs,), bool."""
    terms: dict[str, np.ndarray]
    """What is paid, by name. Arrays of shape (num_envs,)."""
    readings: dict[str, np.ndarray]
    """``<source>/<reading>``. Arrays of shape (num_envs,)."""

    @property
    def reward(self) -> np.ndarray:
        """Sum of the terms. Shape (num_envs,), float32."""
        return np.sum(list(self.terms.values()), axis=0).astype(np.float32)


class Rewards:
    """Several sources as one: terms add up, any success counts unless one says failure, paid once.

    Args:
        sources: Those that judge.
        num_envs: Number of worlds.
        linger: Steps for which success must go on before it ends the episode.

    Raises:
        ValueError: Two sources have one name, or ``linger`` makes no sense.
    """

    def __init__(self, sources: Iterable[RewardSource], num_envs: int = 1, linger: int = 0) -> None:
        self.sources = tuple(sources)
        names = [source.name for source in self.sources]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two reward sources are called {twice[0]!r}; give one another name")
        if linger < 0:
            raise ValueError(f"linger is {linger}; give at least 0")
        self._linger, self._lasted = linger, np.zeros(num_envs, np.int64)

    @property
    def cameras(self) -> tuple[str, ...]:
        """All cameras that must be seen, each once."""
        return tuple(dict.fromkeys(name for source in self.sources for name in source.cameras))

    def require_crops(self, crops: Mapping[str, tuple[float, ...]]) -> None:
        """Checks that the sources are shown what they have learned from.

        Args:
            crops: By camera; the others are shown whole.

        Raises:
            ValueError: One has learned from another part of a camera's pictures.
        """
        for source in self.sources:
            if isinstance(source, KnowsPictures):
                for camera in source.cameras:
                    _require_crop(source, camera, crops.get(camera, WHOLE))

    def return_range(self, task_sparse: bool) -> tuple[float, float] | None:
        """Which returns are possible: 0 to 1 where success alone is paid, else None, not known.

        What takeovers cost comes on top, for it depends on the discount.

        Args:
            task_sparse: Whether the task pays 1 for success and nothing else.
        """
        sparse = (task_sparse if s.sparse is None else s.sparse for s in self.sources)
        return (0.0, 1.0) if self.sources and all(sparse) else None

    @property
    def takeover_costs(self) -> dict[str, float]:
        """What the step before a takeover costs, by the names of the terms."""
        return {s.name: s.takeover_cost for s in self.sources if isinstance(s, ChargesTakeovers)}

    def judge(
        self, moments: Moments, last: np.ndarray, lost: np.ndarray | bool = False
    ) -> Judgement:
        """Asks every source about a step.

        Args:
            moments: The step.
            last: Worlds whose episode ends here in any case. Shape (num_envs,), bool.
            lost: Worlds that have failed, whatever the sources say. Shape (num_envs,), bool.
        """
        verdicts = {source.name: source.judge(moments) for source in self.sources}
        nothing = np.zeros(moments.num_envs, bool)
        success = np.logical_or.reduce([nothing, *(v.success for v in verdicts.values())])
        failure = np.logical_or.reduce([nothing | lost, *(v.failure for v in verdicts.values())])
        success &= ~failure
        self._lasted = np.where(success, self._lasted + 1, 0)
        achieved = success & (last | (self._lasted > self._linger))
        terms = {SUCCESS: np.zeros(moments.num_envs)}
        for name, term in ((n, t) for v in verdicts.values() for n, t in v.terms.items()):
            once = name == SUCCESS
            before = terms.get(name, 0.0)
            terms[name] = np.maximum(before, np.where(achieved, term, 0)) if once else before + term
        readings = {
            f"{source}/{name}": reading
            for source, verdict in verdicts.items()
            for name, reading in verdict.readings.items()
        }
        return Judgement(success, achieved | failure, terms, readings)

    def forget(self, worlds: np.ndarray) -> None:
        """New episodes begin in the worlds with these indices."""
        self._lasted[worlds] = 0
        for source in self.sources:
            source.forget(worlds)


def _require_crop(source: KnowsPictures, camera: str, shown: tuple[float, ...]) -> None:
    known = Crop(*source.crops.get(camera, WHOLE))
    if shown != known:
        add = f"crop to {known.typed(camera)}, beside the crops of others"
        what = f"leave the crop of {camera} out" if known == WHOLE else add
        raise ValueError(
            f"reward source {source.name} has learned from {camera} cropped to "
            f"{known.typed(camera)}, and is shown {Crop(*shown).typed(camera)}; {what}, or train "
            "it with pictures as they are here"
        )
