"""Corrections of a base: nothing at first, bounded, and judged by what is done."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from robot_rl.acting_options import acting_options
from robot_rl.agent_config import ResidualConfig
from robot_rl.batch import Batch
from robot_rl.beginning import beginning_of
from robot_rl.check_env import check_env
from robot_rl.chunk_config import DiffusionConfig, RegressionConfig
from robot_rl.config import EvaluateConfig, FinetuneConfig, LearnerConfig, TrainConfig
from robot_rl.demonstrations import load_or_record, record, schema_of
from robot_rl.detour import DetourEnv
from robot_rl.env import ArraySpec, Observation, Step
from robot_rl.environments import make_env
from robot_rl.episodes import Episodes
from robot_rl.evaluate_run import evaluate_run
from robot_rl.finetune import finetune
from robot_rl.learner import Learner
from robot_rl.log import read_log
from robot_rl.planner import Planner
from robot_rl.policy import Policy, PolicyError
from robot_rl.ranges import RangeError
from robot_rl.replay import Replay
from robot_rl.residual import Residual
from robot_rl.run import Run
from robot_rl.sac import Sac
from robot_rl.train import DEMONSTRATIONS, resume, train
from robot_rl.transition import WorldIds, split_step
from robot_rl.with_base import WithBase, with_proposals
from robot_rl.wrapper import Wrapper, seen_as
from tests.robot_rl.blank_batch import blank_batch

ACTION = ArraySpec((3,), low=-1, high=1, names=("x", "rz", "gripper"))
SPEC = {"state": ArraySpec((2,)), "base": ArraySpec((4,), low=-1, high=1)}
CONFIG = ResidualConfig(
    hidden=(32, 32), batch_size=64, return_range=(0.0, 1.0), scale=(0.1, 0.2, 0.5), critic_warmup=20
)

REACH = np.array([0.1, 0.2, 0.5])

pytestmark = pytest.mark.usefixtures("exact")


def _agent(**settings: Any) -> Residual:
    return Residual(SPEC, ACTION, replace(CONFIG, **settings), seed=0)


def _batch(seed: int = 0) -> Batch:
    rng, batch = np.random.default_rng(seed), blank_batch(SPEC, ACTION, 64)
    for seen in (batch.observation, batch.next_observation):
        seen["state"][...] = rng.standard_normal((64, 2))
        seen["base"][...] = rng.uniform(-1, 1, (64, 4))
    batch.action[...] = rng.uniform(-1, 1, batch.action.shape)
    return batch


def _say(agent: Residual, value: float) -> None:
    """Lets the actor always say the same, before the squashing."""
    with torch.no_grad():
        agent.averaged.head.bias[:3] = value


def test_at_first_it_does_what_the_base_does() -> None:
    agent, seen = _agent(), _batch().observation
    np.testing.assert_allclose(agent.act(seen, greedy=True), seen["base"][:, :3], atol=1e-6)
    np.testing.assert_allclose(agent.act_cloned(seen), seen["base"][:, :3], atol=1e-6)


def test_a_correction_is_bounded_for_each_group_and_the_sum_by_the_action() -> None:
    agent, seen = _agent(imitation_bootstrap=False), _batch().observation
    _say(agent, 100.0)
    done, base = agent.act(seen, greedy=True), seen["base"][:, :3]
    np.testing.assert_allclose(done, np.clip(base + REACH, -1, 1), atol=1e-6)


def test_what_was_done_tells_what_was_said() -> None:
    agent = _agent()
    state = agent._state(_batch().observation)
    state[:, -4:-1] *= 0.4
    said = torch.rand(64, 3) * 2 - 1
    torch.testing.assert_close(agent._said(state, agent._done(state, said)), said)


def test_noise_comes_in_with_the_steps() -> None:
    agent = _agent(progressive_steps=100, utd_ratio=2.0, imitation_bootstrap=False)
    seen, shares = _batch().observation, []
    for agent.updates in (0, 100, 200, 1000):
        noisy = agent.act(seen)
        shares.append(float((noisy != seen["base"][:, :3]).any(1).mean()))
    assert shares[0] == 0
    assert 0.3 < shares[1] < 0.7
    assert shares[2:] == [1, 1]
    agent.updates = 0
    greedy = np.arange(64) % 2 == 0
    _say(agent, 1.0)
    moved = (agent.act(seen, greedy) != seen["base"][:, :3]).any(1)
    np.testing.assert_array_equal(moved, greedy)  # The greedy policy shows what it has learned.


def test_critics_judge_what_is_done() -> None:
    settings = {"learning_rate": 3e-3, "actor_tau": 0.05, "critic_updates_per_actor_update": 1}
    agent = _agent(critic_warmup=0, cloning_weight=(0.01, 0.01), scale=(0.5, 0.5, 0.5), **settings)
    rng = np.random.default_rng(0)
    for seed in range(400):  # Who does more than the base along x is paid.
        batch = _batch(seed)
        batch.observation["base"][:, :3] *= 0.5
        base = batch.observation["base"][:, :3]
        batch.action[...] = base + 0.5 * rng.uniform(-1, 1, base.shape)
        reward = (batch.action[:, 0] > base[:, 0]).astype(np.float32)
        agent.update(batch._replace(reward=reward, terminated=np.ones(64, bool)))
    seen = _batch(999).observation
    seen["base"][:, :3] *= 0.5
    more = agent.act(seen, greedy=True)[:, 0] - seen["base"][:, 0]
    assert (more > 0.1).mean() > 0.9


def test_the_correction_is_drawn_to_zero() -> None:
    agent = _agent(critic_warmup=0, critic_updates_per_actor_update=1, cloning_weight=(50.0, 50.0))
    with torch.no_grad():
        agent.actor.head.bias[:3] = 0.5
    first = last = agent.update(_batch())["deviation"]
    for seed in range(100):
        last = agent.update(_batch(seed))["deviation"]
    assert last < 0.2 * first


def test_a_restored_learner_goes_on_as_if_nothing_had_happened() -> None:
    agent, other = _agent(), _agent()
    for seed in range(4):
        agent.update(_batch(seed))
    other.load_state_dict(agent.state_dict())
    for one in (agent, other):
        torch.manual_seed(7)
        for seed in range(4):
            one.update(_batch(seed))
    seen = _batch(9).observation
    np.testing.assert_array_equal(agent.act(seen, greedy=True), other.act(seen, greedy=True))


def test_another_robot_begins_with_what_was_learned_and_falls_back_to_it() -> None:
    agent, other = _agent(imitation_bootstrap=False), _agent(imitation_bootstrap=False)
    _say(agent, 0.7)
    other.load_policy(agent.state_dict())
    seen = _batch().observation
    wanted = agent.act(seen, greedy=True)
    np.testing.assert_array_equal(other.act(seen, greedy=True), wanted)
    np.testing.assert_array_equal(other.act_cloned(seen), wanted)
    noisy = other.act(seen)  # Corrections come in anew there, on top of what was learned.
    np.testing.assert_array_equal(noisy, wanted)


def test_sampled_evaluations_leave_the_noise_of_learning_alone() -> None:
    agent, seen = _agent(), _batch().observation
    agent.updates = 3_000
    drawn = []
    for evaluated in (False, True):
        torch.manual_seed(5)
        if evaluated:
            with torch.random.fork_rng(devices=[]):
                agent.act(seen)
        drawn.append(agent.act(seen))
    np.testing.assert_array_equal(*drawn)


def test_without_a_base_it_says_how_to_name_one() -> None:
    with pytest.raises(ValueError, match="there is none; name it: --options base=RUN"):
        Residual({"state": SPEC["state"]}, ACTION)
    with pytest.raises(RangeError, match="gripper is discrete"):
        ResidualConfig(gripper="discrete")
    with pytest.raises(RangeError, match="cloning_steps is 5"):
        ResidualConfig(cloning_steps=5)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy that plans and has learned nothing, for the point that makes a detour."""
    torch.manual_seed(0)
    with DetourEnv() as env:
        schema = schema_of(env, "detour", ())
    config = RegressionConfig(horizon=6, steps=4, history=2, hidden=(8,))
    planner = Planner(schema.observation, schema.action, config)
    return Policy(planner, schema, {}).save(tmp_path_factory.mktemp("base") / "base.policy")


