"""A policy from the simulator goes on learning elsewhere, and what it did there stays."""

import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_rl.actor import Acted
from robot_rl.actor_link import ActorLink
from robot_rl.agents import make_agent
from robot_rl.beginning import beginning_of
from robot_rl.config import (
    DrqConfig,
    DrqV2Config,
    EvaluateConfig,
    FinetuneConfig,
    LearnerConfig,
    SacConfig,
    TrainConfig,
)
from robot_rl.demonstrations import record, schema_of
from robot_rl.env import Closing, Observation
from robot_rl.environments import ROBOT, make_env, parse_options
from robot_rl.episode import Episode
from robot_rl.episodes import Episodes
from robot_rl.evaluate_run import evaluate_run
from robot_rl.finetune import ROBOTS, finetune
from robot_rl.free_port import free_port
from robot_rl.learner import Learner
from robot_rl.learner_process import LearnerProcess
from robot_rl.lock import alone_in
from robot_rl.log import read_log
from robot_rl.message import decode
from robot_rl.metadata import Metadata
from robot_rl.offer import Offer
from robot_rl.outbox import Outbox
from robot_rl.policy import POLICY, Policy
from robot_rl.ranges import RangeError
from robot_rl.remote_learner import OFFER
from robot_rl.replay import Replay
from robot_rl.rlif import COST
from robot_rl.robot_step import REWARD
from robot_rl.run import Run
from robot_rl.sac import Sac
from robot_rl.schema import SchemaError
from robot_rl.settings import SettingsError
from robot_rl.takeovers import with_takeovers
from robot_rl.train import DEMONSTRATIONS, REPLAY
from tests.waiting import wait_for


def test_a_policy_goes_on_learning_twice_and_everything_of_both_times_is_there(
    tmp_path: Path, source: Path
) -> None:
    config = FinetuneConfig(tmp_path / "run", source, robot="left", env="reach", steps=600)
    first = finetune(config)
    second = finetune(replace(config, steps=60, utd_ratio=1.0))
    steps = first.acted.steps + second.acted.steps
    assert first.acted.steps >= 600
    assert Run.open(config.run).steps[-1] == steps
    rows = read_log(config.run / ROBOTS / "left")
    assert rows[-1]["step"] == steps
    assert len(rows) == len(first.acted.success) + len(second.acted.success)
    episodes = Episodes(config.run / ROBOTS / "left" / "episodes")
    assert sum(map(len, episodes)) == steps
    for episode in episodes:
        np.testing.assert_allclose(_paid(episode), episode.reward, atol=1e-6)
    assert second.acted.version > first.acted.version > 0
    starts = [episode.observation["state"][0] for episode in episodes]
    assert not np.allclose(starts[0], starts[len(first.acted.success)], atol=1e-3)  # seen before
    made = [row["updates"] for row in read_log(config.run)]
    owed = [2 * first.acted.steps, second.acted.steps]
    assert made[-1] == pytest.approx(sum(owed), abs=2)
    with make_env("reach", num_envs=32) as env:
        policy = Policy.load(config.run / POLICY)
        policy.require_fit(env)
        assert policy.origin["steps"] == steps
        seen = env.reset(0).observation
        action = policy.act(seen)
    assert not np.array_equal(action, _untouched(source, seen))
    assert "minutes of robot time" in str(second)
    assert second.elapsed > 0


def test_robots_share_a_learner_that_runs_elsewhere_and_others_are_refused(
    tmp_path: Path, source: Path
) -> None:
    address = f"tcp/127.0.0.1:{free_port()}"
    words = ["learner", str(tmp_path / "learner"), "--from", str(source), "--address", address]
    learner = subprocess.Popen([sys.executable, "-m", "robot_rl.cli", *words])
    try:
        config = FinetuneConfig(tmp_path / "own", learner=address, env="reach", steps=60)
        with ThreadPoolExecutor(2) as pool:
            robots = [replace(config, robot=robot) for robot in ("left", "right")]
            done = list(pool.map(finetune, robots))
        with pytest.raises(SchemaError, match="learns something else than this robot does"):
            finetune(replace(config, robot="other", env="point"))
    finally:
        learner.send_signal(signal.SIGINT)
        assert learner.wait(60) == 0
    assert all(finetuned.acted.version >= 0 for finetuned in done)
    assert Run.open(tmp_path / "learner").steps[-1] == sum(one.acted.steps for one in done)
    assert "in the folder of the learner" in str(done[0])


