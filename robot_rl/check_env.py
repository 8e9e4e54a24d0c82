"""The conformance check of the environment contract: one call, and every broken rule at once.

It runs on every backend. A simulator is given as a factory, which lets the check open and close
copies of its own; an arm that is already connected is given as it is::

    check_env(lambda: PointEnv(num_envs=3))
    check_env(arm, steps=50, deterministic=False)
"""

from __future__ import annotations

import contextlib
import traceback
import warnings
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

import numpy as np

from robot_rl.env import IMAGES, ArraySpec, Env, Info, Observation, Step, is_image

Violation = tuple[str, str]
"""A broken rule, and what was seen instead."""
Digest = dict[str, int]
"""Checksum of every array of a step, by the name of the array."""

HELD_STEPS = 8
"""How long the check holds on to a returned step, to see whether it changes."""
STEPS_AFTER_BAD_ACTION = 5
RANGE_TOLERANCE = 1e-5
"""Relative; float32 rounding of a bound is no violation."""


class ContractError(Exception):
    """An environment breaks rules of the contract.

    Attributes:
        violations: What was seen first, by the name of the broken rule.
    """

    def __init__(self, violations: Mapping[str, str]) -> None:
        self.violations = dict(violations)
        lines = "".join(f"\n  - {rule}: {seen}" for rule, seen in violations.items())
        super().__init__(
            f"{len(violations)} broken rules of the environment contract (robot_rl/env.py):{lines}"
        )


def check_env(
    make: Callable[[], Env] | Env, steps: int = 200, *, seed: int = 0, deterministic: bool = True
) -> None:
    """Checks that an environment keeps the contract, driving it with uniform random actions.

    The rules: specs are readable before ``reset``; arrays have the shape, dtype and range of their
    spec with a leading axis ``num_envs``; a world that ends is reset within the same step and its
    true last observation is in ``info``; ``terminated`` and ``truncated`` stay apart; the same seed
    gives the same episodes; returned and given arrays belong to the caller; an action that is not
    finite is rejected or held; ``close`` can be repeated and ``with`` closes.

    Args:
        make: A factory of the environment, or the environment itself, which is then left open:
            the rules of closing and of a second copy are not checked.
        steps: Steps to drive, four times over; enough for episodes to end, or a warning says that
            the rules about their end were not checked.
        seed: Seed of the actions and of ``reset``.
        deterministic: False for hardware, where a seed cannot repeat an episode; the rules that
            compare two runs are not checked, and it is driven once.

    Raises:
        ContractError: If any rule is broken; it lists them all.
    """
    found = _Found()
    env: Env = make() if callable(make) else make
    found.gather(_members(env), "the environment has every member of the contract")
    found.gather(_specs(env), "specs are readable before reset")
    if not found:
        digests: list[Digest] = []
        actions = _random_actions(env, steps, seed)
        found.gather(_watch(env, actions, seed, digests), "nothing raises")
        finished = len(digests) == steps + 1
        if finished:
            found.gather(_bad_actions(env), "an action that is not finite raises only ValueError")
        if finished and deterministic:
            found.gather(_repeats(env, make, actions, seed, digests), "nothing raises")
    if callable(make):
        found.gather(_closing(env), "close can be repeated")
    if found:
        raise ContractError(found)


class _Found(dict[str, str]):
    """What was seen first, by broken rule."""

    def gather(self, violations: Iterable[Violation], if_raised: str) -> None:
        """Adds violations; an error while looking for them breaks the rule ``if_raised``."""
        try:
            for rule, seen in violations:
                self.setdefault(rule, seen)
        except Exception as error:  # whatever it is, it is a finding
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{frame.filename}:{frame.lineno} in {frame.name}"
            self.setdefault(if_raised, f"{type(error).__name__}: {error} ({place})")


def missing_members(env: object) -> list[str]:
    """Names of the contract's members that ``env`` lacks; no property is read."""
    specs = ("num_envs", "dt", "observation_spec", "action_spec")
    members = (*specs, "reset", "step", "close", "__enter__", "__exit__")
    return [name for name in members if name not in dir(env)]


def _members(env: object) -> Iterator[Violation]:
    if missing := missing_members(env):
        yield "the environment has every member of the contract", f"no {', '.join(missing)}"


