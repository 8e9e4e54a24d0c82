"""The environment contract: simulators, the twin and the real arm are the same thing to a learner.

Every array has a leading axis of length ``num_envs`` (a real arm has 1). Lengths are metres, angles
radians, times seconds, forces newtons; quaternions are xyzw. A world that finishes is reset within
the same ``step``: ``Step.observation`` then belongs to the new episode and
``Step.info["final_observation"]`` holds what was really seen last.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np

Observation = dict[str, np.ndarray]
Act = Callable[[Observation], np.ndarray]
"""What acts. Arrays of shape (num_envs, ...) -> (num_envs, action)."""
STATE = "state"
"""The key of what is known as numbers; a vector."""
IMAGES = "images/"
"""What the keys of images begin with; the name of the camera follows."""


class Info:
    """Reserved keys of ``Step.info``; an environment may add others."""

    FINAL_OBSERVATION = "final_observation"
    """Observation at the end of this step, before any reset; keys and shapes as the observation."""
    ACTION_SENT = "action_sent"
    """The action after all limits, as it was carried out. Shape (num_envs, action)."""
    INTERVENED = "intervened"
    """Whether a person chose the action. Shape (num_envs,), bool."""
    SUCCESS = "success"
    """Whether the task succeeded in this step. Shape (num_envs,), bool."""
    AGE = "age"
    """Age of each stream at the time of the observation: dict of arrays (num_envs,) [s]."""
    REWARD_TERMS = "reward_terms"
    """Each term of the reward: dict of arrays (num_envs,)."""
    READINGS = "readings"
    """What sources of reward saw and do not pay, by ``<source>/<reading>``, e.g. a classifier's
    score: dict of arrays (num_envs,)."""
    JUDGED = "judged"
    """Pictures that a source of reward saw and the observation does not hold, by its name for them:
    dict of arrays (num_envs, height, width, 3), uint8."""
    TRUE_SUCCESS = "true_success"
    """Success by what the task itself knows, where it knows and something else judges too. For
    evaluation, never for learning. Shape (num_envs,), bool."""


class StoppedError(RuntimeError):
    """A person has stopped the robot, and a person has to free it before it goes on."""


class Closing(ABC):
    """Closes itself at the end of a ``with`` block."""

    @abstractmethod
    def close(self) -> None:
        """Frees what the object holds; safe to call twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@dataclass(frozen=True)
class ArraySpec:
    """Shape (without the ``num_envs`` axis), dtype and bounds; known before connecting."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    low: float = -np.inf
    high: float = np.inf
    names: tuple[str, ...] = ()
    """One name for each element of a vector, e.g. ``("x", "y", "z")``; empty if they have none."""
    crop: tuple[float, ...] = ()
    """What images show of the camera's pictures, as ``robot_rl.crop.Crop``; empty if all."""

    def __post_init__(self) -> None:
        if self.names and (len(self.names),) != self.shape:
            raise ValueError(
                f"{len(self.names)} names for an array of shape {self.shape}; "
                "give one name per element of a vector, or none"
            )

    def zeros(self, *leading: int) -> np.ndarray:
        """An array of zeros, shape ``(*leading, *shape)``."""
        return np.zeros((*leading, *self.shape), self.dtype)


def is_image(shape: tuple[int, ...], dtype: Any) -> bool:
    """Whether an observation of this shape and dtype is one: bytes, its channels last."""
    return dtype == "uint8" and len(shape) == 3 and shape[2] < min(shape[:2])


class Step(NamedTuple):
    """What an environment returns from ``reset`` and ``step``."""

    observation: Observation
    """Keys of ``observation_spec``; ``state`` is float32, ``images/<camera>`` uint8 of shape
    (H, W, channels): 3 of them, or 3 of each frame with ``frame_stack``."""
    reward: np.ndarray
    """Shape (num_envs,), float32."""
    terminated: np.ndarray
    """Shape (num_envs,), bool: the episode ended for a reason of the task; its value ends here."""
    truncated: np.ndarray
    """Shape (num_envs,), bool: the clock ended the episode; its value goes on (bootstrap)."""
    info: dict[str, Any]

    @property
    def done(self) -> np.ndarray:
        """Worlds that finished and were reset. Shape (num_envs,), bool."""
        return self.terminated | self.truncated

    @property
    def final_observation(self) -> Observation:
        """What the action led to: the last observation of finished worlds, else the observation."""
        return self.info.get(Info.FINAL_OBSERVATION, self.observation)

    @property
    def measured_success(self) -> np.ndarray | None:
        """What evaluations count: the task's own truth where it is known, else what judges."""
        return self.info.get(Info.TRUE_SUCCESS, self.info.get(Info.SUCCESS))


@runtime_checkable
class Env(Protocol):
    """A batch of ``num_envs`` worlds with continuous actions."""

    @property
    def num_envs(self) -> int:
        """Number of worlds."""
        ...

    @property
    def dt(self) -> float:
        """Time between two actions [s]."""
        ...

    @property
    def observation_spec(self) -> dict[str, ArraySpec]:
        """Spec of each observation key; known before ``reset``."""
        ...

    @property
    def action_spec(self) -> ArraySpec:
        """Spec of the action, a vector with bounds."""
        ...

    def reset(self, seed: int | None = None) -> Step:
        """Starts a new episode in every world; the same seed gives the same episodes."""
        ...

    def step(self, action: np.ndarray) -> Step:
        """Applies ``action``, shape (num_envs, action), for ``dt`` seconds."""
        ...

    def close(self) -> None:
        """Frees what the environment holds; safe to call twice."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def sendable(action: np.ndarray, instead: np.ndarray) -> np.ndarray:
    """An action within [-1, 1], and what is sent instead of rows that are not finite.

    Shape (num_envs, action), as that of ``instead``, -> the same, float32.

    Raises:
        ValueError: If it has another shape.
    """
    if np.shape(action) != instead.shape:
        raise ValueError(f"action has shape {np.shape(action)}; give one of shape {instead.shape}")
    finite = np.isfinite(action).all(axis=1, keepdims=True)
    return np.where(finite, np.clip(action, -1, 1), instead).astype(np.float32)


@runtime_checkable
class Remembering(Protocol):
    """Acts by what it has seen before."""

    def __call__(self, observation: Observation) -> np.ndarray:
        """As ``Act``."""
        ...

    def forget(self, ended: np.ndarray) -> None:
        """These worlds begin anew with the next observation. Shape (num_envs,), bool."""
        ...


def forgetting(act: Act) -> Callable[[np.ndarray], None]:
    """What to call with the worlds that have ended; does nothing where nothing is remembered."""
    return act.forget if isinstance(act, Remembering) else lambda ended: None


@runtime_checkable
class HasReturnRange(Protocol):
    """An environment that knows which discounted returns are possible, e.g. 0 to 1 for success.

    What takeovers cost comes on top of these: ``HasTakeoverCosts``.
    """

    @property
    def return_range(self) -> tuple[float, float] | None:
        """Lowest and highest return; None if not known."""
        ...


@runtime_checkable
class HasContract(Protocol):
    """An environment of a real robot."""

    @property
    def contract_values(self) -> dict[str, Any]:
        """The robot's contract as JSON values."""
        ...


@runtime_checkable
class HasTakeoverCosts(Protocol):
    """An environment in which the step before a person takes over costs.

    It cannot pay for a step that is over: ``robot_rl.takeovers`` does, where transitions are made.
    """

    @property
    def takeover_costs(self) -> Mapping[str, float]:
        """Costs above 0, by the names of their terms; empty if there are none."""
        ...
