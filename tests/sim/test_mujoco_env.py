"""The environment keeps the contract, repeats itself to the bit, and survives bad physics."""

import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from controllers.lie import so3_exp
from controllers.proprioception import PROPRIOCEPTION
from controllers.serial_chain import SerialChain
from controllers.tool_control import ROTATION_DOWN, ToolControl, rotate
from robot_rl import check_env
from robot_rl.env import Step
from robot_rl.environments import make_env
from robot_rl.replay import Replay
from robot_rl.transition import WorldIds
from sim import panda
from sim.batch import Batch
from sim.config import EnvConfig
from sim.mujoco_env import MujocoEnv
from sim.peg_insert import PegInsert
from sim.pick_cube import PickCube
from sim.push import Push
from sim.randomization import Randomization
from sim.reach import Reach
from sim.task import Task

TASKS = (Reach, PickCube, PegInsert, Push)
every_task = pytest.mark.parametrize("kind", TASKS, ids=lambda kind: kind.name)
WIDE = Randomization.wide()
GRIPPER = PROPRIOCEPTION.index("gripper")


def _env(
    task: Task, num_envs: int = 3, randomization: Randomization | None = None, **config: Any
) -> MujocoEnv:
    settings = EnvConfig(threads=1, randomization=randomization or Randomization(), **config)
    return MujocoEnv(task, num_envs, config=settings)


def _actions(env: MujocoEnv, steps: int, seed: int = 0) -> np.ndarray:
    shape = (steps, env.num_envs, *env.action_spec.shape)
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def _after(env: MujocoEnv, actions: Iterable[np.ndarray]) -> Step:
    """What the last of these actions led to."""
    return [env.step(action) for action in actions][-1]


def _assert_equal(mine: Step, other: Step, worlds: list[int] | slice = slice(None)) -> None:
    for a, b in (
        (mine.observation["state"], other.observation["state"]),
        (mine.final_observation["state"], other.final_observation["state"]),
        (mine.reward, other.reward),
        (mine.terminated, other.terminated),
        (mine.truncated, other.truncated),
        (mine.info["action_sent"], other.info["action_sent"]),
    ):
        np.testing.assert_array_equal(a[worlds], b[worlds])


class TestContract:
    @every_task
    def test_it_is_kept_with_states(self, kind: type[Task]) -> None:
        check_env(lambda: _env(kind(), 2), steps=kind().horizon + 2)

    @every_task
    def test_it_is_kept_with_randomized_physics_in_the_tool_frame(self, kind: type[Task]) -> None:
        check_env(lambda: _env(kind(), 2, WIDE, relative_frame=True), steps=kind().horizon + 2)

    @every_task
    def test_it_is_kept_with_a_leash(self, kind: type[Task]) -> None:
        check_env(lambda: _env(kind(), 2, WIDE, leash=2.0), steps=kind().horizon + 2)

    @every_task
    def test_it_is_kept_with_cameras(self, kind: type[Task]) -> None:
        cameras = {"cameras": ("front", "wrist"), "image_size": 32, "privileged": False}
        with warnings.catch_warnings(action="ignore"):  # No episode ends, which it warns of.
            check_env(lambda: _env(kind(), 1, WIDE, **cameras), steps=10)

    @every_task
    def test_the_reward_is_the_sum_of_its_terms(self, kind: type[Reach]) -> None:
        with _env(kind(dense=True)) as env:
            env.reset()
            step = env.step(env.expert_action())
        total = np.sum(list(step.info["reward_terms"].values()), axis=0)
        assert set(step.info["reward_terms"]) == set(env.task.reward_terms)
        np.testing.assert_allclose(step.reward, total, rtol=1e-6)
        assert np.all(step.reward > 0)