def _specs(env: Env) -> Iterator[Violation]:
    if not isinstance(env.num_envs, int) or env.num_envs < 1:
        yield "num_envs is a positive int", repr(env.num_envs)
    if not 0.0 < env.dt < np.inf:
        yield "dt is a positive time", repr(env.dt)
    if not env.observation_spec:
        yield "observation_spec has keys", repr(env.observation_spec)
    for key, spec in env.observation_spec.items():
        yield from _observation_spec(key, spec)
    action = env.action_spec
    if len(action.shape) != 1 or action.dtype != "float32":
        yield "action_spec is a float32 vector", repr(action)
    if not -np.inf < action.low < action.high < np.inf:
        yield "action_spec has finite bounds", f"[{action.low}, {action.high}]"


def _observation_spec(key: str, spec: ArraySpec) -> Iterator[Violation]:
    if key == "state" and (spec.dtype != "float32" or len(spec.shape) != 1):
        yield "'state' is a float32 vector", repr(spec)
    if key.startswith(IMAGES) and not is_image(spec.shape, spec.dtype):
        yield "images are uint8 of shape (H, W, channels)", f"{key!r}: {spec!r}"
    if not spec.low <= spec.high:
        yield "bounds of a spec are in order", f"{key!r}: [{spec.low}, {spec.high}]"


def _random_actions(env: Env, steps: int, seed: int) -> np.ndarray:
    spec = env.action_spec
    shape = (steps, env.num_envs, *spec.shape)
    return np.random.default_rng(seed).uniform(spec.low, spec.high, shape).astype(spec.dtype)


def _drive(env: Env, actions: np.ndarray, seed: int, *, scribble: bool = False) -> Iterator[Step]:
    """Yields ``reset`` and each step; ``scribble`` then spoils what was given and returned."""
    step = env.reset(seed=seed)
    yield step
    for action in actions:
        if scribble:
            _spoil(step)
        step = env.step(action)
        if scribble:
            action.fill(env.action_spec.high)
        yield step


def _watch(env: Env, actions: np.ndarray, seed: int, digests: list[Digest]) -> Iterator[Violation]:
    """The rules of one run; appends the digest of each step to ``digests``."""
    given, ends, ended = actions.copy(), _Ends(), False
    held: deque[tuple[int, Step, Digest]] = deque(maxlen=HELD_STEPS)
    before: Observation = {}
    for index, step in enumerate(_drive(env, given, seed)):
        malformed = [(rule, f"{seen}, at step {index}") for rule, seen in _form(env, step)]
        if malformed:  # what follows would only repeat it
            yield from malformed
            return
        for rule, seen in (*_values(env, step), *_flow(step, before), *_aliases(step, held)):
            yield rule, f"{seen}, at step {index}"
        if before and Info.FINAL_OBSERVATION in step.info:
            ends.append(before, step)
        ended |= bool(step.done.any())
        digests.append(_digest(step))
        held.append((index, step, digests[-1]))
        before = {key: array.copy() for key, array in step.observation.items()}
    yield from ends.violations()
    if not np.array_equal(given, actions):
        yield "step leaves the given action as it was", "it was overwritten"
    if not ended:
        warnings.warn(
            f"no episode ended within {len(actions)} steps, so the rules about their end were not "
            "checked; pass more steps, or make the episodes shorter",
            stacklevel=4,
        )


def _form(env: Env, step: Any) -> Iterator[Violation]:
    """Types, keys, shapes and dtypes."""
    if not isinstance(step, Step):
        yield "reset and step return a Step", f"{type(step).__name__}"
        return
    worlds = (env.num_envs,)
    yield from _observation_form(env, "observation", step.observation)
    yield from _array("reward", step.reward, worlds, "float32")
    yield from _array("terminated", step.terminated, worlds, "bool")
    yield from _array("truncated", step.truncated, worlds, "bool")
    info = step.info
    if Info.FINAL_OBSERVATION in info:
        yield from _observation_form(env, Info.FINAL_OBSERVATION, info[Info.FINAL_OBSERVATION])
    if Info.ACTION_SENT in info:
        shape = (*worlds, *env.action_spec.shape)
        yield from _array(Info.ACTION_SENT, info[Info.ACTION_SENT], shape, env.action_spec.dtype)
    for name in {Info.SUCCESS, Info.INTERVENED} & info.keys():
        yield from _array(name, info[name], worlds, "bool")
    for name in {Info.AGE, Info.REWARD_TERMS} & info.keys():
        for key, array in info[name].items():
            yield from _array(f"{name}[{key!r}]", array, worlds)