def test_what_a_learner_elsewhere_has_settled_is_not_settled_here(tmp_path: Path) -> None:
    with pytest.raises(RangeError, match=r"the learner at tcp/a:1 has settings .* utd_ratio is"):
        FinetuneConfig(tmp_path, learner="tcp/a:1", utd_ratio=1.0)
    with pytest.raises(RangeError, match="demonstrations is one of them"):
        FinetuneConfig(tmp_path, learner="tcp/a:1", demonstrations=tmp_path)


def test_a_person_takes_over_and_their_takeovers_are_what_is_learned_from(
    tmp_path: Path, source: Path
) -> None:
    config = FinetuneConfig(tmp_path / "run", source, env="reach", steps=200, person=0.8, rlif=True)
    finetuned = finetune(config)
    rows = read_log(config.run / ROBOTS / "twin")
    assert sum(row["takeovers"] for row in rows) == sum(finetuned.acted.takeovers) > 0
    assert rows[-1]["takeovers_per_1000"] > 0
    assert "takeovers per 1,000 steps:" in str(finetuned)
    episodes = Episodes(config.run / ROBOTS / "twin" / "episodes")
    assert sum(int(episode.intervened.sum()) for episode in episodes) == rows[-1]["interventions"]
    assert {reward for episode in episodes for reward in episode.reward.tolist()} == {0.0, COST}
    for episode in episodes:
        np.testing.assert_array_equal(_paid(episode), episode.reward)
    with pytest.raises(ValueError, match="was begun with --rlif"):
        finetune(replace(config, rlif=False))


def _paid(episode: Episode) -> np.ndarray:
    """The sum of the terms as recorded. Shape (length,)."""
    terms = [value for name, value in episode.extra.items() if name.startswith(REWARD)]
    return np.sum(terms, axis=0)


def test_takeovers_cost_beside_what_the_other_sources_pay(tmp_path: Path, source: Path) -> None:
    rewards = tmp_path / "rewards.yaml"
    rewards.write_text("- kind: task\n- kind: intervention\n  cost: 0.5\n")
    config = FinetuneConfig(
        tmp_path / "run",
        source,
        env="reach",
        steps=200,
        person=0.8,
        options=(f"rewards={rewards}",),
    )
    finetune(config)
    episodes = list(Episodes(config.run / ROBOTS / "twin" / "episodes"))
    assert sum(np.count_nonzero(e.extra[f"{REWARD}intervention"]) for e in episodes) > 0
    for episode in episodes:
        began = np.diff(episode.intervened.astype(float)) == 1
        np.testing.assert_array_equal(episode.extra[f"{REWARD}intervention"][:-1], -0.5 * began)
        np.testing.assert_array_equal(
            episode.extra[f"{REWARD}success"], episode.success & episode.terminated
        )
        np.testing.assert_allclose(_paid(episode), episode.reward, atol=1e-6)
    sac = Offer.of_message(decode((config.run / OFFER).read_bytes())).agent
    assert sac.return_range == with_takeovers((0.0, 1.0), 0.5, sac.discount)


def test_a_robot_learns_in_a_folder_once_at_a_time(tmp_path: Path, source: Path) -> None:
    config = FinetuneConfig(tmp_path / "run", source, robot="left", env="reach", steps=50)
    with (
        alone_in(config.run / ROBOTS / "left"),
        pytest.raises(BlockingIOError, match=r"another process works in .*left; wait until"),
    ):
        finetune(config)


def _end_learner(how: str) -> None:
    subprocess.run(
        ["pkill", how, "-P", str(os.getpid()), "-f", "robot_rl.cli learner"], check=False
    )