def test_the_environment_tells_what_the_base_would_do(base: Path) -> None:
    alone, rng = Policy.load(base), np.random.default_rng(0)
    with make_env("detour", 3, max_steps=7, base=str(base)) as env:
        assert env.observation_spec["base"].names == ("vx", "vy", "done")
        step, ended = env.reset(5), np.ones(3, bool)
        for _ in range(40):
            alone.forget(ended)
            told = alone.act({"state": step.observation["state"]})
            np.testing.assert_allclose(step.observation["base"][:, :2], told, atol=1e-6)
            step = env.step(rng.uniform(-1, 1, (3, 2)).astype(np.float32))
            ended = step.done


def test_what_it_would_do_after_a_time_out_is_known(base: Path) -> None:
    with make_env("detour", 2, max_steps=3, base=str(base)) as env:
        env.reset(5)
        rest = np.zeros((2, 2), np.float32)
        shares = [env.step(rest).final_observation["base"][:, 2].tolist() for _ in range(3)]
    assert shares == [[0.5, 0.5], [0.75, 0.75], [1, 1]]  # The plan goes on behind the end.


class TakenOver(DetourEnv):
    """A person does the second step of the first world."""

    steps = 0

    def step(self, action: np.ndarray) -> Step:
        self.steps += 1
        step, by = super().step(action), np.array([self.steps == 2, False])
        return step._replace(info=step.info | {"intervened": by})


