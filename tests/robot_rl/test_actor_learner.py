"""Actor and learner over a real link on loopback; either is killed, and nothing is lost."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.slow_network import slow_network
from robot_rl.actor import Acted, Actor
from robot_rl.actor_link import PIECE, ActorLink
from robot_rl.agents import make_agent
from robot_rl.config import FinetuneConfig, LearnerConfig, SacConfig
from robot_rl.env import Closing, Env, Info, Step
from robot_rl.environments import ROBOT, make_env
from robot_rl.episodes import Episodes
from robot_rl.finetune import ROBOTS, finetune
from robot_rl.free_port import free_port
from robot_rl.learner_link import LearnerLink
from robot_rl.message import Message, encode
from robot_rl.metadata import Metadata
from robot_rl.offer import Offer
from robot_rl.outbox import Key, Outbox
from robot_rl.remote_learner import ONLINE, RemoteLearner, run_learner
from robot_rl.replay import Replay
from robot_rl.rlif import COST, TAKEOVER, rlif_rewards
from robot_rl.robot_step import REWARD
from robot_rl.run import Run
from robot_rl.schema import Schema, SchemaError
from robot_rl.telling import numbers
from robot_rl.train import DEMONSTRATIONS
from robot_rl.transition import Transition
from robot_rl.weights_message import acting_state
from tests.forked import Forked
from tests.waiting import PATIENCE, wait_for


class Learner:
    """``robot-rl learner`` in a process of its own, at an address of its own."""

    def __init__(self, folder: Path, source: Path) -> None:
        self.address = f"tcp/127.0.0.1:{free_port()}"
        self.folder, self.source = folder, source
        self.process: Forked | None = None

    def start(self, *further: str) -> None:
        words = ["learner", str(self.folder), "--from", str(self.source), *further]
        words += ["--address", self.address, "--learning-starts", "10", "--checkpoint-every", "1"]
        self.process = Forked("robot_rl.cli", words, os.environ, Path.cwd())

    def end(self, how: int) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)

    def data(self, name: str = ONLINE) -> Replay:
        """What has arrived there."""
        with make_env("reach") as env:
            specs = env.observation_spec, env.action_spec
        return Replay(*specs, 200_000, path=self.folder / name)


@pytest.fixture
def learner(tmp_path: Path, source: Path) -> Iterator[Learner]:
    one = Learner(tmp_path / "learner", source)
    yield one
    if one.process is not None and one.process.poll() is None:
        one.end(signal.SIGKILL)


class Taught(Closing):
    """An environment in which a person does some of the steps."""

    def __init__(self, env: Env) -> None:
        self._env, self._steps, self.taught = env, 0, 0
        self.num_envs, self.dt = env.num_envs, env.dt
        self.observation_spec, self.action_spec = env.observation_spec, env.action_spec

    def reset(self, seed: int | None = None) -> Step:
        return self._env.reset(seed)

    def step(self, action: np.ndarray) -> Step:
        step, self._steps = self._env.step(action), self._steps + 1
        taught = self._steps % 5 in (1, 2)
        self.taught += taught
        return step._replace(info=step.info | {Info.INTERVENED: np.array([taught])})

    def close(self) -> None:
        self._env.close()


class Offering(Taught):
    """Has time for its actor while a step waits."""

    def __init__(self, env: Env) -> None:
        super().__init__(env)
        self.work: Callable[[], object] = lambda: None
        self.actor: Actor | None = None
        self.versions: list[int] = []
        """Of the weights that had acted, step by step."""

    def offer_time(self, work: Callable[[], object]) -> None:
        self.work = work

    def step(self, action: np.ndarray) -> Step:
        assert self.actor is not None
        self.versions.append(self.actor.acted.version)
        self.work()
        return super().step(action)


class Paid(Taught):
    """Each episode is three steps long, the last of which a person does and is paid for."""

    def step(self, action: np.ndarray) -> Step:
        step, last = self._env.step(action), self._steps % 3 == 2
        self._steps += 1
        yes = np.array([last])
        info = step.info | {Info.INTERVENED: yes, Info.SUCCESS: yes}
        return Step(
            self._env.reset().observation if last else step.observation,
            yes.astype(np.float32),
            terminated=yes,
            truncated=np.zeros(1, bool),
            info=info,
        )


class Robot:
    """An actor in this process."""

    def __init__(
        self,
        folder: Path,
        address: str,
        name: str = "left",
        memory: int = 10**6,
        kind: type[Taught] = Taught,
        **actor: Any,
    ) -> None:
        self.link = ActorLink(name, Outbox(folder / "outbox", memory), address)
        self.env = kind(make_env("reach", seed=len(name)))
        offer = Offer.of_message(self.link.offer(PATIENCE))
        offer.require_fit(self.env)
        specs = offer.schema.observation, offer.schema.action
        self.episodes = Episodes(folder / "episodes", Schema.of(self.env, "reach"))
        agent = make_agent(*specs, offer.agent)
        metadata = Metadata(task="reach")
        self.pauses: list[bool] = []
        """What whoever watches says when it is asked next: True is rest."""
        actor["paused"] = lambda: bool(self.pauses) and self.pauses.pop(0)
        self.actor = Actor(self.env, agent, self.link, self.episodes, metadata, **actor)

    def act(self, episodes: int) -> Acted:
        target = len(self.actor.acted.success) + episodes
        return self.actor.act(lambda acted: len(acted.success) >= target)

    def delivered(self) -> None:
        wait_for(lambda: self.link.waiting == 0, "a learner that takes everything")

    def close(self) -> None:
        for part in (self.actor, self.link, self.env):
            part.close()


def rows(replay: Replay) -> dict[str, np.ndarray]:
    """What identifies transitions, and what is in them."""
    batch = replay.gather(np.array(replay.indices))
    return {"state": batch.observation["state"], "action": batch.action, "reward": batch.reward}


def recorded(store: Episodes) -> dict[str, np.ndarray]:
    """The same of the episodes on disk."""
    return {
        "state": np.concatenate([e.observation["state"][:-1] for e in store]),
        "action": np.concatenate([e.action for e in store]),
        "reward": np.concatenate([e.reward for e in store]),
    }


def test_what_a_robot_did_arrives_once_and_in_order_though_the_learner_is_killed(
    tmp_path: Path, learner: Learner
) -> None:
    learner.start()
    robot = Robot(tmp_path, learner.address)
    for _ in range(3):
        robot.act(2)
        learner.end(signal.SIGKILL)
        robot.act(1)  # it goes on with the policy that it has
        assert robot.link.waiting > 0
        learner.start()
    robot.delivered()
    robot.close()
    assert learner.end(signal.SIGINT) == 0
    for name, expected in recorded(robot.episodes).items():
        np.testing.assert_array_equal(rows(learner.data())[name], expected)
    assert Run.open(learner.folder).steps[-1] == robot.actor.acted.steps


def test_a_robot_acts_with_weights_that_its_learner_made_of_its_steps(
    tmp_path: Path, learner: Learner
) -> None:
    learner.start()
    robot = Robot(tmp_path, learner.address)
    acted = robot.act(3)
    wait_for(lambda: robot.link.status.get("updates", 0) >= 2 * acted.steps, "updates")
    robot.pauses = [True, True, False]
    robot.act(1)
    assert robot.pauses == []  # it asked until it might go on
    assert robot.actor.acted.version > 0
    versions = np.concatenate([episode.policy_version for episode in robot.episodes])
    assert versions[-1] > versions[0]
    assert (np.diff(versions) >= 0).all()
    robot.delivered()
    steps = robot.actor.acted.steps
    wait_for(lambda: robot.link.status.get("steps") == steps, "a word that counts the last step")
    wait_for(lambda: robot.link.status.get("owed", 9) < 1, "a learner that has caught up")
    status = robot.link.status
    assert status["updates"] == 2 * status["steps"] == 2 * robot.actor.acted.steps
    robot.close()


def test_weights_are_renewed_while_a_step_waits_and_a_step_knows_which_acted(
    tmp_path: Path, learner: Learner
) -> None:
    learner.start()
    robot = Robot(tmp_path / "robot", learner.address, kind=Offering)
    assert isinstance(robot.env, Offering)
    robot.env.actor = robot.actor
    wait_for(lambda: robot.act(1).version > 1, "newer weights")
    versions = np.concatenate([episode.policy_version for episode in robot.episodes])
    assert versions.tolist() == robot.env.versions
    robot.delivered()
    robot.close()


def test_a_person_cuts_an_episode_off_and_the_next_begins(tmp_path: Path, learner: Learner) -> None:
    learner.start()
    pressed = iter([["redo"], [], [], ["redo"]])  # The first one before the episode.
    robot = Robot(tmp_path, learner.address, pressed=lambda: next(pressed, []))
    robot.act(2)
    robot.delivered()
    cut, whole = robot.episodes
    assert cut.truncated.tolist() == [False, False, True]
    assert cut.metadata.termination_reason == "redo"
    assert whole.metadata.termination_reason in ("success", "time-out")
    assert (whole.metadata.episode, whole.step[0]) == (1, 0)
    assert not np.allclose(whole.observation["state"][0], cut.observation["state"][-1], atol=1e-3)
    arrived = learner.data()
    truncated = arrived.gather(np.array(arrived.indices)).truncated
    assert truncated[:4].tolist() == [False, False, True, False]
    robot.close()


def test_a_second_learner_is_not_let_into_the_folder(tmp_path: Path, learner: Learner) -> None:
    learner.start()
    with ActorLink("left", Outbox(tmp_path / "outbox"), learner.address) as link:
        link.offer(PATIENCE)
        with pytest.raises(
            BlockingIOError, match=r"another process works in .*learner; wait until"
        ):
            run_learner(LearnerConfig(learner.folder, learner.source))


def test_a_learner_that_was_killed_while_it_read_demonstrations_reads_them_all_again(
    source: Path, learner: Learner
) -> None:
    episodes = Episodes(source / DEMONSTRATIONS)
    part = learner.data(f"{DEMONSTRATIONS}.part")
    part.extend(list(episodes[0].transitions())[:3])
    learner.start()
    wait_for((learner.folder / DEMONSTRATIONS).exists, "demonstrations")
    learner.end(signal.SIGKILL)
    assert len(learner.data(DEMONSTRATIONS)) == sum(map(len, episodes))


def test_what_a_person_did_is_a_demonstration_as_well(
    tmp_path: Path, source: Path, learner: Learner
) -> None:
    learner.start()
    robot = Robot(tmp_path, learner.address)
    robot.act(2)
    robot.delivered()
    learner.end(signal.SIGKILL)
    learner.start()
    robot.act(1)
    robot.delivered()
    robot.close()
    learner.end(signal.SIGINT)
    recorded = sum(map(len, Episodes(source / DEMONSTRATIONS)))
    demonstrations = learner.data(DEMONSTRATIONS)
    assert robot.actor.acted.interventions == robot.env.taught > 0
    assert len(demonstrations) == recorded + robot.env.taught
    assert len(learner.data()) == robot.actor.acted.steps
    batch = demonstrations.gather(np.array(demonstrations.indices)[recorded:])
    assert batch.intervened.all()
    assert batch.is_demonstration.all()


def test_takeovers_alone_are_learned_from(tmp_path: Path, source: Path, learner: Learner) -> None:
    learner.start("--rlif")
    robot = Robot(tmp_path, learner.address, reward=rlif_rewards())
    acted = robot.act(3)
    wait_for(lambda: robot.link.status.get("updates", 0) >= 2 * acted.steps, "updates")
    robot.delivered()
    robot.close()
    learner.end(signal.SIGINT)
    for name, expected in recorded(robot.episodes).items():
        np.testing.assert_array_equal(rows(learner.data())[name], expected)
    for episode in robot.episodes:
        started = np.flatnonzero(np.diff(episode.intervened.astype(int)) == 1)
        assert np.flatnonzero(episode.reward == COST).tolist() == started.tolist()
        assert set(episode.reward.tolist()) <= {0.0, COST}
        terms = {name: v for name, v in episode.extra.items() if name.startswith(REWARD)}
        np.testing.assert_array_equal(terms.pop(REWARD + TAKEOVER), episode.reward)
        assert not np.any(list(terms.values()))
    first = sum(bool(episode.intervened[0]) for episode in robot.episodes)
    costs = sum(int((episode.reward == COST).sum()) for episode in robot.episodes)
    assert sum(acted.takeovers) == costs + first > 0
    assert acted.takeover_rate(0) == pytest.approx(1000 * sum(acted.takeovers) / acted.steps)
    shown = sum(map(len, Episodes(source / "demonstrations")))
    assert not rows(learner.data(DEMONSTRATIONS))["reward"][:shown].any()


def test_two_robots_have_one_learner(tmp_path: Path, learner: Learner) -> None:
    learner.start()
    robots = [Robot(tmp_path / name, learner.address, name) for name in ("left", "right")]
    for robot in (*robots, *robots):
        robot.act(1)
    for robot in robots:
        robot.delivered()
        robot.close()
    learner.end(signal.SIGINT)
    assert len(learner.data()) == sum(robot.actor.acted.steps for robot in robots)


def test_what_a_killed_actor_had_on_disk_is_delivered_by_the_next(
    tmp_path: Path, learner: Learner
) -> None:
    learner.start()
    first = Robot(tmp_path, learner.address, memory=0)
    first.act(1)
    first.delivered()
    learner.end(signal.SIGKILL)
    first.act(1)
    folder = tmp_path / "outbox"
    wait_for(lambda: first.link.waiting == len(list(folder.iterdir())) > 0, "all of it on disk")
    first.link.close()  # its process is gone; the folder stays
    learner.start()
    second = Robot(tmp_path, learner.address)
    second.act(1)
    second.delivered()
    second.close()
    learner.end(signal.SIGINT)
    for name, expected in recorded(second.episodes).items():
        np.testing.assert_array_equal(rows(learner.data())[name], expected)


def test_what_no_learner_can_take_keeps_nothing_else_back(tmp_path: Path, learner: Learner) -> None:
    learner.start()
    robot = Robot(tmp_path, learner.address)
    robot.act(1)
    robot.delivered()
    learner.end(signal.SIGINT)
    older = shutil.copytree(learner.folder, tmp_path / "older")
    learner.start()
    robot.act(1)
    robot.delivered()
    taken = len(robot.episodes[0]) + len(robot.episodes[1])
    # A learner whose machine has lost what came last, bytes that are no message, another kind.
    learner.end(signal.SIGKILL)
    shutil.rmtree(learner.folder)
    older.rename(learner.folder)
    robot.link.send(Key(8, 0, 0), b"no message")
    robot.link.send(Key(9, 0, 0), encode({"stream": 9, "episode": 0, "step": 0}))
    learner.start()
    robot.act(1)
    robot.delivered()
    wait_for(lambda: robot.link.status.get("refused") == 2, "a learner that says so")
    robot.close()
    learner.end(signal.SIGINT)
    kept = rows(learner.data())["reward"]
    assert len(kept) == len(robot.episodes[0]) + len(robot.episodes[2])
    assert robot.actor.acted.steps == taken + len(robot.episodes[2])


def test_what_a_person_calls_a_mistake_is_one_for_the_learner_as_well(
    tmp_path: Path, source: Path, learner: Learner
) -> None:
    learner.start()
    robot = Robot(tmp_path, learner.address, kind=Paid)
    robot.act(3)
    robot.delivered()
    robot.episodes.mistake(1, by="Ann")
    robot.act(1)
    robot.delivered()
    robot.close()
    learner.end(signal.SIGINT)
    shown = sum(map(len, Episodes(source / DEMONSTRATIONS)))
    online, demonstrations = learner.data(), learner.data(DEMONSTRATIONS)
    did = online.gather(np.array(online.indices))
    assert did.reward.tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1]
    assert did.terminated.tolist() == did.reward.astype(bool).tolist()
    assert np.flatnonzero(did.truncated).tolist() == [5]
    person = demonstrations.gather(np.array(demonstrations.indices)[shown:])
    assert person.reward.tolist() == [1, 0, 1, 1]


def test_a_success_is_taken_back_by_one_key_at_any_time_and_no_other_episode_is(
    tmp_path: Path, learner: Learner, capsys: pytest.CaptureFixture[str]
) -> None:
    learner.start()

    def person() -> Iterator[list[str]]:
        """Four looks an episode: before it, and after each of its steps."""
        yield from [[], [], [], ["mistaken"]]  # While the arm goes to its next start.
        yield from [[], [], [], []]
        commit_as_another(robot.episodes)
        yield from [["mistaken"], [], [], []]  # Before the next has begun.
        yield from [[], ["mistaken"]]  # In the middle of the next.
        wait_for(lambda: rewards(arrived)[:9] == [0.0] * 9, "corrections before the episode ends")

    presses = person()
    robot = Robot(tmp_path, learner.address, kind=Paid, pressed=lambda: next(presses, []))
    arrived = learner.data()
    robot.act(4)
    robot.delivered()
    robot.close()
    learner.end(signal.SIGINT)
    every = robot.episodes.metadata()
    ours = [one for one in every if not one.operator]
    assert [one.success for one in ours] == [False, False, False, True]
    assert [one.success for one in every if one.operator] == [True]
    assert rewards(learner.data()) == [0.0] * 11 + [1.0]
    told = capsys.readouterr().err
    for one in ours[:3]:
        assert f"episode {one.uuid[:8]} was no success" in told


def rewards(replay: Replay) -> list[float]:
    """Of all that has arrived."""
    return replay.gather(np.array(replay.indices, np.int64)).reward.tolist()


def commit_as_another(store: Episodes) -> None:
    """A success of another process, newer than those that are there."""
    with store.writer(Metadata(operator="another", success=True)) as writer:
        for transition in store[0].transitions():
            writer.add(transition)


def test_what_was_no_success_is_not_taken_back_nor_what_was_before_it(
    tmp_path: Path, learner: Learner, capsys: pytest.CaptureFixture[str]
) -> None:
    learner.start()
    looks = [["mistaken"], ["failure"], [], ["success"]]  # The last one when it has ended.
    looks += [["success"], ["redo"], ["mistaken"]]  # The first one before it has begun.
    presses, labels = iter(looks), list[bool]()
    robot = Robot(
        tmp_path,
        learner.address,
        kind=Paid,
        pressed=lambda: next(presses, []),
        label=labels.append,
    )
    robot.act(3)
    robot.delivered()
    robot.close()
    assert labels == [False]
    every = robot.episodes.metadata()
    assert [one.success for one in every] == [True, False, True]
    assert [one.labels for one in every] == [{}, {}, {}]
    told = capsys.readouterr().err
    assert "no episode has ended yet" in told
    assert f"episode {every[1].uuid} of {robot.episodes.path} is no success" in told


@pytest.mark.parametrize("lost", [ONLINE, DEMONSTRATIONS])
def test_a_run_that_has_lost_its_data_is_refused(
    tmp_path: Path, learner: Learner, lost: str
) -> None:
    learner.start()
    robot = Robot(tmp_path, learner.address)
    robot.act(1)
    robot.delivered()
    robot.close()
    learner.end(signal.SIGINT)
    shutil.rmtree(learner.folder / lost)
    config = LearnerConfig(learner.folder, learner.source)
    with pytest.raises(FileNotFoundError, match=rf"{lost} holds 0 transitions.*copy it back"):
        run_learner(config)


def test_a_run_goes_on_with_what_it_was_begun_with(tmp_path: Path, learner: Learner) -> None:
    learner.start()
    with ActorLink("left", Outbox(tmp_path / "outbox"), learner.address) as link:
        link.offer(PATIENCE)
    learner.end(signal.SIGINT)
    run, sac = Run.open(learner.folder), SacConfig(discount=0.5, hidden=(8,))
    address = f"tcp/127.0.0.1:{free_port()}"
    config = LearnerConfig(
        learner.folder,
        demonstrations=learner.source / DEMONSTRATIONS,
        address=address,
        sac=sac,
        capacity=9999,
    )
    with RemoteLearner(config, run) as again:
        assert again.learner.agent.config.discount == SacConfig.discount
        assert again.learner.replay.spec.capacity == 200_000


def test_what_a_power_cut_has_spoiled_is_forgotten(tmp_path: Path, learner: Learner) -> None:
    learner.start()
    robot = Robot(tmp_path, learner.address)
    acted = robot.act(1).steps
    robot.delivered()
    learner.end(signal.SIGINT)
    spoiled = [learner.data(name) for name in (ONLINE, DEMONSTRATIONS)]
    kept = [len(replay) for replay in spoiled]
    for replay in spoiled:
        replay.extend(_nothing(robot, steps=5))
    _as_if_of_another_boot(learner)
    learner.start()
    robot.act(1)
    robot.delivered()
    robot.close()
    learner.end(signal.SIGINT)
    assert len(learner.data(DEMONSTRATIONS)) == kept[1] + int(robot.episodes[1].intervened.sum())
    assert len(learner.data()) == robot.actor.acted.steps > acted
    for name, expected in recorded(robot.episodes).items():
        np.testing.assert_array_equal(rows(learner.data())[name], expected)


def _nothing(robot: Robot, steps: int) -> Iterator[Transition]:
    """Transitions that are counted, and whose pages never reached the disk."""
    observation = {k: spec.zeros() for k, spec in robot.env.observation_spec.items()}
    action = robot.env.action_spec.zeros()
    for step in range(steps):
        yield Transition(observation, observation, action, action, 0.0, False, False, step=step)


def _as_if_of_another_boot(learner: Learner) -> None:
    run = Run.open(learner.folder)
    with make_env("reach") as env:
        schema = replace(Schema.of(env, "reach"), env=ROBOT)
    step, state, _ = run.load_checkpoint(schema)
    run.save_checkpoint(state | {"boot": "another"}, step, schema)


class Alone:
    """``robot-rl finetune`` in a process of its own, whose learner was killed meanwhile."""

    def __init__(self, folder: Path, learner: Learner) -> None:
        learner.start()
        words = ["finetune", str(folder), "--learner", learner.address, "--env", "reach"]
        self.process = Forked(
            "robot_rl.cli", [*words, "--steps", "1000000"], os.environ, Path.cwd()
        )
        self.folder = folder / ROBOTS / "twin"
        wait_for(lambda: (self.folder / "episodes" / "store.json").exists(), "an actor")
        self.episodes = Episodes(self.folder / "episodes")
        wait_for(lambda: len(self.episodes) > 0, "an episode")
        learner.end(signal.SIGKILL)
        before = len(self.episodes)
        wait_for(lambda: len(self.episodes) > before + 1, "episodes without a learner")

    def end(self, how: int) -> int:
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)


def test_who_is_told_to_end_leaves_nothing_in_memory(tmp_path: Path, learner: Learner) -> None:
    robot = Alone(tmp_path / "own", learner)
    assert robot.end(signal.SIGTERM) == 130
    assert len(list((robot.folder / "outbox").iterdir())) > 0


def test_no_step_of_a_committed_episode_is_lost_though_both_are_killed(
    tmp_path: Path, learner: Learner
) -> None:
    robot = Alone(tmp_path / "own", learner)
    robot.end(signal.SIGKILL)
    learner.start()
    finetune(FinetuneConfig(tmp_path / "own", learner=learner.address, env="reach", steps=1))
    learner.end(signal.SIGINT)
    learned = {state.tobytes() for state in rows(learner.data())["state"]}
    assert {state.tobytes() for state in recorded(robot.episodes)["state"]} <= learned


def test_a_robot_waits_between_episodes_while_its_learner_is_far_behind(
    tmp_path: Path, learner: Learner
) -> None:
    learner.start("--patience", "1", "--utd-ratio", "20")
    told: list[dict[str, float]] = []
    robot = Robot(
        tmp_path,
        learner.address,
        waits=lambda acted: told.append(numbers(acted, robot.link.status, 0)),
    )
    robot.act(1)
    wait_for(lambda: robot.link.said().get("behind"), "a learner that is behind")
    waited = robot.actor.acted.waited
    robot.act(1)
    assert robot.actor.acted.waited > waited
    waits = [said["waited"] for said in told]
    assert waits == sorted(set(waits)), "it is seen to wait"
    assert waits[-1] == robot.actor.acted.waited
    robot.close()


def test_a_learner_in_a_long_update_has_not_forgotten_what_it_said(tmp_path: Path) -> None:
    address = f"tcp/127.0.0.1:{free_port()}"
    with (
        LearnerLink(encode({}), encode({}), encode({"version": 0}), address) as slow,
        ActorLink("left", Outbox(tmp_path), address) as link,
    ):

        def told() -> bool:
            slow.say(version=0, behind=True)
            return bool(link.status)

        wait_for(told, "a word")
        wait_for(lambda: not link.status, "silence")
        assert link.said()["behind"]


def test_a_slow_network_carries_weights_beside_everything_else(tmp_path: Path) -> None:
    """They take some seconds, in which the learner is heard and takes what was done."""
    clone, rest = (np.random.default_rng(i).integers(0, 256, 2_000_000, np.uint8) for i in (0, 1))
    port, key = free_port(), Key(1, 0, 0)
    messages = (
        encode({}),
        encode({"state": {}}, {"cloned/weight": clone}),
        encode({"version": 7, "state": {"has_clone": True}}, {"actor/weight": rest}),
    )
    with (
        slow_network(port, rate=1.5e6) as entrance,
        LearnerLink(*messages, f"tcp/127.0.0.1:{port}") as learner,
        ActorLink("left", Outbox(tmp_path), f"tcp/127.0.0.1:{entrance}") as link,
    ):
        taken, away = 0, 0

        def arrived() -> Message | None:
            nonlocal taken, away, key
            learner.say(version=7)
            away += bool(taken) and not link.status
            if link.waiting < 20:
                link.send(key, encode({}, {"image": np.zeros(10_000, np.uint8)}))
                key = key._replace(step=key.step + 1)
            arrival = learner.take(0.005)
            if arrival is not None:
                learner.took(arrival.robot, arrival.key)
                taken += 1
            return link.weights()

        weights = wait_for(arrived, "weights")
        state = acting_state(weights)
        assert weights.facts["version"] == 7
        np.testing.assert_array_equal(state["cloned"]["weight"], clone)
        np.testing.assert_array_equal(state["actor"]["weight"], rest)
        assert taken > 20
        assert not away


def test_who_has_half_of_the_weights_of_a_learner_that_is_gone_takes_all_of_the_next(
    tmp_path: Path,
) -> None:
    address = f"tcp/127.0.0.1:{free_port()}"

    def opened(version: int) -> LearnerLink:
        drawn = np.random.default_rng(version).integers(0, 256, 20 * PIECE, np.uint8)
        weights = encode({"version": version, "state": {}}, {"actor/weight": drawn})
        return LearnerLink(encode({}), encode({"state": {}}), weights, address)

    with ActorLink("left", Outbox(tmp_path), address) as link:
        with opened(1) as first:
            wait_for(lambda: first.say(version=1) or link._clone, "a clone")
            wait_for(lambda: link._coming.is_under_way, "half of the weights")
            assert link.weights() is None
        with opened(2) as second:
            time.sleep(0.3)  # The actor asks it for the other half, and has not heard of it yet.
            weights = wait_for(lambda: second.say(version=2) or link.weights(), "weights")
    wanted = np.random.default_rng(2).integers(0, 256, 20 * PIECE, np.uint8)
    np.testing.assert_array_equal(weights.arrays["actor/weight"], wanted)


def test_a_robot_that_does_something_else_is_refused(tmp_path: Path, learner: Learner) -> None:
    learner.start()
    link = ActorLink("left", Outbox(tmp_path / "outbox"), learner.address)
    offer = Offer.of_message(link.offer(PATIENCE))
    with make_env("point") as env, pytest.raises(SchemaError, match="learns something else than"):
        offer.require_fit(env)
    link.close()


def test_without_a_learner_it_says_what_to_start(tmp_path: Path) -> None:
    link = ActorLink("left", Outbox(tmp_path), "tcp/127.0.0.1:1")
    with pytest.raises(ConnectionError, match=r"no learner answers within 0.5 s; start it: robot-"):
        link.offer(0.5)
    link.close()
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".message")]