class TestRepetition:
    @every_task
    @pytest.mark.parametrize("leash", [0.0, 2.0])
    def test_a_snapshot_reproduces_the_next_100_steps_to_the_bit(
        self, kind: type[Task], leash: float
    ) -> None:
        with _env(kind(), 3, WIDE, leash=leash) as env:
            env.reset(seed=1)
            actions = _actions(env, 107)
            for action in actions[:7]:
                env.step(action)
            snapshot = env.snapshot()
            steps = [env.step(action) for action in actions[7:]]
            env.restore(snapshot)
            for action, step in zip(actions[7:], steps, strict=True):
                _assert_equal(env.step(action), step)

    def test_a_snapshot_continues_in_another_environment(self) -> None:
        with _env(PickCube(), 3, WIDE) as env, _env(PickCube(), 3, WIDE) as other:
            env.reset(seed=1)
            other.reset(seed=2)
            other.restore(env.snapshot())
            for action in _actions(env, 20):
                _assert_equal(env.step(action), other.step(action))

    def test_restoring_shows_what_was_seen_there(self) -> None:
        """The felt force included."""
        with _env(PegInsert()) as env:
            env.reset()
            step = _after(env, (env.expert_action() for _ in range(20)))
            snapshot = env.snapshot()
            env.reset()
            again = env.restore(snapshot)
        np.testing.assert_array_equal(again.observation["state"], step.observation["state"])

    def test_another_seed_gives_other_episodes(self) -> None:
        with _env(PegInsert()) as env:
            first, second = (env.reset(seed=seed).observation["state"] for seed in (1, 2))
        assert not np.isclose(first, second)[:, :2].any()

    def test_episodes_of_a_seed_do_not_depend_on_what_came_before(self) -> None:
        with _env(PickCube(), 3, WIDE) as env:
            first = env.reset(seed=5)
            for action in _actions(env, 30):
                env.step(action)
            _assert_equal(env.reset(seed=5), first)

    @pytest.mark.parametrize("worlds", [2, 4])
    def test_states_of_another_number_of_worlds_are_refused(self, worlds: int) -> None:
        with _env(Reach()) as env, _env(Reach(), worlds) as other:
            other.reset()
            with pytest.raises(ValueError, match="do not fit 3 worlds of reach"):
                env.set_world_states(other.world_states())

    def test_states_of_another_task_are_refused(self) -> None:
        with _env(Push()) as other:
            states = other.world_states()
        with _env(Reach()) as env, pytest.raises(ValueError, match="from the same task"):
            env.set_world_states(states)

    def test_states_that_are_not_finite_are_refused_by_row(self) -> None:
        with _env(Reach()) as env:
            env.reset()
            states = env.world_states()
            states[1, 5] = np.nan
            with pytest.raises(ValueError, match=r"rows \[1\] are not finite"):
                env.set_world_states(states)


class TestEnds:
    """What a world sees when others end."""

    @staticmethod
    def _steps(env: MujocoEnv, count: int) -> list[Step]:
        """The expert's steps; its episodes differ in length."""
        env.reset(seed=0)
        return [env.step(env.expert_action()) for _ in range(count)]

    @pytest.mark.parametrize("cameras", [(), ("front", "wrist")], ids=["states", "cameras"])
    def test_a_running_world_goes_on_from_what_it_saw(self, cameras: tuple[str, ...]) -> None:
        with _env(Reach(), 4, WIDE, cameras=cameras, image_size=24) as env:
            steps = self._steps(env, 40)
        staggered = [step for step in steps if step.done.any() and not step.done.all()]
        assert len(staggered) > 3
        for step in staggered:
            for key, final in step.final_observation.items():
                running = ~step.done
                np.testing.assert_array_equal(step.observation[key][running], final[running])

    def test_a_world_that_ended_sees_its_new_episode(self) -> None:
        with _env(Reach(), 4, WIDE, cameras=("front",), image_size=24) as env:
            step = next(step for step in self._steps(env, 40) if step.done.any())
            for world in np.flatnonzero(step.done):
                for key, final in step.final_observation.items():
                    assert not np.array_equal(step.observation[key][world], final[world])

    def test_a_replay_stores_each_frame_once(self) -> None:
        with _env(Reach(), 4, WIDE) as env:
            replay, ids = Replay(env.observation_spec, env.action_spec, 1000), WorldIds(4)
            step, episodes = env.reset(seed=0), 4
            for _ in range(50):
                action = env.expert_action()
                after = env.step(action)
                replay.append_step(ids, step.observation, action, after)
                ids.advance(after.done)
                step, episodes = after, episodes + int(after.done.sum())
        begun = episodes - int(step.done.sum())
        assert begun > 8
        assert replay.frames_written == 200 + begun