def _observation_form(env: Env, name: str, observation: Observation) -> Iterator[Violation]:
    specs = env.observation_spec
    if observation.keys() != specs.keys():
        yield f"{name} has the keys of observation_spec", f"{list(observation)}, not {list(specs)}"
    for key in specs.keys() & observation.keys():
        shape = (env.num_envs, *specs[key].shape)
        yield from _array(f"{name}[{key!r}]", observation[key], shape, specs[key].dtype)


def _array(
    name: str, array: object, shape: tuple[int, ...], dtype: str | None = None
) -> Iterator[Violation]:
    if not isinstance(array, np.ndarray):
        yield f"{name} is a numpy array", type(array).__name__
    elif array.shape != shape:
        yield f"{name} has shape {shape}", str(array.shape)
    elif dtype is not None and array.dtype != dtype:
        yield f"{name} has dtype {dtype}", str(array.dtype)


def _values(env: Env, step: Step) -> Iterator[Violation]:
    """Ranges, and flags that exclude each other."""
    shown = {"observation": step.observation, Info.FINAL_OBSERVATION: step.final_observation}
    for name, observation in shown.items():
        for key, spec in env.observation_spec.items():
            yield from _range(f"{name}[{key!r}]", observation[key], spec)
    if Info.ACTION_SENT in step.info:
        yield from _range(Info.ACTION_SENT, step.info[Info.ACTION_SENT], env.action_spec)
    if not np.isfinite(step.reward).all():
        yield "reward is finite", str(step.reward)
    if (step.terminated & step.truncated).any():
        yield "terminated and truncated exclude each other", "both are set in one world"


def _range(name: str, array: np.ndarray, spec: ArraySpec) -> Iterator[Violation]:
    if not np.isfinite(array).all():
        yield f"{name} is finite", f"{array[~np.isfinite(array)][0]}"
        return
    slack = RANGE_TOLERANCE * np.abs([spec.low, spec.high])
    low, high = (spec.low - slack[0], spec.high + slack[1])
    outside = (array < low) | (array > high)
    if outside.any():
        yield f"{name} is within [{spec.low}, {spec.high}]", f"{array[outside][0]}"


def _flow(step: Step, before: Observation) -> Iterator[Violation]:
    """How episodes begin and go on; ``before`` is empty in the step that ``reset`` returned."""
    if not before and step.done.any():
        yield "a new episode has not ended", "terminated or truncated is set by reset"
    if Info.FINAL_OBSERVATION in step.info:
        if not (_same(step.final_observation, step.observation) | step.done).all():
            yield "final_observation of a running world is its observation", "they differ"
    elif before and step.done.any():
        yield "final_observation is in info when a world ends", f"only {list(step.info)} there"


def _aliases(step: Step, held: Iterable[tuple[int, Step, Digest]]) -> Iterator[Violation]:
    arrays = _arrays(step)
    if np.shares_memory(step.terminated, step.truncated):
        yield "terminated and truncated are arrays of their own", "they share memory"
    for index, earlier, digest in held:
        changed = [name for name, value in _digest(earlier).items() if value != digest[name]]
        if changed:
            yield "returned arrays never change later", f"{changed[0]} of step {index} changed"
        kept = _arrays(earlier)
        for name in arrays.keys() & kept.keys():
            if np.shares_memory(arrays[name], kept[name]):
                yield "every step returns new arrays", f"{name} shares memory with step {index}"


def _bad_actions(env: Env) -> Iterator[Violation]:
    """An action that is not finite is rejected (ValueError) or held, and leaves no trace."""
    spec = env.action_spec
    middle = np.full((env.num_envs, *spec.shape), (spec.low + spec.high) / 2, spec.dtype)
    for bad in (np.nan, np.inf):
        step = env.reset()
        action = middle.copy()
        action[0] = bad
        with contextlib.suppress(ValueError):  # rejecting it aloud is an answer too
            step = env.step(action)
        for _ in range(STEPS_AFTER_BAD_ACTION):
            for rule, seen in (*_form(env, step), *_values(env, step)):
                yield f"after an action of {bad}, {rule}", seen
            step = env.step(middle.copy())