def test_a_learner_that_is_killed_begins_again_and_has_all_data(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = FinetuneConfig(tmp_path / "run", source, robot="left", env="reach", steps=600)
    killed: list[int] = []

    def kill_once(acted: Acted) -> None:
        if acted.steps > 50 and not killed:
            _end_learner("-KILL")
            killed.append(acted.steps)

    finetuned = finetune(config, kill_once)
    assert capsys.readouterr().err.count("was killed (SIGKILL), and begins again") == 1
    assert Run.open(config.run).steps[-1] == finetuned.acted.steps
    made = [row["updates"] for row in read_log(config.run)]
    assert made[-1] == pytest.approx(2 * finetuned.acted.steps, abs=2)


def test_a_killed_learner_is_back_before_anybody_looks(tmp_path: Path, source: Path) -> None:
    config = FinetuneConfig(tmp_path / "run", source, env="reach")
    with (
        LearnerProcess(config) as learner,
        ActorLink("left", Outbox(tmp_path / "outbox"), learner.address) as link,
    ):
        learner.offer(link)
        boot = wait_for(lambda: link.status, "a word")["boot"]
        _end_learner("-KILL")
        killed = time.monotonic()
        wait_for(lambda: link.status.get("boot", boot) != boot, "another learner")
        print(f"learns again {time.monotonic() - killed:.1f} s after SIGKILL")
        learner.look()


def test_a_learner_that_is_killed_again_and_again_is_told(tmp_path: Path, source: Path) -> None:
    with (
        LearnerProcess(FinetuneConfig(tmp_path / "run", source, env="reach")) as learner,
        pytest.raises(ConnectionError, match=r"learner has ended, for it was killed 4x in 300 s"),
    ):
        wait_for(lambda: _end_learner("-KILL") or learner.look(), "the end of it")


def test_a_learner_that_has_ended_is_told_and_the_same_command_goes_on(
    tmp_path: Path, source: Path
) -> None:
    config = FinetuneConfig(tmp_path / "run", source, robot="left", env="reach", steps=100_000)

    ended: list[int] = []

    def end(acted: Acted) -> None:
        if acted.steps > 50 and not ended:
            _end_learner("-INT")
            ended.append(acted.steps)

    with pytest.raises(ConnectionError, match=r"learner has ended.*with status 0.*same command"):
        finetune(config, end)
    episodes = Episodes(config.run / ROBOTS / "left" / "episodes")
    before = sum(map(len, episodes))
    again = finetune(replace(config, steps=30))
    assert Run.open(config.run).steps[-1] == before + again.acted.steps


def test_people_and_ways_back_go_with_what_can_have_them() -> None:
    run, source = Path("run"), Path("source")
    with pytest.raises(RangeError, match=r"person goes with start.*robot-rl up --person 0.8"):
        FinetuneConfig(run, source, person=0.8)
    with pytest.raises(RangeError, match="reach puts its arm back by itself"):
        FinetuneConfig(run, source, env="reach", backward="back.policy")


def _untouched(source: Path, seen: Observation) -> np.ndarray:
    """What the actor of a run does, whatever its critics say. Shape (worlds, action)."""
    beginning = beginning_of(LearnerConfig(source, source))
    offer, state = beginning.offer, beginning.state
    assert state is not None
    agent = make_agent(offer.schema.observation, offer.schema.action, offer.agent)
    agent.load_state_dict(state)
    agent.has_clone = False
    return agent.act(seen, greedy=True)


def test_the_policy_that_begins_is_the_clone_that_stays_and_imitates_what_the_robot_was_shown(
    tmp_path: Path, source: Path
) -> None:
    with make_env("reach") as env:
        shown = Episodes(tmp_path / "shown", schema_of(env, "reach", ()))
        record(env, shown, successes=2, seed=7)
        seen = env.reset(3).observation
    config = LearnerConfig(tmp_path, source, shown.path)
    alone, taught = (_taught(c) for c in (replace(config, demonstrations=None), config))
    np.testing.assert_array_equal(alone.act_cloned(seen), _untouched(source, seen))
    for agent in (alone, taught):
        np.testing.assert_array_equal(agent.act_cloned(seen), agent.act(seen, greedy=True))
        assert agent.updates == 0
    assert not np.array_equal(alone.act_cloned(seen), taught.act_cloned(seen))


def test_what_the_simulators_policy_did_counts_among_the_demonstrations(
    tmp_path: Path, source: Path
) -> None:
    alone, both = (_begun(LearnerConfig(tmp_path, source, buffer=b)) for b in (False, True))
    simulated = Replay.load(source / REPLAY)
    assert len(both.demonstrations) == len(alone.demonstrations) + len(simulated)
    assert len(both.replay) == 0
    # The simulator's first, for they are the first to be forgotten.
    for begun, expected, part in (
        (both.demonstrations, simulated, slice(0, 5)),
        (both.demonstrations, alone.demonstrations, slice(-5, None)),
    ):
        one, other = (r.gather(np.array(r.indices[part])) for r in (begun, expected))
        np.testing.assert_array_equal(one.action, other.action)
        np.testing.assert_array_equal(
            one.next_observation["state"], other.next_observation["state"]
        )


def _taught(config: LearnerConfig) -> Sac:
    learner = _begun(config)
    beginning_of(config).teach(learner, 0)
    assert isinstance(learner.agent, Sac)
    return learner.agent


def _begun(config: LearnerConfig) -> Learner:
    beginning = beginning_of(config)
    specs = beginning.offer.schema.observation, beginning.offer.schema.action
    learner = Learner(
        make_agent(*specs, beginning.offer.agent), Replay(*specs, 1000), Replay(*specs, 1000), 0
    )
    beginning.fill(learner.demonstrations)
    return learner


def test_a_run_that_learned_from_a_dataset_brings_it_along(tmp_path: Path, source: Path) -> None:
    elsewhere = shutil.copytree(source, tmp_path / "run")
    dataset = (elsewhere / DEMONSTRATIONS).rename(tmp_path / "dataset")
    run = Run.open(elsewhere)
    settings = run.config(TrainConfig)
    run.save_config(replace(settings, dataset=dataset))
    assert beginning_of(LearnerConfig(tmp_path, elsewhere)).simulated == dataset
    run.save_config(replace(settings, demonstrations=0))
    assert beginning_of(LearnerConfig(tmp_path, elsewhere)).simulated is None


def test_pretraining_moves_the_critics_by_demonstrations_alone(
    tmp_path: Path, source: Path
) -> None:
    config = LearnerConfig(tmp_path, source)
    learner, beginning = _begun(config), beginning_of(config)
    before = _critics(learner)
    beginning.teach(learner, 0)
    assert _critics(learner) == before
    metrics = beginning.teach(learner, 3)
    assert _critics(learner) != before
    assert np.isfinite(metrics["critic_loss"])
    assert learner.agent.updates == learner.agent.studied == 3
    assert learner.replay.appended == 0
    other = _begun(config).agent
    other.load_acting_state(learner.agent.acting_state())
    assert other.practised == learner.agent.practised == 0


def _critics(learner: Learner) -> dict[str, list[float]]:
    """All their numbers, by the names of the arrays."""
    state = learner.agent.state_dict()["critics"]
    return {name: value.flatten().tolist() for name, value in state.items()}


def test_without_a_demonstration_there_is_no_pretraining(tmp_path: Path, source: Path) -> None:
    elsewhere = shutil.copytree(source, tmp_path / "run")
    run = Run.open(elsewhere)
    run.save_config(replace(run.config(TrainConfig), demonstrations=0))
    config = LearnerConfig(tmp_path, elsewhere, pretraining=5)
    with pytest.raises(
        ValueError, match=r"5 updates .*run has none; add --demonstrations.*--buffer"
    ):
        beginning_of(config)
    with pytest.raises(
        ValueError, match="add --demonstrations DATASET, or leave --pretraining out"
    ):
        beginning_of(replace(config, rlif=True))
    assert beginning_of(replace(config, buffer=True)).buffer
    assert beginning_of(replace(config, demonstrations=source / DEMONSTRATIONS)).shown
    assert beginning_of(replace(config, pretraining=0)).simulated is None


def test_success_that_went_by_is_no_successful_demonstration(tmp_path: Path, source: Path) -> None:
    episode = Episodes(source / DEMONSTRATIONS)[0]
    length = len(episode) - 1
    cut = list(episode.transitions())[:length]
    cut[0] = replace(cut[0], success=True)
    cut[-1] = replace(cut[-1], truncated=True)
    with make_env("reach") as env:
        store = Episodes(tmp_path / "missed", schema_of(env, "reach", ()))
    with store.writer(Metadata(task="reach")) as writer:
        for transition in cut:
            writer.add(transition)
    with pytest.raises(ValueError, match="1 episodes and none of them succeeded"):
        beginning_of(LearnerConfig(tmp_path, demonstrations=store.path))
    rlif = beginning_of(LearnerConfig(tmp_path, demonstrations=store.path, rlif=True))
    assert rlif.offer.rlif  # Nobody has to say what success is.
    with make_env("reach") as env:
        shown = Replay(env.observation_spec, env.action_spec, 1000)
    rlif.fill(shown)
    assert len(shown) == length


def test_of_a_dataset_with_successes_no_failure_is_imitated(tmp_path: Path, source: Path) -> None:
    won, *_ = Episodes(source / DEMONSTRATIONS)
    with make_env("reach") as env:
        store = Episodes(tmp_path / "both", schema_of(env, "reach", ()))
        shown = [Replay(env.observation_spec, env.action_spec, 1000) for _ in range(2)]
    for success in (True, False):
        with store.writer(Metadata(task="reach", success=success)) as writer:
            for transition in won.transitions():
                writer.add(transition)
    for replay, rlif in zip(shown, (False, True), strict=True):
        beginning_of(LearnerConfig(tmp_path, demonstrations=store.path, rlif=rlif)).fill(replay)
        assert len(replay) == len(won)


def test_what_failed_alone_is_refused_beside_a_simulators_policy_too(
    tmp_path: Path, source: Path
) -> None:
    with make_env("reach") as env:
        store = Episodes(tmp_path / "lost", schema_of(env, "reach", ()))
    with store.writer(Metadata(task="reach", success=False)) as writer:
        for transition in Episodes(source / DEMONSTRATIONS)[0].transitions():
            writer.add(transition)
    with pytest.raises(ValueError, match="none of them succeeded"):
        beginning_of(LearnerConfig(tmp_path, source, store.path))


def test_a_run_on_a_robot_has_the_simulators_buffer_and_is_deployed_as_a_folder(
    tmp_path: Path, source: Path
) -> None:
    config = FinetuneConfig(
        tmp_path / "run",
        source,
        env="reach",
        steps=60,
        buffer=True,
        namespace="lab/left",
        utd_ratio=0.1,
    )
    assert finetune(config).acted.steps == Run.open(config.run).steps[-1], "a slash takes nothing"
    _begins_with_the_buffer(config.run, Replay.load(source / REPLAY))
    folder, file = (Policy.load(path) for path in (config.run, config.run / POLICY))
    with make_env("reach") as env:
        seen = env.reset(0).observation
    np.testing.assert_array_equal(folder.act(seen), file.act(seen))
    with pytest.raises(SettingsError, match="of finetune or learner, and one of train is"):
        evaluate_run(EvaluateConfig(config.run))
    with pytest.raises(SettingsError, match="deploy and export take both"):
        beginning_of(LearnerConfig(tmp_path, config.run))


def _begins_with_the_buffer(run: Path, did: Replay) -> None:
    """What was demonstrated in simulation comes behind it."""
    shown = Replay(did.spec.observation, did.spec.action, 200_000, path=run / DEMONSTRATIONS)
    assert len(shown) > len(did) > 0
    first, expected = (r.gather(np.array(r.indices[: len(did)])) for r in (shown, did))
    for name in ("observation", "next_observation"):
        states = (getattr(batch, name)["state"] for batch in (first, expected))
        np.testing.assert_array_equal(*states)
    np.testing.assert_array_equal(first.action, expected.action)
    np.testing.assert_array_equal(first.reward, expected.reward)


class Paying(Closing):
    """An environment whose rewards may be anything."""

    return_range = None

    def __init__(self) -> None:
        self._env = make_env("reach")
        self.num_envs, self.dt = self._env.num_envs, self._env.dt
        self.observation_spec, self.action_spec = self._env.observation_spec, self._env.action_spec
        self.reset, self.step = self._env.reset, self._env.step

    def close(self) -> None:
        self._env.close()


def test_rewards_that_the_critics_cannot_express_are_refused(source: Path) -> None:
    offer = beginning_of(LearnerConfig(source, source)).offer
    with make_env("reach") as env:
        offer.require_fit(env)
    with Paying() as env:
        with pytest.raises(ValueError, match="may pay something else; leave these out"):
            offer.require_fit(env)
        replace(offer, agent=replace(offer.agent, return_range=(-5.0, 1.0))).require_fit(env)


def test_takeovers_that_the_critics_know_nothing_of_are_refused(
    tmp_path: Path, source: Path
) -> None:
    rewards = tmp_path / "rewards.yaml"
    rewards.write_text("- kind: task\n- kind: intervention\n")
    config = LearnerConfig(tmp_path, source)
    unknowing, cheap, knowing = (
        beginning_of(replace(config, takeover_cost=cost)).offer for cost in (0.0, 0.5, 1.0)
    )
    said = r"takeover costs 1 here \(intervention\).*--takeover-cost 1,.* -4 or"
    with make_env("reach", rewards=str(rewards)) as env:
        for offer in (unknowing, cheap):
            with pytest.raises(ValueError, match=said):
                offer.require_fit(env)
        knowing.require_fit(env)
        replace(unknowing, rlif=True).require_fit(env)
    with (
        make_env("reach", rewards=str(rewards), dense=True) as env,
        pytest.raises(ValueError, match="may pay something else; leave these out"),
    ):
        knowing.require_fit(env)
    with make_env("reach") as env:
        knowing.require_fit(env)


def test_a_range_of_returns_that_somebody_gives_is_not_widened(
    tmp_path: Path, source: Path
) -> None:
    config = LearnerConfig(
        tmp_path,
        demonstrations=source / DEMONSTRATIONS,
        takeover_cost=1.0,
        sac=SacConfig(return_range=(-5.0, 1.0)),
    )
    assert beginning_of(config).offer.agent.return_range == (-5.0, 1.0)
    found = beginning_of(replace(config, sac=SacConfig(discount=1.0))).offer
    assert found.agent.return_range == (-10.0, 1.0)
    with pytest.raises(RangeError, match=r"takeover_cost is 1, beside.*leave one of the two out"):
        replace(config, rlif=True)


def test_actors_know_how_many_updates_a_step_is_worth(tmp_path: Path, source: Path) -> None:
    own = LearnerConfig(tmp_path, source)
    assert beginning_of(own).offer.agent.utd_ratio == SacConfig.utd_ratio
    assert beginning_of(replace(own, utd_ratio=0.5)).offer.agent.utd_ratio == 0.5


def test_what_has_no_effect_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RangeError, match="add --start, or start yours with robot-rl up --gap lab"):
        FinetuneConfig(tmp_path, demonstrations=tmp_path, gap="lab-1")