class TestActions:
    def test_an_action_that_is_not_finite_holds_tool_and_gripper(self) -> None:
        with _env(PickCube(), 2) as env:
            env.reset()
            close = np.tile([0, 0, 0, 0, 0, 0, -0.9], (2, 1))
            before = _after(env, [close] * 20).observation["state"]
            bad = close.copy()
            bad[0] = [np.nan, 0, 0, 0, 0, 0, 1]
            step = _after(env, [bad] * 10)
        state = step.observation["state"]
        np.testing.assert_allclose(state[0, :6], before[0, :6], atol=2e-3)
        np.testing.assert_allclose(state[:, GRIPPER], 0.05, atol=0.01)
        np.testing.assert_allclose(step.info["action_sent"][0], close[0], atol=1e-6)

    def test_one_bad_action_does_not_reach_the_other_worlds(self) -> None:
        with _env(Reach()) as env, _env(Reach()) as other:
            env.reset(seed=1)
            other.reset(seed=1)
            for action in _actions(env, 10):
                bad = action.copy()
                bad[1, 3] = np.inf
                _assert_equal(env.step(bad), other.step(action), [0, 2])

    def test_a_wrong_shape_is_answered_with_what_the_action_holds(self) -> None:
        with _env(PickCube(), 2) as env:
            env.reset()
            with pytest.raises(ValueError, match=r"\(2, 6\).*takes \(2, 7\): x, y, .*gripper"):
                env.step(np.zeros((2, 6)))

    def test_the_tool_never_leaves_the_workspace_far(self) -> None:
        """The target cannot; the arm follows it up to its compliance."""
        low, high = map(np.array, EnvConfig.workspace)
        with _env(Reach(), 8) as env:
            env.reset()
            push = np.sign(_actions(env, 1)[0])
            state = _after(env, [push] * 40).final_observation["state"]
        position = state[:, :3] + [0.5, 0, 0.1]
        assert np.all((position > low - 0.01) & (position < high + 0.01))

    def test_in_the_tool_frame_the_same_motion_is_the_turned_action(self) -> None:
        with _env(PegInsert(), 4) as env, _env(PegInsert(), 4, relative_frame=True) as relative:
            seen, mine = (e.reset(seed=1).observation["state"] for e in (env, relative))
            for action in _actions(env, 15) / 2:
                frame = ROTATION_DOWN @ so3_exp(mine[:, 3:6])
                turned = [rotate(frame, action[:, :3]), rotate(frame, action[:, 3:])]
                seen = env.step(np.hstack(turned)).observation["state"]
                mine = relative.step(action).observation["state"]
        frame = ROTATION_DOWN @ so3_exp(mine[:, 3:6])
        np.testing.assert_allclose(mine[:, :6], seen[:, :6], atol=1e-4)
        for part in (slice(6, 9), slice(9, 12), slice(12, 15), slice(15, 18)):
            np.testing.assert_allclose(rotate(frame, mine[:, part]), seen[:, part], atol=0.01)


