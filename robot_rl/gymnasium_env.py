"""Gymnasium environments as ours, and ours as Gymnasium's, single and vector.

Needs ``pip install gymnasium``; only ``robot_rl.environments`` and those who want the adapters load
this module. The rules of Gymnasium's automatic resets: https://farama.org/Vector-Autoreset-Mode
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np

from robot_rl.env import ArraySpec, Closing, Env, Info, Observation, Step, is_image, sendable

try:
    import gymnasium
    from gymnasium import spaces
    from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv
    from gymnasium.vector.utils import batch_space
except ImportError as error:
    raise ImportError("Gymnasium is missing; run: pip install 'gymnasium>=1.1'") from error

_SUCCESS_KEYS = ("is_success", "success")
"""What other projects call ``Info.SUCCESS``: gymnasium-robotics, and Meta-World and ManiSkill."""


def from_gymnasium(
    name_or_env: str | gymnasium.Env | VectorEnv, num_envs: int = 1, seed: int = 0, **options: Any
) -> Env:
    """Makes a Gymnasium continuous-control environment one of ours.

    Non-image observations are flattened and joined to ``state`` in the order of their keys; uint8
    images of shape (H, W, channels) become ``images/<key>`` (``images/pixels`` where there is no
    key). The action is flattened and rescaled to [-1, 1]; of an action that is not finite, the
    world repeats the last one it was sent.

    Args:
        name_or_env: Id of a registered environment, or an environment, which is then closed with
            the result. Of vector environments any ``SAME_STEP`` one will do; one that resets in the
            next step or not at all must accept ``reset(options={"reset_mask": ...})``, as
            ``SyncVectorEnv`` and ``AsyncVectorEnv`` do.
        num_envs: Number of worlds, if made from an id.
        seed: Seed of the first ``reset`` that is given none.
        **options: Passed to ``gymnasium.make``, if made from an id.

    Raises:
        ValueError: If no environment of that id is registered, the bounds of the action are
            infinite, or ``num_envs`` differs from that of the given environment.
        TypeError: If a space is not supported, or options are given with an environment.
    """
    if isinstance(name_or_env, str):
        return _FromGymnasium(_make(name_or_env, num_envs, options), seed)
    if options:
        raise TypeError(f"options {list(options)} need an id; give them to the environment itself")
    vector = _as_vector(name_or_env)
    if num_envs not in (1, vector.num_envs):
        raise ValueError(
            f"num_envs is {num_envs}, but {vector} has {vector.num_envs}; leave it out"
        )
    return _FromGymnasium(vector, seed)


def to_gymnasium(env: Env) -> gymnasium.Env[Any, np.ndarray]:
    """Makes one world of ours a Gymnasium environment, for anybody else's learner.

    An environment with ``state`` alone has a ``Box`` of observations, any other a ``Dict`` by key.
    ``info["is_success"]`` is set where the environment tells success.

    Raises:
        ValueError: If ``env.num_envs`` is not 1.
    """
    if env.num_envs != 1:
        raise ValueError(
            f"this has {env.num_envs} worlds, not one; use to_gymnasium_vector, or num_envs=1"
        )
    return _ToGymnasium(env)


def to_gymnasium_vector(env: Env) -> VectorEnv[Any, np.ndarray, np.ndarray]:
    """Makes ours a Gymnasium vector environment that resets in the ``SAME_STEP`` mode.

    Spaces are as in ``to_gymnasium``; the end of an episode is in ``infos["final_obs"]`` and
    ``infos["final_info"]``.
    """
    return _ToGymnasiumVector(env)


class _FromGymnasium(Closing):
    """A Gymnasium vector environment that keeps our contract."""

    def __init__(self, vector: VectorEnv, seed: int) -> None:
        self._vector = vector
        self._seed: int | None = seed
        self._layout = _Layout(vector.single_observation_space)
        self._low, self._high = _bounds(vector.single_action_space)
        self._same_step = _resets_in_same_step(vector)
        self.num_envs = vector.num_envs
        self.dt = _dt(vector)
        self.observation_spec = self._layout.spec
        self.action_spec = ArraySpec(self._low.shape, low=-1.0, high=1.0)
        self._sent = self.action_spec.zeros(self.num_envs)

    def reset(self, seed: int | None = None) -> Step:
        raw, _ = self._vector.reset(seed=self._seed if seed is None else seed)
        self._seed = None
        self._sent = self.action_spec.zeros(self.num_envs)
        reward, nowhere = np.zeros(self.num_envs, np.float32), np.zeros(self.num_envs, bool)
        return Step(self._layout.join(raw, self.num_envs), reward, nowhere, nowhere.copy(), {})

    def step(self, action: np.ndarray) -> Step:
        self._sent = sendable(action, self._sent)
        raw, reward, terminated, truncated, infos = self._vector.step(self._rescale(self._sent))
        terminated = np.array(terminated, bool)
        truncated = np.array(truncated, bool) & ~terminated
        done = terminated | truncated
        observation, final = self._ends(raw, infos, done)
        info = {Info.FINAL_OBSERVATION: final, Info.ACTION_SENT: self._sent.copy()}
        info |= _success(infos, done)
        return Step(observation, np.array(reward, np.float32), terminated, truncated, info)

    def close(self) -> None:
        self._vector.close()

    def _rescale(self, sent: np.ndarray) -> np.ndarray:
        box = self._vector.single_action_space
        action = self._low + (sent.astype(float) + 1.0) / 2.0 * (self._high - self._low)
        return action.reshape(self.num_envs, *cast("spaces.Box", box).shape).astype(box.dtype)

    def _ends(
        self, raw: Any, infos: dict[str, Any], done: np.ndarray
    ) -> tuple[Observation, Observation]:
        """Resets worlds that are done; the observation after that, and the last one before."""
        seen = self._layout.join(raw, self.num_envs)
        if not done.any():
            return seen, dict(seen)
        if not self._same_step:
            options = {"reset_mask": done.copy()} if self.num_envs > 1 else None
            raw, _ = self._vector.reset(options=options)
            return self._layout.join(raw, self.num_envs), seen
        final = {key: array.copy() for key, array in seen.items()}
        for world in np.flatnonzero(done):
            last = self._layout.join(infos["final_obs"][world], 1)
            for key, array in last.items():
                final[key][world] = array[0]
        return seen, final


class _Layout:
    """Where the parts of a Gymnasium observation go in ours."""

    def __init__(self, space: spaces.Space) -> None:
        boxes = dict(_boxes(space))
        images = [name for name, box in boxes.items() if is_image(box.shape, box.dtype)]
        self._images = {f"images/{name or 'pixels'}": name for name in images}
        self._vectors = [name for name in boxes if name not in images]
        self._shapes = {name: box.shape for name, box in boxes.items()}
        self.spec = {
            key: ArraySpec(boxes[name].shape, "uint8", 0, 255) for key, name in self._images.items()
        }
        if self._vectors:
            self.spec["state"] = _joined_spec({name: boxes[name] for name in self._vectors})

    def join(self, raw: Any, worlds: int) -> Observation:
        """Our observation of ``worlds`` worlds, in arrays of its own."""
        parts = dict(_parts(raw))
        joined = {
            key: np.array(parts[name]).reshape(worlds, *self._shapes[name])
            for key, name in self._images.items()
        }
        if self._vectors:
            vectors = [np.reshape(parts[name], (worlds, -1)) for name in self._vectors]
            joined["state"] = np.concatenate(vectors, axis=1, dtype=np.float32)
        return joined


class _ToGymnasium(gymnasium.Env[Any, np.ndarray]):
    """One world of ours."""

    def __init__(self, env: Env) -> None:
        self._env = env
        self._restarted: Step | None = None
        self.metadata = {"render_modes": [], "render_fps": round(1 / env.dt)}
        self.observation_space = _observation_space(env)
        self.action_space = _box(env.action_spec)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        step = self._restarted  # ours has reset itself; on an arm a second reset takes minutes
        if step is None or seed is not None:
            step = self._env.reset(seed)
        self._restarted = None
        return _pick(_unkeyed(step.observation), 0), {}

    def step(self, action: np.ndarray) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        step = self._env.step(np.asarray(action, np.float32)[None])
        self._restarted = step if step.done[0] else None
        info = {key: value for key, value in step.info.items() if key != Info.FINAL_OBSERVATION}
        info = _pick(info, 0)
        if Info.SUCCESS in info:
            info["is_success"] = bool(info[Info.SUCCESS])
        observation = _pick(_unkeyed(step.final_observation), 0)
        ended = bool(step.terminated[0]), bool(step.truncated[0])
        return observation, float(step.reward[0]), *ended, info

    def close(self) -> None:
        self._env.close()


class _ToGymnasiumVector(VectorEnv[Any, np.ndarray, np.ndarray]):
    """Ours, in Gymnasium's batched form."""

    def __init__(self, env: Env) -> None:
        self._env = env
        self.num_envs = env.num_envs
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": []}
        self.single_observation_space = _observation_space(env)
        self.single_action_space = _box(env.action_spec)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        if options and "reset_mask" in options:
            raise ValueError("worlds reset themselves in the same step; leave reset_mask out")
        super().reset(seed=seed)
        return _unkeyed(self._env.reset(seed).observation), {}

    def step(
        self, actions: np.ndarray
    ) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        step = self._env.step(np.asarray(actions, np.float32))
        info = {key: value for key, value in step.info.items() if key != Info.FINAL_OBSERVATION}
        infos = _masked(info, ~step.done)
        if step.done.any():
            final = _unkeyed(step.final_observation)
            last = np.full(self.num_envs, None, object)
            for world in np.flatnonzero(step.done).tolist():
                last[world] = _pick(final, world)
            ends = {"final_obs": last, "final_info": _masked(info, step.done)}
            infos |= ends | {f"_{key}": step.done.copy() for key in ends}
        observation = _unkeyed(step.observation)
        return observation, step.reward, step.terminated, step.truncated, infos

    def close_extras(self, **kwargs: Any) -> None:
        self._env.close()