def test_after_a_takeover_the_base_plans_anew(base: Path) -> None:
    with WithBase(TakenOver(2), base) as env:
        env.reset(5)
        rest = np.zeros((2, 2), np.float32)
        shares = [env.step(rest).observation["base"][:, 2].tolist() for _ in range(3)]
    assert shares == [[0.5, 0.5], [0.25, 0.75], [0.5, 1]]


def test_a_base_of_another_task_is_refused(base: Path) -> None:
    with pytest.raises(PolicyError, match="this policy was trained for detour"):
        make_env("reach", base=str(base))


CONFIG_OF_RUN = TrainConfig(
    algorithm="residual",
    env="detour",
    demonstrations=2,
    steps=64,
    num_envs=4,
    learning_starts=16,
    evaluate_every=32,
    evaluation_episodes=4,
    evaluation_envs=4,
    products="float32",
    residual=replace(CONFIG, batch_size=16, return_range=None),
)


@pytest.fixture(scope="module")
def run(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("run") / "run"
    copy = Path(shutil.copy(base, folder.parent / "copy.policy"))
    run = train(replace(CONFIG_OF_RUN, options=(f"base={copy}",), folder=folder))
    copy.unlink()  # What the run corrects is its own.
    return run


def test_it_learns_on_top_of_a_base_that_the_run_keeps(run: Run, base: Path) -> None:
    assert {"critic_loss", "q", "deviation"} <= read_log(run.folder)[-1].keys()
    _require_equal(Policy.load(run.folder / "base.policy"), Policy.load(base))


def test_the_base_that_acts_stays_as_it_is_while_it_is_corrected(base: Path) -> None:
    acting = Policy.load(base)
    with WithBase(DetourEnv(2), acting) as env:
        specs = env.observation_spec, env.action_spec
        agent = Residual(*specs, replace(CONFIG, batch_size=16, critic_warmup=0))
        learner = Learner(agent, Replay(*specs, 100), Replay(*specs, 100), seed=0)
        before, ids = agent.acting_state(), WorldIds(2)
        step = env.reset(0)
        for _ in range(30):
            action = agent.act(step.observation)
            after = env.step(action)
            for one in split_step(ids, step.observation, action, after):
                learner.take(one)
            ids.advance(after.done)
            step = after
            learner.update()
    assert any(
        not torch.equal(value, agent.acting_state()["averaged"][name])
        for name, value in before["averaged"].items()
    ), "the correction is learned"
    _require_equal(acting, Policy.load(base))


def _require_equal(one: Policy, other: Policy) -> None:
    for name, value in one.agent.acting_state()["policy"].items():
        assert torch.equal(other.agent.acting_state()["policy"][name], value)


def test_a_policy_file_holds_its_base(run: Run, base: Path, tmp_path: Path) -> None:
    policy = Policy.load(Policy.of_run(run.folder).save(tmp_path / "residual.policy"))
    assert acting_options(policy.schema) == {"base": str(run.folder / "base.policy")}
    assert policy.base is not None
    with make_env("detour", 2, base=policy.base) as env:
        policy.require_fit(env)
        seen = env.reset(0).observation
        np.testing.assert_array_equal(seen["base"], _first_seen(base)["base"])
        assert policy.act(seen).shape == (2, 2)
    with pytest.raises(PolicyError, match="corrects a base itself; name what it corrects"):
        make_env("detour", base=str(tmp_path / "residual.policy"))


def test_it_is_resumed_and_compared_with_another(run: Run, base: Path, tmp_path: Path) -> None:
    shutil.copytree(run.folder, tmp_path / "run")
    resume(tmp_path / "run", steps=72)
    assert read_log(tmp_path / "run")[-1]["step"] == 72
    other = train(
        replace(CONFIG_OF_RUN, options=(f"base={base}",), folder=tmp_path / "other", seed=1)
    )
    told = str(evaluate_run(EvaluateConfig(run.folder, other.folder, episodes=5)))
    assert f"{other.folder} sampled" in told


def test_demonstrations_without_a_base_are_told_what_it_would_have_done(
    base: Path, tmp_path: Path
) -> None:
    with make_env("detour") as env:
        store = Episodes(tmp_path / "data", schema_of(env, "detour", ()))
        record(env, store, 2)
    config = replace(CONFIG_OF_RUN, options=(f"base={base}",), dataset=store.path)
    [first, _] = load_or_record(config, tmp_path / "unused")
    alone = Policy.load(base)
    for step, told in enumerate(first.observation["base"]):
        seen = {"state": first.observation["state"][step : step + 1]}
        np.testing.assert_allclose(told[:2], alone.act(seen)[0], atol=1e-6)
    assert len(first.observation["base"]) == len(first) + 1


def test_what_it_would_have_done_is_the_same_each_time_and_plans_anew_where_a_person_acted(
    tmp_path: Path,
) -> None:
    with DetourEnv() as env:
        schema = schema_of(env, "detour", ())
        store = Episodes(tmp_path / "data", schema)
        record(env, store, 1)
    config = DiffusionConfig(horizon=8, steps=4, widths=(8, 16), embedding=8, evaluations=2)
    base = Policy(Planner(schema.observation, schema.action, config), schema, {})
    by = np.arange(len(store[0])) == 1
    episode = replace(store[0], intervened=by)
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    first, again = (with_proposals(episode, base).observation["base"] for _ in range(2))
    assert torch.equal(torch.rand(1), wanted), "whoever learns draws as without"
    np.testing.assert_array_equal(first, again)
    assert first[:5, 2].tolist() == [0.25, 0.5, 0.25, 0.5, 0.75]


class Pictured(Wrapper):
    """Shows a grey picture as well."""

    @property
    def observation_spec(self) -> dict[str, ArraySpec]:
        return self._env.observation_spec | {"images/front": ArraySpec((8, 8, 3), dtype="uint8")}

    def reset(self, seed: int | None = None) -> Step:
        return self._seen(self._env.reset(seed))

    def step(self, action: np.ndarray) -> Step:
        return self._seen(self._env.step(action))

    def _seen(self, step: Step) -> Step:
        picture = {"images/front": np.full((self.num_envs, 8, 8, 3), 99, np.uint8)}
        return seen_as(step, step.observation | picture, step.final_observation | picture)


def test_recorded_pictures_are_none_of_its_business(base: Path, tmp_path: Path) -> None:
    with Pictured(DetourEnv()) as env:
        schema = replace(schema_of(env, "robot", ()), contract={"options": ["apart=True"]})
        store = Episodes(tmp_path / "data", schema)
        record(env, store, 1)
    config = LearnerConfig(
        tmp_path, demonstrations=store.path, base=base, algorithm="residual", residual=CONFIG
    )
    assert set(beginning_of(config).offer.schema.observation) == {"state", "base"}


def test_without_demonstrations_the_base_acts_from_the_start(base: Path, tmp_path: Path) -> None:
    config = replace(
        CONFIG_OF_RUN, options=(f"base={base}",), demonstrations=0, folder=tmp_path / "run"
    )
    run = train(replace(config, steps=16, random_steps=100))
    replay = Replay.load(run.folder / "replay.npz")
    batch = replay.gather(np.array(replay.indices))
    np.testing.assert_allclose(batch.action, batch.observation["base"][:, :2], atol=1e-6)


def test_it_goes_on_learning_with_an_actor_of_its_own(run: Run, tmp_path: Path) -> None:
    config = FinetuneConfig(tmp_path / "robot", run.folder, env="detour", steps=80)
    assert finetune(config).acted.steps >= 80
    policy = Policy.load(config.run)
    assert policy.base is not None
    with make_env("detour", base=policy.base) as env:
        policy.require_fit(env)
    episodes = Episodes(next(config.run.glob("robots/*/episodes")))
    assert "base=" in "".join(episodes.schema.contract["options"])


def test_it_begins_on_a_robot_upon_a_base_and_demonstrations(base: Path, tmp_path: Path) -> None:
    with make_env("detour") as env:
        store = Episodes(tmp_path / "data", schema_of(env, "detour", ()))
        record(env, store, 3)
    config = FinetuneConfig(
        tmp_path / "robot",
        demonstrations=store.path,
        base=base,
        env="detour",
        steps=250,
        algorithm="residual",
        residual=CONFIG_OF_RUN.residual,
    )
    assert finetune(config).acted.steps >= 250
    policy = Policy.load(config.run)
    assert policy.base is not None
    _require_equal(policy.base, Policy.load(base))
    with make_env("detour", base=str(base)) as env:
        specs = env.observation_spec, env.action_spec
        shown = Replay(*specs, 200_000, path=config.run / DEMONSTRATIONS)
    assert shown.gather(np.array(shown.indices)).observation["base"].any()


def test_what_a_base_said_in_recordings_goes_to_nobody_else(base: Path, tmp_path: Path) -> None:
    with make_env("detour", base=str(base)) as env:
        store = Episodes(tmp_path / "data", schema_of(env, "detour", (f"base={base}",)))
        record(env, store, 2)
    config = replace(CONFIG_OF_RUN, algorithm="sac", residual=ResidualConfig(), dataset=store.path)
    [first, _] = load_or_record(config, tmp_path / "unused")
    assert set(first.observation) == {"state"}
    config = LearnerConfig(tmp_path, demonstrations=store.path)
    assert set(beginning_of(config).offer.schema.observation) == {"state"}


def test_who_corrects_a_base_has_one_that_fits(base: Path, tmp_path: Path) -> None:
    given: dict[str, Any] = {"demonstrations": tmp_path, "base": base}
    with pytest.raises(RangeError, match="there is none; add --base RUN"):
        LearnerConfig(tmp_path, demonstrations=tmp_path, algorithm="residual")
    with pytest.raises(RangeError, match="choose --algorithm residual with it"):
        LearnerConfig(tmp_path, **given)
    with pytest.raises(RangeError, match="--from brings its own"):
        FinetuneConfig(tmp_path, tmp_path, **given)
    with make_env("reach") as env:
        store = Episodes(tmp_path / "data", schema_of(env, "reach", ()))
        record(env, store, 1)
    other = LearnerConfig(
        tmp_path, demonstrations=store.path, base=base, algorithm="residual", residual=CONFIG
    )
    with pytest.raises(ValueError, match="something else than what was demonstrated:\n  obs"):
        beginning_of(other)


def test_plans_that_are_drawn_follow_the_seed_and_disturb_nobody(tmp_path: Path) -> None:
    with DetourEnv() as env:
        schema = schema_of(env, "detour", ())
    config = DiffusionConfig(horizon=8, steps=4, widths=(8, 16), embedding=8, evaluations=2)
    planner = Planner(schema.observation, schema.action, config)
    path = Policy(planner, schema, {}).save(tmp_path / "base.policy")
    check_env(lambda: make_env("detour", 2, base=str(path)), steps=60)
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    with make_env("detour", base=str(path)) as env:
        env.reset(0)
    assert torch.equal(torch.rand(1), wanted)


def _first_seen(base: Path) -> Observation:
    with make_env("detour", 2, base=str(base)) as env:
        return env.reset(0).observation


def test_sac_itself_does_what_its_actor_says() -> None:
    agent = Sac({"state": SPEC["state"]}, ACTION)
    said = torch.rand(4, 3)
    assert agent._done(torch.zeros(4, 2), said) is said
    assert agent._said(torch.zeros(4, 2), said) is said