class TestDivergence:
    @staticmethod
    def _explode(env: MujocoEnv, world: int) -> None:
        states = env.world_states()
        states[world, 1 + env.model.nq : 1 + env.model.nq + 7] = 1e6
        env.set_world_states(states)

    @staticmethod
    def _poison(env: MujocoEnv, world: int) -> None:
        env._batch.models[world].opt.gravity[:] = np.nan  # The physics itself gives NaN.

    @staticmethod
    def _heal(env: MujocoEnv) -> None:
        for model in env._batch.models:
            model.opt.gravity[:] = env.model.opt.gravity

    @pytest.mark.parametrize("spoil", [_explode, _poison], ids=["speed", "nan"])
    def test_the_world_ends_and_the_others_do_not_notice(
        self,
        spoil: Callable[[MujocoEnv, int], None],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.chdir(tmp_path)  # The engine leaves its warnings in a file there.
        kept = tmp_path / "kept"
        with (
            _env(PickCube(), 4, divergence_folder=str(kept)) as env,
            _env(PickCube(), 4) as sound,
        ):
            env.reset(seed=1)
            sound.reset(seed=1)
            actions = _actions(env, 10)
            before, _ = (_after(e, actions[:3]) for e in (env, sound))
            spoil(env, 2)
            others, step = [0, 1, 3], env.step(actions[3])
            self._heal(env)
            _assert_equal(step, sound.step(actions[3]), others)
            later = [env.step(action) for action in actions[4:]]
            for action, mine in zip(actions[4:], later, strict=True):
                _assert_equal(mine, sound.step(action), others)
        np.testing.assert_array_equal(step.info["diverged"], [False, False, True, False])
        np.testing.assert_array_equal(step.truncated, step.info["diverged"])
        assert not step.terminated.any()
        assert not step.reward.any()
        assert np.isfinite(step.final_observation["state"]).all()
        moved = step.observation["state"][2, :3] - before.observation["state"][2, :3]
        assert np.abs(moved).max() > 1e-3, "it starts anew"
        assert not any(step.done.any() for step in later)
        self._assert_kept(kept)

    def test_a_world_that_the_engine_gives_up_ends(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It comes back finite and slow, after 0.002 of 0.05 s."""
        monkeypatch.chdir(tmp_path)
        with _env(PickCube(), 3) as env:
            env.reset(seed=1)
            states = env.world_states()
            states[1, 1 + 9] = 1e11  # The cube, far beyond what the engine takes for a position.
            env.set_world_states(states)
            step = env.step(_actions(env, 1)[0])
            after = env.step(_actions(env, 1)[0])
        np.testing.assert_array_equal(step.info["diverged"], [False, True, False])
        np.testing.assert_array_equal(step.truncated, [False, True, False])
        assert not after.info["diverged"].any()

    def test_a_folder_that_cannot_be_written_costs_a_warning_and_no_run(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("kept").write_text("a file")
        with _env(Reach(), 2, divergence_folder="kept") as env:
            env.reset()
            self._explode(env, 0)
            with pytest.warns(UserWarning, match="not kept.*choose a divergence_folder"):
                step = env.step(_actions(env, 1)[0])
            self._explode(env, 0)
            with warnings.catch_warnings(action="error"):  # It is told once.
                again = env.step(_actions(env, 1)[0])
        for one in (step, again):
            np.testing.assert_array_equal(one.truncated, [True, False])

    def _assert_kept(self, folder: Path) -> None:
        (file,) = folder.iterdir()
        assert file.name == "pick_cube-0000.npz"
        with np.load(file) as kept:
            assert np.isfinite(kept["before"]).all()
            assert not np.abs(kept["after"]).max() < 100
            assert {"target", "draw_cube_position", "draw_mass"} <= set(kept)

    def test_kept_states_of_an_earlier_run_stay(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        for _ in range(2):
            with _env(Reach(), 2, divergence_folder="kept") as env:
                env.reset()
                self._explode(env, 0)
                env.step(_actions(env, 1)[0])
        assert {file.name for file in Path("kept").iterdir()} == {
            "reach-0000.npz",
            "reach-0001.npz",
        }


class TestStarts:
    def _demonstrated(self, kind: type[Task]) -> np.ndarray:
        """States along an episode of the expert. Shape (states, n)."""
        with _env(kind(), 1) as env:
            env.reset(seed=3)
            states = []
            for _ in range(20):
                states.append(env.world_states()[0])
                env.step(env.expert_action())
        return np.array(states)

    @every_task
    def test_episodes_start_in_demonstrated_states(self, kind: type[Task]) -> None:
        states = self._demonstrated(kind)
        with _env(kind(), 16) as env:
            env.start_from(states)
            env.reset(seed=1)
            started = env.world_states()
        physics = slice(1, 1 + env.model.nq + env.model.nv)
        distance = np.abs(started[:, None, physics] - states[None, :, physics]).max(axis=2)
        assert np.all(distance.min(axis=1) == 0)
        assert len(np.unique(distance.argmin(axis=1))) > 5

    def test_their_physics_are_drawn_as_ever(self) -> None:
        heavy = Randomization(mass=(2.0, 3.0))
        with _env(PickCube(), 8, heavy) as env:
            env.reset(seed=3)
            states = env.world_states()[:1]
            env.start_from(states)
            env.reset(seed=4)
            masses = [model.body("cube").mass[0] for model in env._batch.models]
            again = env.world_states()
        assert len(set(masses)) == 8
        physics = slice(1, 1 + env.model.nq + env.model.nv)
        np.testing.assert_array_equal(again[:, physics], np.tile(states[0, physics], (8, 1)))

    def test_the_clock_starts_anew(self) -> None:
        with _env(Reach(), 1) as env:
            env.start_from(self._demonstrated(Reach)[-1:])
            env.reset(seed=1)
            hold = np.zeros((1, 6))
            ends = [bool(env.step(hold).truncated[0]) for _ in range(Reach.horizon)]
        assert ends == [False] * (Reach.horizon - 1) + [True]

    @pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
    def test_as_large_a_share_as_asked_for_starts_there(self, share: float) -> None:
        state = self._demonstrated(Push)[-1:]
        with _env(Push(), 200) as env:
            env.start_from(state, share)
            env.reset(seed=1)
            there = np.isclose(env.world_states()[:, 1:8], state[0, 1:8]).all(axis=1)
        assert there.mean() == pytest.approx(share, abs=0.1)

    def test_none_ends_it(self) -> None:
        with _env(Reach()) as env, _env(Reach()) as other:
            env.start_from(self._demonstrated(Reach))
            env.reset()
            env.start_from(None)
            _assert_equal(env.reset(seed=1), other.reset(seed=1))


class TestRandomization:
    def test_the_preset_none_is_the_default(self) -> None:
        with make_env("push", 2, randomization="none") as none, make_env("push", 2) as default:
            _assert_equal(none.reset(seed=1), default.reset(seed=1))
            for action in np.random.default_rng(0).uniform(-1, 1, (10, 2, 6)):
                _assert_equal(none.step(action), default.step(action))

    @pytest.mark.parametrize("ticks", [0, 1, 10, 25])
    def test_a_delayed_command_comes_that_many_ticks_later(self, ticks: int) -> None:
        delay = ticks * panda.load().opt.timestep
        with _env(Reach(), 1, Randomization(delay=(delay, delay))) as env:
            env.reset(seed=1)
            reference = Batch(env.model, 1, threads=1)
            reference.state[:] = env.world_states()[:, : reference.state.shape[1]]
            action = np.array([[1.0, -1, 1, 0, 0, 0]])
            env.step(action)
            mine = env.world_states()[:, : reference.state.shape[1]]
        chain = SerialChain.from_mujoco(env.model, panda.ARM_JOINTS, panda.TOOL_SITE)
        q = reference.qpos[:, :7]
        target, _ = ToolControl(chain, panda.Q_READY, env.config).target(
            action, chain.forward(q), q
        )
        control = np.tile(reference.qpos[:, None, :9], (1, 25, 1))
        control[:, ticks:, :7] = target[:, None]
        reference.advance(control)
        np.testing.assert_array_equal(mine, reference.state)

    def test_a_command_may_be_later_than_a_step(self) -> None:
        delay = 30 * panda.load().opt.timestep
        with _env(Reach(), 2, Randomization(delay=(delay, delay))) as env:
            env.reset(seed=1)
            first = env.snapshot()
            width = env.model.nq + env.model.nv
            actions = np.random.default_rng(0).uniform(-1, 1, (3, 2, 6))
            env.step(actions[0])
            still = env.world_states()[:, 1 : 1 + width]
            env.restore(first)
            env.step(np.zeros((2, 6)))
            held = env.world_states()[:, 1 : 1 + width]
            env.step(actions[1])
            middle = env.snapshot()
            env.step(actions[2])
            last = env.world_states()
            env.restore(middle)
            env.step(actions[2])
            np.testing.assert_array_equal(env.world_states(), last)
        np.testing.assert_array_equal(still, held)

    def test_a_delayed_command_is_the_one_of_then(self) -> None:
        delay = 30 * panda.load().opt.timestep
        with _env(Reach(), 1, Randomization(delay=(delay, delay))) as env:
            env.reset(seed=1)
            reference = Batch(env.model, 1, threads=1)
            reference.state[:] = env.world_states()[:, : reference.state.shape[1]]
            start, q = reference.qpos[:, None, :9].copy(), reference.qpos[:, :7].copy()
            action = np.array([[1.0, -1, 1, 0, 0, 0]])
            for _ in range(2):
                env.step(action)
                action = -action
            mine = env.world_states()[:, : reference.state.shape[1]]
        chain = SerialChain.from_mujoco(env.model, panda.ARM_JOINTS, panda.TOOL_SITE)
        target, _ = ToolControl(chain, panda.Q_READY, env.config).target(
            action, chain.forward(q), q
        )
        control = np.tile(start, (1, 50, 1))
        control[:, 30:, :7] = target[:, None]
        for part in (control[:, :25], control[:, 25:]):
            reference.advance(part)
        np.testing.assert_array_equal(mine, reference.state)

    def test_with_a_leash_a_late_arm_is_no_slower(self) -> None:
        def way(delay: float, leash: float) -> float:
            """Of the tool in half a second of full actions [m]."""
            with _env(Reach(), 1, Randomization(delay=(delay, delay)), leash=leash) as env:
                before = env.reset(seed=1).observation["state"]
                after = _after(env, [np.array([[0, 1.0, 0, 0, 0, 0]])] * 10).observation["state"]
            return float((after - before)[0, 1])

        assert way(0.08, 0.0) < 0.7 * way(0.0, 0.0)
        assert way(0.08, 2.0) > 0.9 * way(0.0, 0.0)

    def test_a_position_bias_lasts_for_the_episode_and_moves_tool_and_goal_alike(self) -> None:
        bias = Randomization(position_noise=0.01)
        with _env(Reach(), 3) as exact, _env(Reach(), 3, bias) as biased:
            seen = []
            for env in (exact, biased):
                env.reset(seed=1)
                seen.append([env.step(a).final_observation["state"] for a in _actions(env, 5)])
        moved = np.subtract(seen[1], seen[0])
        assert np.abs(moved[0, :, :3]).min() > 1e-5
        np.testing.assert_allclose(
            moved[:, :, :3], np.broadcast_to(moved[0, :, :3], (5, 3, 3)), atol=1e-6
        )
        np.testing.assert_allclose(moved[:, :, 19:], -moved[:, :, :3], atol=1e-6)
        assert not moved[:, :, 3:19].any()

    def test_sensor_noise_does_not_touch_the_physics(self) -> None:
        noisy = Randomization(force_noise=1.0)
        with _env(PegInsert(), 2) as exact, _env(PegInsert(), 2, noisy) as env:
            exact.reset(seed=1)
            env.reset(seed=1)
            actions = _actions(env, 10)
            state, seen = (_after(e, actions).observation["state"] for e in (exact, env))
        force = slice(12, 18)
        assert np.abs(state[:, force] - seen[:, force]).max() > 0.1
        np.testing.assert_array_equal(np.delete(state, force, 1), np.delete(seen, force, 1))