def test_a_buffer_is_that_of_a_run_and_its_rewards() -> None:
    run, data = Path("run"), Path("data")
    with pytest.raises(RangeError, match="add --from RUN"):
        FinetuneConfig(run, demonstrations=data, buffer=True)
    with pytest.raises(RangeError, match="none of rlif"):
        FinetuneConfig(run, run, buffer=True, rlif=True)


def test_learning_begins_from_demonstrations_alone(tmp_path: Path) -> None:
    demonstrations = tmp_path / "demonstrations"
    with make_env("reach") as env:
        store = Episodes(demonstrations, schema_of(env, "reach", ()))
        record(env, store, 10)
    sac = SacConfig(hidden=(64, 64), learning_rate=1e-3, cloning_steps=600, critic_warmup=50)
    config = FinetuneConfig(
        tmp_path / "run", None, demonstrations, robot="left", env="reach", steps=250, sac=sac
    )
    finetuned = finetune(config)
    assert finetuned.acted.steps >= 250
    assert finetuned.acted.version > 0
    assert np.mean(finetuned.acted.success) > 0.4  # noise reaches nothing
    assert Run.open(config.run).config(LearnerConfig).sac == sac
    taught = Policy.load(config.run / POLICY)
    with make_env("reach") as env:
        taught.require_fit(env)