def _repeats(
    env: Env,
    make: Callable[[], Env] | Env,
    actions: np.ndarray,
    seed: int,
    digests: list[Digest],
) -> Iterator[Violation]:
    """The rules that compare two runs with one seed."""
    rule = "the same seed gives the same episodes"
    repeats = list(_differences(rule, _drive(env, actions.copy(), seed), digests))
    yield from repeats
    if not repeats:  # else every other comparison would differ as well
        rule = "spoiling given and returned arrays does not reach the environment"
        yield from _differences(rule, _drive(env, actions.copy(), seed, scribble=True), digests)
    if callable(make):
        with make() as other:
            rule = "the same seed gives the same episodes in a second copy"
            yield from _differences(rule, _drive(other, actions.copy(), seed), digests)


def _differences(rule: str, run: Iterator[Step], digests: list[Digest]) -> Iterator[Violation]:
    for index, (expected, step) in enumerate(zip(digests, run, strict=False)):
        digest = _digest(step)
        differ = sorted(
            name
            for name in digest.keys() | expected.keys()
            if digest.get(name) != expected.get(name)
        )
        if differ:
            yield rule, f"{', '.join(differ)} differ from step {index} on"
            return


def _closing(env: Env) -> Iterator[Violation]:
    with env as entered:
        if entered is not env:
            yield "'with' gives the environment itself", repr(entered)
    env.close()


class _Ends:
    """What the ends of episodes looked like, by kind; one equal pair can be chance, all cannot."""

    def __init__(self) -> None:
        self._unreset: dict[str, list[bool]] = {"terminated": [], "truncated": []}
        self._stale: dict[str, list[bool]] = {"terminated": [], "truncated": []}
        self._moving = False

    def append(self, before: Observation, step: Step) -> None:
        """Notes each world that ended in ``step``; ``before`` is the observation acted on."""
        final = step.final_observation
        unreset, stale = _same(final, step.observation), _same(final, before)
        self._moving |= bool((~stale & ~step.done).any())
        for kind, ended in (("terminated", step.terminated), ("truncated", step.truncated)):
            self._unreset[kind] += unreset[ended].tolist()
            self._stale[kind] += stale[ended].tolist()

    def violations(self) -> Iterator[Violation]:
        """The rules broken by every end of a kind."""
        for kind, unreset in self._unreset.items():
            if unreset and all(unreset):
                rule = f"a {kind} world is reset within the same step"
                yield rule, "final_observation and observation are always equal"
        for kind, stale in self._stale.items():
            if self._moving and stale and all(stale):
                rule = f"final_observation of a {kind} world is what the action led to"
                yield rule, "it always equals the observation before the action"


def _same(first: Observation, second: Observation) -> np.ndarray:
    """Whether each world has equal observations. Shape (num_envs,), bool."""
    equal = [first[key] == second[key] for key in first]
    return np.logical_and.reduce([e.reshape(len(e), -1).all(axis=1) for e in equal])


def _arrays(step: Step) -> dict[str, np.ndarray]:
    """The arrays that a seed determines, by name; ages come from a clock."""
    parts: dict[str, Any] = step._asdict()
    parts["info"] = {key: value for key, value in step.info.items() if key != Info.AGE}
    return dict(_leaves("", parts))


def _leaves(name: str, value: object) -> Iterator[tuple[str, np.ndarray]]:
    if isinstance(value, np.ndarray):
        yield name, value
    elif isinstance(value, dict):
        for key, part in cast("dict[str, object]", value).items():
            yield from _leaves(f"{name}[{key!r}]" if name else key, part)


def _digest(step: Step) -> Digest:
    return {name: zlib.crc32(array.tobytes()) for name, array in _arrays(step).items()}


def _spoil(step: Step) -> None:
    for array in _arrays(step).values():
        if array.flags.writeable:
            array.fill(np.nan if array.dtype.kind == "f" else 1)
    step.observation.clear()
    step.info.clear()