def _make(name: str, num_envs: int, options: dict[str, Any]) -> VectorEnv:
    if name not in gymnasium.registry and importlib.util.find_spec("gymnasium_robotics"):
        importlib.import_module("gymnasium_robotics")  # registers its environments
    mode = {"autoreset_mode": AutoresetMode.SAME_STEP}
    try:
        return gymnasium.make_vec(name, num_envs, "sync", mode, **options)
    except gymnasium.error.UnregisteredEnv as error:
        raise ValueError(
            f"{error} gymnasium.pprint_registry() lists those that do; Fetch, Shadow Hand, Adroit "
            "and Kitchen need: pip install gymnasium-robotics"
        ) from error


def _as_vector(env: gymnasium.Env | VectorEnv) -> VectorEnv:
    if isinstance(env, VectorEnv):
        return env
    if isinstance(env, gymnasium.Env):
        return SyncVectorEnv([lambda: env], autoreset_mode=AutoresetMode.SAME_STEP)
    raise TypeError(f"{env!r} is not a Gymnasium environment, nor the id of one")


def _resets_in_same_step(vector: VectorEnv) -> bool:
    mode = vector.metadata.get("autoreset_mode", AutoresetMode.NEXT_STEP)
    if mode != AutoresetMode.NEXT_STEP or vector.num_envs == 1:
        return mode == AutoresetMode.SAME_STEP
    if not isinstance(vector.unwrapped, SyncVectorEnv | AsyncVectorEnv):
        raise TypeError(
            f"{vector} resets a world in the step after its last and offers no other way; make it "
            "with autoreset_mode SAME_STEP or DISABLED, or from its id"
        )
    return False