def test_a_discrete_gripper_closes_or_opens_and_its_critic_learns(tmp_path: Path) -> None:
    with make_env("pick_cube") as env:
        store = Episodes(tmp_path / "demonstrations", schema_of(env, "pick_cube", ()))
        record(env, store, 2)
    sac = SacConfig(
        gripper="discrete", hidden=(32, 32), batch_size=32, cloning_steps=20, critic_warmup=10
    )
    config = FinetuneConfig(
        tmp_path / "run", None, store.path, env="pick_cube", steps=400, utd_ratio=0.5, sac=sac
    )
    finetuned = finetune(config)
    assert finetuned.acted.version > 0
    episodes = Episodes(config.run / ROBOTS / "twin" / "episodes")
    assert sum(map(len, episodes)) == finetuned.acted.steps
    for episode in episodes:
        np.testing.assert_array_equal(np.abs(episode.action[:, 6]), 1)
    learned = Run.open(config.run).load_checkpoint(replace(store.schema, env=ROBOT))
    critic = learned.state["agent"]["gripper_critic"]["critic"]
    assert critic["last.bias"].any(), "it begins at 0"


SEEN = ("cameras=front", "image_size=32", "privileged=False")
PIXELS = {
    "drq": DrqConfig(
        hidden=(32, 32), features=16, batch_size=16, cloning_steps=20, critic_warmup=10
    ),
    "drqv2": DrqV2Config(encoder="small", hidden=(32, 32), batch_size=16, cloning_steps=20),
}


