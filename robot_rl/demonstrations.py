"""Scripted demonstrations: an environment's expert with the tremble of a hand, as episodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from robot_rl.config import SimulationConfig
from robot_rl.env import Env, HasContract, Step
from robot_rl.environments import BASE, make_env, parse_options
from robot_rl.episode import Episode
from robot_rl.episodes import Episodes
from robot_rl.metadata import Metadata
from robot_rl.recorded import without_base
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


_WITHOUT_EXPERT = (
    "add --demonstrations 0 to learn from reward alone, or --dataset DATASET to learn from what "
    "somebody else recorded, or "
)


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

    A store that holds episodes already gets others, also with the seed they were recorded with.

    Args:
        env: One world with an ``expert_action``.
        store: Where the episodes go; each is on disk before the next begins.
        successes: Successful episodes to record, at least 1.
        noise: Standard deviation of the tremble, in units of the action.
        seed: Seed of episodes and tremble.
        keep_failures: Whether failed episodes are kept as well.
        operator: Written into the metadata.

    Raises:
        TypeError: If the environment has no expert.
        ValueError: If it has more than one world, or a number makes no sense.
        RuntimeError: If the expert fails nearly always.
    """
    require_expert(env, store.schema.env)
    _check_numbers(env, successes, noise)
    metadata = scripted_metadata(store.schema, operator, {"seed": seed, "noise": noise})
    seed = seed_beside(seed, len(store))
    rng = np.random.default_rng(seed)
    ids = WorldIds(1)
    step = env.reset(seed)
    done = Recorded(0, 0)
    while done.successes < successes:
        episode, step = _demonstrate(env, ids, step, noise, rng)
        success = episode[-1].success
        done = Recorded(done.successes + success, done.failures + (not success))
        if success or keep_failures:
            _commit(store, episode, metadata)
        if done.failures > 10 + 10 * successes:
            raise RuntimeError(
                f"the expert failed in {done.failures} of {sum(done)} episodes; "
                "lower the noise or make the task easier"
            )
    return done


def require_expert(env: Env, name: str, otherwise: str = "") -> None:
    """Checks that an environment can demonstrate its task.

    Args:
        env: The environment.
        name: What the user called it.
        otherwise: What else the user may do, for the message.

    Raises:
        TypeError: If it cannot.
    """
    if not isinstance(env, HasExpert):
        raise TypeError(
            f"{name or type(env).__name__} has no scripted expert; "
            f"{otherwise}choose reach, pick_cube, peg_insert or push, or give yours an "
            "expert_action()"
        )


def require_demonstrations(
    config: SimulationConfig, env: Env, otherwise: str = _WITHOUT_EXPERT
) -> None:
    """Refuses, before anything is on disk, what ``load_or_record`` could not do.

    Args:
        config: Who shows it.
        env: Of the task.
        otherwise: What else the user may do without an expert, for the message.

    Raises:
        FileNotFoundError: If there is no such dataset.
        SchemaError: If the dataset was recorded in an environment with other specs.
        TypeError: If nobody can demonstrate.
    """
    if config.dataset is not None:
        schema = schema_of(env, config.env, config.options)
        recorded = Episodes(config.dataset).schema
        without_base(recorded).expect(without_base(schema), str(config.dataset))
    elif config.demonstrations and config.teacher is None:
        require_expert(env, config.env, otherwise)


def load_or_record(config: SimulationConfig, folder: Path) -> list[Episode]:
    """The episodes that a training learns from: a dataset's, or fresh ones in ``folder``.

    Raises:
        TypeError: If there is nobody to record, for want of an expert.
        SchemaError: If a dataset was recorded in an environment with other specs.
    """
    with make_env(config.env, 1, config.seed, **parse_options(config.options)) as env:
        require_demonstrations(config, env)
        if config.dataset is not None:
            store = Episodes(config.dataset)
        else:
            store = Episodes(folder, schema_of(env, config.env, config.options))
            if (missing := config.demonstrations - len(store)) > 0:
                with nullcontext(env) if config.teacher is None else demonstrator(config) as shown:
                    record(shown, store, missing, config.demonstration_noise, config.seed)
        schema = schema_of(env, config.env, config.options)
    told = proposals_for(schema)
    episodes = [told(episode) for episode in store if episode.metadata.is_demonstration]
    if not episodes:
        raise ValueError(f"{store.path} holds no demonstration that succeeded; record some first")
    return episodes


def proposals_for(schema: Schema) -> Callable[[Episode], Episode]:
    """Gives episodes what the base of a schema, if it has one, would have done, and no other base.

    Raises:
        FileNotFoundError: If the base is not there any more.
    """
    if BASE not in schema.observation:
        return without_base
    # A policy comes of a training, and needs this module.
    from robot_rl.policy import base_of
    from robot_rl.with_base import with_proposals

    base = base_of(schema)
    assert base is not None
    return lambda episode: with_proposals(episode, base)


def demonstrator(config: SimulationConfig) -> Env:
    """One world with the teacher of a training.

    Raises:
        FileNotFoundError: If there is no such teacher.
        ValueError: If the teacher sees or does something else.
    """
    assert config.teacher is not None
    from robot_rl.teacher import taught  # A policy comes of a training, and needs this module.

    return taught(config.env, parse_options(config.options), config.teacher, config.seed)


def schema_of(env: Env, name: str, options: Iterable[str]) -> Schema:
    """Schema of episodes from an environment, with the options to make it again, and its robot."""
    robot = {"robot": env.contract_values} if isinstance(env, HasContract) else {}
    return Schema.of(env, name, {"options": list(options), **robot})


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


def _check_numbers(env: Env, successes: int, noise: float) -> None:
    if env.num_envs != 1:
        raise ValueError(f"num_envs is {env.num_envs}; give 1, for an expert acts in one world")
    if successes < 1:
        raise ValueError(f"successes is {successes}; give at least 1")
    if not 0 <= noise < np.inf:
        raise ValueError(f"noise is {noise}; give at least 0")


def seed_beside(seed: int, recorded: int) -> int:
    """The seed itself for the first recording in a store, later ones that repeat none of it."""
    if recorded == 0:
        return seed
    return int(np.random.SeedSequence((seed, recorded)).generate_state(1)[0])


def scripted_metadata(schema: Schema, operator: str, config: dict[str, float]) -> Metadata:
    """What is known beforehand of episodes that a script records in a simulator."""
    return Metadata(
        task=schema.env,
        operator=operator,
        robot_serial="simulated",
        control_mode="joint servo on one inverse-kinematics step",
        action_representation="tool displacement",
        config=schema.contract | config,
    )


def _commit(store: Episodes, episode: list[Transition], metadata: Metadata) -> None:
    with store.writer(metadata) as writer:
        for transition in episode:
            writer.add(transition)