def _dt(vector: VectorEnv) -> float:
    """The environment's own ``dt``, else a frame of its video, else 1 s."""
    if isinstance(vector.unwrapped, SyncVectorEnv):
        world = vector.unwrapped.envs[0]
        if world.has_wrapper_attr("dt"):
            return float(world.get_wrapper_attr("dt"))
    return 1.0 / (vector.metadata.get("render_fps") or 1.0)


def _bounds(space: spaces.Space) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of the flattened action. Shape (action,) each."""
    if not isinstance(space, spaces.Box) or space.dtype.kind != "f":
        raise TypeError(f"action space {space} is not continuous; choose one with a float Box")
    low, high = space.low.ravel().astype(float), space.high.ravel().astype(float)
    if not np.isfinite([low, high]).all():
        wrapper = "gymnasium.wrappers.TransformAction with a finite Box"
        raise ValueError(f"action space {space} has infinite bounds; wrap it in {wrapper}")
    return low, high


def _boxes(space: spaces.Space, name: str = "") -> Iterator[tuple[str, spaces.Box]]:
    """Boxes of a space, nested keys joined by ``/``."""
    if isinstance(space, spaces.Dict):
        for key, part in space.items():
            yield from _boxes(part, f"{name}/{key}" if name else key)
    elif isinstance(space, spaces.Box):
        yield name, space
    else:
        raise TypeError(
            f"observation {name!r} is a {type(space).__name__}; Box and Dict are supported, "
            "gymnasium.wrappers.FlattenObservation makes a Box of most others"
        )


def _parts(raw: Any, name: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """The arrays of an observation, named as by ``_boxes``."""
    if isinstance(raw, Mapping):
        for key, part in raw.items():
            yield from _parts(part, f"{name}/{key}" if name else key)
    else:
        yield name, raw


def _joined_spec(boxes: dict[str, spaces.Box]) -> ArraySpec:
    low = min(float(box.low.min(initial=np.inf)) for box in boxes.values())
    high = max(float(box.high.max(initial=-np.inf)) for box in boxes.values())
    size = sum(int(np.prod(box.shape)) for box in boxes.values())
    names = tuple(f"{name}.{i}" for name, box in boxes.items() for i in range(np.prod(box.shape)))
    return ArraySpec((size,), low=low, high=high, names=names if len(boxes) > 1 else ())


def _success(infos: dict[str, Any], done: np.ndarray) -> dict[str, np.ndarray]:
    """Success by the name it has, if it has one; of the last step where a world was reset."""
    final = infos.get("final_info", {})
    for key in _SUCCESS_KEYS:
        if key in infos or key in final:
            now = infos.get(key, False)
            return {Info.SUCCESS: np.where(done, final.get(key, now), now).astype(bool)}
    return {}


def _box(spec: ArraySpec) -> spaces.Box:
    low, high, dtype = spec.low, spec.high, np.dtype(spec.dtype)
    if dtype.kind in "iu":
        low, high = max(low, np.iinfo(dtype).min), min(high, np.iinfo(dtype).max)
    return spaces.Box(low, high, spec.shape, dtype.type)


def _observation_space(env: Env) -> spaces.Space:
    space = _unkeyed({key: _box(spec) for key, spec in env.observation_spec.items()})
    return spaces.Dict(space) if isinstance(space, dict) else space


def _unkeyed(parts: Mapping[str, Any]) -> Any:
    """``state`` alone goes without its key."""
    return parts["state"] if list(parts) == ["state"] else dict(parts)


def _pick(value: Any, world: int) -> Any:
    """One world of what is batched by world."""
    if isinstance(value, Mapping):
        return {key: _pick(part, world) for key, part in value.items()}
    return value[world] if isinstance(value, np.ndarray) else value


def _masked(info: Mapping[str, Any], worlds: np.ndarray) -> dict[str, Any]:
    """Gymnasium's vector info: beside each ``key``, ``_key`` says for which worlds it holds."""
    masked: dict[str, Any] = {f"_{key}": worlds.copy() for key in info}
    for key, value in info.items():
        masked[key] = _masked(value, worlds) if isinstance(value, Mapping) else value
    return masked