@pytest.mark.parametrize("algorithm", ["drq", "drqv2"])
def test_a_robot_learns_from_its_cameras(tmp_path: Path, algorithm: Any) -> None:
    with make_env("reach", **parse_options(SEEN)) as env:
        store = Episodes(tmp_path / "demonstrations", schema_of(env, "reach", SEEN))
        record(env, store, 2)
    config = FinetuneConfig(
        tmp_path / "run",
        None,
        store.path,
        env="reach",
        steps=260,
        utd_ratio=0.2,
        algorithm=algorithm,
        **{algorithm: PIXELS[algorithm]},
    )
    finetuned = finetune(config)
    assert finetuned.acted.version >= 0
    learned = Run.open(config.run).load_checkpoint(replace(store.schema, env=ROBOT, contract={}))
    assert learned.state["agent"]["updates"] >= 10
    policy = Policy.load(config.run / POLICY)
    assert policy.schema.observation.keys() == {"state", "images/front"}
    with make_env("reach", **parse_options(SEEN)) as env:
        policy.require_fit(env)
        seen = env.reset(0).observation
    assert policy.act(seen).shape == (1, 6)


def test_demonstrations_without_a_success_teach_nothing(tmp_path: Path) -> None:
    with make_env("reach") as env:
        Episodes(tmp_path / "empty", schema_of(env, "reach", ()))
    said = "0 episodes and none of them succeeded as it was meant to; record at least"
    with pytest.raises(ValueError, match=said):
        beginning_of(LearnerConfig(tmp_path / "run", None, tmp_path / "empty"))


def test_nothing_to_start_from_is_said_with_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(RangeError, match="add --demonstrations DATASET"):
        FinetuneConfig(tmp_path / "run")


def test_a_run_brings_its_own_settings_of_the_learner(source: Path) -> None:
    with pytest.raises(RangeError, match="leave --algorithm and --sac out"):
        FinetuneConfig(Path("run"), source, sac=SacConfig(batch_size=64))
    with pytest.raises(RangeError, match="leave --algorithm and --drq out"):
        FinetuneConfig(Path("run"), source, algorithm="drq")


def test_without_a_run_to_start_from_nothing_begins(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no run"):
        finetune(FinetuneConfig(tmp_path / "run", tmp_path / "nothing"))
    assert not (tmp_path / "run").exists()
