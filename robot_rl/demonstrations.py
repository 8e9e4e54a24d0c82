"""Scripted demonstrations: an environment's expert with the tremble of a hand, as episodes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from robot_rl.config import TrainConfig
from robot_rl.env import Env, Step
from robot_rl.environments import make_env, parse_options
from robot_rl.episode import Episode
from robot_rl.episodes import Episodes
from robot_rl.metadata import Metadata
from robot_rl.schema import Schema
from robot_rl.transition import SIMULATOR_STATE, Transition, WorldIds, split_step


@runtime_checkable
class HasExpert(Protocol):
    """An environment that can demonstrate its task."""

    def expert_action(self) -> np.ndarray:
        """The best known action in each world now. Shape (num_envs, action)."""
        ...


@runtime_checkable
class HasStates(Protocol):
    """A simulator whose worlds can be put into recorded states."""

    def world_states(self) -> np.ndarray:
        """One row per world. Shape (num_envs, n), float64."""
        ...

    def set_world_states(self, states: np.ndarray) -> Step:
        """Puts every world into its row. Shape (num_envs, n)."""
        ...

    def start_from(self, states: np.ndarray | None, share: float = 1.0) -> None:
        """Lets a share of later episodes start from one of these rows."""
        ...


class Recorded(NamedTuple):
    """How a recording went."""

    successes: int
    failures: int


def record(
    env: Env,
    store: Episodes,
    successes: int,
    noise: float = 0.1,
    seed: int = 0,
    keep_failures: bool = False,
    operator: str = "script",
) -> Recorded:
    """Lets the environment's expert act until enough episodes have succeeded.

    Args:
        env: One world with an ``expert_action``.
        store: Where the episodes go; each is on disk before the next begins.
        successes: Successful episodes to record.
        noise: Standard deviation of the tremble, in units of the action.
        seed: Seed of episodes and tremble.
        keep_failures: Whether failed episodes are kept as well.
        operator: Written into the metadata.

    Raises:
        TypeError: If the environment has no expert or more than one world.
        RuntimeError: If the expert fails nearly always.
    """
    if not isinstance(env, HasExpert) or env.num_envs != 1:
        raise TypeError(
            f"{type(env).__name__} with {env.num_envs} worlds has no scripted expert; use one "
            "world of reach, pick_cube, peg_insert or push, or set demonstrations to 0 and learn "
            "from reward alone"
        )
    rng = np.random.default_rng(seed)
    ids = WorldIds(1)
    step = env.reset(seed)
    done = Recorded(0, 0)
    while done.successes < successes:
        episode, step = _demonstrate(env, ids, step, noise, rng)
        success = episode[-1].success
        done = Recorded(done.successes + success, done.failures + (not success))
        if success or keep_failures:
            _commit(store, episode, operator)
        if done.failures > 10 + 10 * successes:
            raise RuntimeError(
                f"the expert failed in {done.failures} of {sum(done)} episodes; "
                "lower the noise or make the task easier"
            )
    return done


def load_or_record(config: TrainConfig, folder: Path) -> list[Episode]:
    """The episodes that a training learns from: a dataset's, or fresh ones in ``folder``.

    Raises:
        SchemaError: If a dataset was recorded in an environment with other specs.
    """
    with make_env(config.env, 1, config.seed, **parse_options(config.options)) as env:
        schema = schema_of(env, config.env, config.options)
        if config.dataset is not None:
            store = Episodes(config.dataset)
            store.schema.expect(schema, str(config.dataset))
        else:
            store = Episodes(folder, schema)
            if (missing := config.demonstrations - len(store)) > 0:
                record(env, store, missing, seed=config.seed)
    episodes = [episode for episode in store if episode.metadata.success]
    if not episodes:
        raise ValueError(f"{store.path} holds no successful episode; record some first")
    return episodes


def schema_of(env: Env, name: str, options: Iterable[str]) -> Schema:
    """Schema of episodes from an environment, with the options to make it again."""
    return Schema.of(env, name, {"options": list(options)})


def start_from_demonstrations(env: Env, episodes: Iterable[Episode], share: float) -> None:
    """Lets a share of the episodes start in a demonstrated state (SnapshotRL).

    Raises:
        TypeError: If the environment or the episodes have no states.
    """
    states = [
        episode.extra[SIMULATOR_STATE] for episode in episodes if SIMULATOR_STATE in episode.extra
    ]
    if not isinstance(env, HasStates) or not states:
        raise TypeError(
            f"{type(env).__name__} cannot start from these demonstrations: they hold no simulator "
            "state; set snapshot_share to 0, or record them in the simulator"
        )
    env.start_from(np.concatenate(states), share)


def trembling(action: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """The action as a hand does it; ``noise`` is a standard deviation in units of the action."""
    tremble = noise * rng.standard_normal(action.shape)
    return np.clip(action + tremble, -1, 1).astype(np.float32)


def summarise(episodes: list[Episode]) -> dict[str, float]:
    """Number and mean length of demonstrations, as scalars of a log."""
    lengths = [len(episode) for episode in episodes]
    return {"demonstrations": len(lengths), "demonstration_length": float(np.mean(lengths))}


def _demonstrate(
    env: Env, ids: WorldIds, step: Step, noise: float, rng: np.random.Generator
) -> tuple[list[Transition], Step]:
    """One episode, and the first step of the next."""
    assert isinstance(env, HasExpert)
    episode: list[Transition] = []
    done = False
    while not done:
        action = trembling(env.expert_action(), noise, rng)
        extra = {SIMULATOR_STATE: env.world_states()} if isinstance(env, HasStates) else None
        after = env.step(action)
        episode += split_step(ids, step.observation, action, after, source="demo", extra=extra)
        ids.advance(after.done)
        done, step = bool(after.done[0]), after
    return episode, step


def _commit(store: Episodes, episode: list[Transition], operator: str) -> None:
    metadata = Metadata(
        task=store.schema.env,
        operator=operator,
        control_mode="joint servo on one inverse-kinematics step",
        action_representation="tool displacement",
    )
    with store.writer(metadata) as writer:
        for transition in episode:
            writer.add(transition)
