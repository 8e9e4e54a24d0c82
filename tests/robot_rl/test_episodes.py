"""What was committed is there and is what it was; what is not there is named."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl import episode_file
from robot_rl.cli import main
from robot_rl.env import ArraySpec
from robot_rl.episode import Episode
from robot_rl.episodes import CorruptEpisodeError, Episodes, EpisodeWriter, fill
from robot_rl.metadata import Camera, Metadata
from robot_rl.replay import Replay
from robot_rl.robot_step import REWARD
from robot_rl.schema import Schema, SchemaError
from robot_rl.toy import PointEnv, point_expert
from robot_rl.transition import SIMULATOR_STATE, Transition, WorldIds, split_step

ROOT = Path(__file__).parents[2]
SCHEMA = Schema(
    observation={
        "state": ArraySpec((3,), names=("x", "y", "z")),
        "images/wrist": ArraySpec((24, 32, 3), "uint8", low=0, high=255),
    },
    action=ArraySpec((2,), low=-1, high=1),
    dt=0.1,
    env="test",
    contract={"joints": ["a", "b"]},
)


def transitions(length: int, seed: int = 0, end: str = "success") -> list[Transition]:
    """An episode of random numbers, which no codec can make smaller."""
    rng = np.random.default_rng(seed)
    frames = [
        {
            "state": rng.standard_normal(3, np.float32),
            "images/wrist": rng.integers(0, 256, (24, 32, 3), np.uint8),
        }
        for _ in range(length + 1)
    ]
    return [
        Transition(
            observation=frames[t],
            next_observation=frames[t + 1],
            action=rng.uniform(-1, 1, 2).astype(np.float32),
            policy_action=rng.uniform(-1, 1, 2).astype(np.float32),
            reward=float(t == length - 1),
            terminated=t == length - 1 and end in ("success", "failure"),
            truncated=t == length - 1 and end == "time-out",
            success=t == length - 1 and end == "success",
            intervened=t % 4 == 0,
            policy_version=t // 2,
            source="real",
            stream=2,
            episode=5,
            step=t,
            sensor_stamp=0.1 * t,
            command_stamp=0.1 * t + 0.01,
            extra={SIMULATOR_STATE: rng.standard_normal(7)},
        )
        for t in range(length)
    ]


def add_all(writer: EpisodeWriter, steps: list[Transition]) -> None:
    for step in steps:
        writer.add(step)


def record(store: Episodes, steps: list[Transition], metadata: Metadata | None = None) -> Path:
    writer = store.writer(metadata)
    add_all(writer, steps)
    return writer.commit()


def assert_same(one: Transition, other: Transition) -> None:
    assert vars(one).keys() == vars(other).keys()
    for name, value in vars(one).items():
        np.testing.assert_equal(vars(other)[name], value)
        assert type(vars(other)[name]) is type(value)
    for mine, theirs in zip(arrays_of(one), arrays_of(other), strict=True):
        assert mine.dtype == theirs.dtype


def arrays_of(one: Transition) -> list[np.ndarray]:
    frames = (one.observation, one.next_observation, one.extra)
    return [one.action, one.policy_action, *(frame[k] for frame in frames for k in sorted(frame))]


def test_transitions_come_back_as_they_were(tmp_path: Path) -> None:
    store = Episodes(tmp_path / "store", SCHEMA)
    every = [transitions(70, seed=0), transitions(1, seed=1), transitions(17, seed=2)]
    for steps in every:
        record(store, steps)
    reopened = Episodes(tmp_path / "store")
    assert len(reopened) == 3
    assert reopened.verify() == []
    assert reopened.schema == SCHEMA
    for steps, episode in zip(every, reopened, strict=True):
        assert len(episode) == len(steps)
        for one, other in zip(steps, episode.transitions(), strict=True):
            assert_same(one, other)
    assert len(reopened[-1]) == 17
    with pytest.raises(ValueError, match=r"no episode 3 in .*; it holds 3, counted from 0"):
        store.episode(3)
    with pytest.raises(IndexError, match=r"no episode 3 in .*; it holds 3, counted from 0"):
        reopened[3]


def test_a_success_is_taken_back_by_its_number_or_the_beginning_of_its_uuid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Episodes(tmp_path, SCHEMA)
    for seed in range(3):
        record(store, transitions(2, seed))
    first, second, third = store.metadata()
    assert main(["classifier", "mistaken", str(tmp_path), second.uuid[:8].upper(), "-1"]) == 0
    told = capsys.readouterr().out.splitlines()
    for number, one, line in zip((1, 2), (second, third), told, strict=True):
        assert f"episode {number} ({one.uuid}, of {one.date})" in line
    assert [one.success for one in store.metadata()] == [True, False, False]
    assert store.mistake("0").uuid == first.uuid
    with pytest.raises(ValueError, match=f"episode {first.uuid} of .* is no success; nothing to"):
        store.mistake(first.uuid)
    with pytest.raises(ValueError, match=r"no uuid begins with 'x' in .*; give .* from 0 to 2, or"):
        store.mistake("x")
    with pytest.raises(ValueError, match=r"no episode 3 in .*; it holds 3, counted from 0"):
        store.mistake("3")
    for name in ("face0", "face1"):
        (store.path / "episodes" / f"000003-{name}.zarr").mkdir()
    with pytest.raises(ValueError, match=r"2 uuids begin with 'face' in .*; give more of one"):
        store.mistake("face")


def test_each_frame_is_stored_once(tmp_path: Path) -> None:
    store = Episodes(tmp_path, SCHEMA)
    record(store, transitions(50))
    assert store[0].observation["images/wrist"].shape == (51, 24, 32, 3)
    assert store.info().nbytes < 1.1 * 51 * 24 * 32 * 3 + 40_000


def test_a_writer_copies_what_it_is_given(tmp_path: Path) -> None:
    store, steps = Episodes(tmp_path, SCHEMA), transitions(2)
    with store.writer() as writer:
        add_all(writer, steps)
        for array in arrays_of(steps[1]):
            array[...] = 0
    kept = list(store[0].transitions())
    for one, other in zip(transitions(2), kept, strict=True):
        assert_same(one, other)


def test_metadata_comes_back_and_is_completed(tmp_path: Path) -> None:
    given = Metadata(
        task="insert the peg",
        operator="ann",
        robot_serial="295341",
        control_mode="cartesian impedance",
        action_representation="tool displacement",
        home_pose=(0.0, -0.5),
        cameras={"wrist": Camera("sn1", (600.0, 600.0, 64.0, 64.0), (0, 0, 1, 0, 0, 0, 1))},
        calibration_hash="ab12",
        config={"seed": 3},
        labels={"light": "dim"},
    )
    store = Episodes(tmp_path, SCHEMA)
    record(store, transitions(8), given)
    [found] = Episodes(tmp_path).metadata()
    worked_out = {
        "success": True,
        "termination_reason": "success",
        "length": 8,
        "stream": 2,
        "episode": 5,
        "fps_declared": 10.0,
        "fps_achieved": pytest.approx(10.0),
        "intervention_ratio": 0.25,
    }
    for name, value in vars(found).items():
        if name in ("uuid", "date", "software_version", "git_hash"):
            continue
        assert value == worked_out.get(name, getattr(given, name)), name
    assert len(found.uuid) == 36
    assert found.date.endswith("+00:00")


@pytest.mark.parametrize("end", ["success", "failure", "time-out", "stopped"])
def test_the_reason_of_the_end_is_known(tmp_path: Path, end: str) -> None:
    store = Episodes(tmp_path, SCHEMA)
    record(store, transitions(3, end=end))
    assert store[0].metadata.termination_reason == end
    assert store[0].metadata.success is (end == "success")


def test_what_a_person_said_stands_over_what_was_measured(tmp_path: Path) -> None:
    store = Episodes(tmp_path, SCHEMA)
    record(store, transitions(3), Metadata(success=False, termination_reason="peg fell"))
    assert store[0].metadata.success is False
    assert store[0].metadata.termination_reason == "peg fell"


def test_info_sums_up_the_store(tmp_path: Path) -> None:
    store = Episodes(tmp_path, SCHEMA)
    assert store.info() == (0, 0, 0, 0.0, 0)
    for end in ("success", "time-out", "success"):
        record(store, transitions(20, end=end))
    info = store.info()
    assert info[:3] == (3, 60, 2)
    assert info.seconds == pytest.approx(6.0)


def test_nothing_is_committed_after_an_exception_or_without_transitions(tmp_path: Path) -> None:
    store = Episodes(tmp_path, SCHEMA)
    [step] = transitions(1)
    writer = store.writer()
    with pytest.raises(SchemaError), writer:
        add_all(writer, [step, replace(step, observation={})])
    with store.writer():
        pass
    assert len(store) == 0
    assert store.verify() == []
    assert list((tmp_path / "episodes").iterdir()) == []
    with pytest.raises(ValueError, match="nothing to commit"):
        writer.commit()


def test_an_episode_of_an_environment_fills_a_replay(tmp_path: Path) -> None:
    with PointEnv(num_envs=3) as env:
        store = Episodes(tmp_path, Schema.of(env, "point"))
        ids, step = WorldIds(3), env.reset(0)
        writers = [store.writer() for _ in range(3)]
        while not step.done.any():
            action = point_expert(step.observation)
            after = env.step(action)
            steps = split_step(ids, step.observation, action, after, source="demo")
            for writer, one in zip(writers, steps, strict=True):
                writer.add(one)
            ids.advance(after.done)
            step = after
        for writer in writers:
            writer.commit()
        replay = Replay(env.observation_spec, env.action_spec, 1000)
    length = sum(one.length for one in store.metadata())
    assert fill(replay, store) == len(replay) == length
    assert replay.frames_written == length + 3
    batch = replay.gather(np.array(replay.indices))
    assert batch.is_demonstration.all()
    expected = np.concatenate([episode.observation["state"][1:] for episode in store])
    np.testing.assert_array_equal(batch.next_observation["state"], expected)


def test_a_transition_that_does_not_follow_is_refused(tmp_path: Path) -> None:
    writer = Episodes(tmp_path, SCHEMA).writer()
    steps = transitions(4)
    writer.add(steps[0])
    other = {"state": np.ones(3, np.float32), "images/wrist": np.zeros((24, 32, 3), np.uint8)}
    for bad, match in [
        (steps[2], r"\(2, 5, 2\) does not follow, \(2, 5, 1\) would"),
        (replace(steps[1], episode=6), r"\(2, 6, 1\) does not follow"),
        (replace(steps[1], observation=other), "step 1 is not what the last step led to"),
        (replace(steps[1], extra={}), r"extra has \[\] instead of \['simulator_state'\]"),
    ]:
        with pytest.raises(ValueError, match=match):
            writer.add(bad)
    add_all(writer, steps[1:])
    with pytest.raises(ValueError, match="ended with step 3; commit this episode and begin"):
        writer.add(replace(steps[3], step=4))
    assert len(writer) == 4


def test_data_of_another_kind_is_refused_with_the_differences(tmp_path: Path) -> None:
    writer = Episodes(tmp_path, SCHEMA).writer()
    [step] = transitions(1)
    bad = step.observation | {"images/wrist": np.zeros((3, 24, 32), np.uint8)}
    with pytest.raises(SchemaError) as caught:
        writer.add(replace(step, observation=bad))
    expected = "images/wrist: expected uint8 (24, 32, 3), got uint8 (3, 24, 32)"
    assert str(caught.value) == expected
    with pytest.raises(SchemaError, match=r"action of shape \(3,\); this store holds \(2,\)"):
        writer.add(replace(step, action=np.zeros(3, np.float32)))


def test_a_store_of_another_kind_is_refused_with_the_differences(tmp_path: Path) -> None:
    Episodes(tmp_path, SCHEMA)
    other = Schema(
        observation={"state": ArraySpec((3,), names=("x", "z", "y"))},
        action=ArraySpec((2,), low=-2, high=1),
        dt=0.05,
        env="test",
    )
    with pytest.raises(SchemaError) as caught:
        Episodes(tmp_path, other)
    assert str(caught.value).splitlines() == [
        f"{tmp_path} holds other data:",
        "  observation.state.names: expected ['x', 'y', 'z'], got ['x', 'z', 'y']",
        "  observation.images/wrist: missing",
        "  action.low: expected -1, got -2",
        "  dt: expected 0.1, got 0.05",
    ]


def test_a_folder_without_a_store_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"no episode store in .*`robot-rl record .*` makes"
    ):
        Episodes(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_a_folder_around_a_store_names_it(tmp_path: Path) -> None:
    Episodes(tmp_path / "run" / "demonstrations", SCHEMA)
    with pytest.raises(FileNotFoundError, match=r"there is one in .*run/demonstrations$"):
        Episodes(tmp_path / "run")


@pytest.mark.parametrize(
    ("place", "reason"), [("file", "it is a file"), ("file/store", "Not a directory")]
)
def test_a_place_where_no_folder_can_be_says_so(tmp_path: Path, place: str, reason: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=f"^cannot make .*/{place}: {reason}; choose a folder"):
        Episodes(tmp_path / place, SCHEMA)


def test_a_file_holds_no_store(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileNotFoundError, match=r"it is a file; give the folder that has store\."):
        Episodes(tmp_path / "file")


def damage_chunk(folder: Path) -> None:
    chunk = folder / "observation/images/wrist/c.0.0.0.0"
    content = bytearray(chunk.read_bytes())
    content[-100] ^= 1
    chunk.write_bytes(content)


def lose_chunk(folder: Path) -> None:
    (folder / "reward/c.0").unlink()


def lose_array(folder: Path) -> None:
    (folder / "action/zarr.json").unlink()


def change_metadata(folder: Path) -> None:
    file = folder / "zarr.json"
    file.write_text(file.read_text().replace("insert the peg", "insert the pig"))


def cut_attributes(folder: Path) -> None:
    (folder / "zarr.json").write_text((folder / "zarr.json").read_text()[:200])


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (damage_chunk, "observation/images/wrist is not what was written"),
        (lose_chunk, "reward is not what was written"),
        (lose_array, "cannot be read"),
        (change_metadata, "its metadata is not what was written"),
        (cut_attributes, "its zarr.json cannot be read"),
    ],
)
def test_damage_is_found_named_and_moved_away(
    tmp_path: Path, damage: Callable[[Path], None], problem: str
) -> None:
    store = Episodes(tmp_path, SCHEMA)
    task = Metadata(task="insert the peg")
    paths = [record(store, transitions(5, seed), task) for seed in range(3)]
    damage(paths[1])
    with pytest.raises(CorruptEpisodeError) as caught:
        list(store)
    message = str(caught.value)
    assert message.startswith(f"episode {paths[1].name} in {tmp_path} is corrupt: {problem}")
    assert message.endswith(
        f"`robot-rl dataset verify {tmp_path}` checks all, and with `--repair` moves bad ones to "
        "quarantine/"
    )
    [finding] = store.verify()
    assert finding.path == paths[1]
    assert problem in finding.problem
    files = sorted(path.relative_to(paths[1]) for path in paths[1].rglob("*"))
    [action] = store.repair()
    moved = tmp_path / "quarantine" / paths[1].name
    assert action.startswith(f"moved {paths[1].name} to {moved}: ")
    assert sorted(path.relative_to(moved) for path in moved.rglob("*")) == files
    assert store.verify() == store.repair() == []
    assert [len(episode) for episode in store] == [5, 5]


def test_an_episode_of_another_schema_is_found(tmp_path: Path) -> None:
    store = Episodes(tmp_path / "one", SCHEMA)
    foreign = record(Episodes(tmp_path / "two", replace(SCHEMA, dt=0.2)), transitions(3))
    foreign.rename(store.path / "episodes" / foreign.name)
    [finding] = store.verify()
    assert finding.problem == "of other data than the store: dt: expected 0.1, got 0.2"


def test_an_episode_of_another_format_is_found(tmp_path: Path) -> None:
    store = Episodes(tmp_path, SCHEMA)
    paths = [record(store, transitions(3, seed)) for seed in range(2)]
    file = paths[0] / "zarr.json"
    zarr = json.loads(file.read_text())
    attribute = zarr["attributes"][episode_file.ATTRIBUTE]
    attribute["content"]["version"] = 2
    attribute["sha256"] = episode_file._digest_json(attribute["content"])
    file.write_text(json.dumps(zarr))
    [finding] = store.verify()
    assert finding.path == paths[0]
    assert "has format 2 and this robot_rl reads 1; install the version" in finding.problem


def test_what_is_no_episode_is_named_and_in_nobodys_way(tmp_path: Path) -> None:
    store = Episodes(tmp_path, SCHEMA)
    first = record(store, transitions(3, seed=0))
    strangers = [store.path / "episodes" / name for name in (".DS_Store", "notes.txt")]
    for path in strangers:
        path.write_text("the light was bad")
    second = record(store, transitions(3, seed=1))
    assert store.paths == [first, second]
    assert len(list(store)) == store.info().episodes == 2
    assert [finding.path for finding in store.verify()] == strangers
    assert all(f.problem.startswith("not an episode; it does no harm") for f in store.verify())


def test_a_file_named_as_an_episode_is_a_corrupt_one(tmp_path: Path) -> None:
    store = Episodes(tmp_path, SCHEMA)
    (store.path / "episodes" / "best.zarr").write_text("no folder")
    [finding] = store.verify()
    assert finding.problem.startswith("corrupt: its zarr.json cannot be read")
    committed = record(store, transitions(3))
    assert committed.name.startswith("000000-")


def test_repair_overwrites_nothing_in_the_quarantine(tmp_path: Path) -> None:
    store = Episodes(tmp_path, SCHEMA)
    for text in ("one", "two", "three"):
        (store.path / "episodes" / "notes.txt").write_text(text)
        store.repair()
    moved = {path.name: path.read_text() for path in (tmp_path / "quarantine").iterdir()}
    assert moved == {"notes.txt": "one", "notes.txt.2": "two", "notes.txt.3": "three"}
    assert store.verify() == []


def test_an_episode_being_written_is_left_alone(tmp_path: Path) -> None:
    store = Episodes(tmp_path, SCHEMA)
    with store.writer() as writer:
        writer.add(transitions(1)[0])
        assert Episodes(tmp_path).verify() == []
        assert Episodes(tmp_path).repair() == []
    assert len(store) == 1


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """A disk that refuses to write any more, as a full one does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_spares_what_was_committed_and_the_episode_can_be_saved(tmp_path: Path) -> None:
    store = Episodes(tmp_path, SCHEMA)
    record(store, transitions(10, seed=1))
    writer = store.writer()
    add_all(writer, transitions(40))
    with largest_file(20_000), pytest.raises(OSError, match="no room for an episode") as caught:
        writer.commit()
    assert "the 1 committed ones are intact. Free some space and call commit() again" in str(
        caught.value
    )
    assert store.verify() == []
    assert len(store) == 1
    [aside] = (tmp_path / "episodes").glob(".writing-*")
    assert list(aside.iterdir()) == []
    writer.commit()
    assert [len(episode) for episode in store] == [10, 40]
    assert store.verify() == []


KILLS = 30


def test_every_committed_episode_survives_a_kill_at_any_moment(tmp_path: Path) -> None:
    """About 10 s: a process that has loaded zarr forks one writer after the other and kills it."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, __file__, str(tmp_path)]
    subprocess.run(command, env=environment, check=True, timeout=120)
    unfinished = committed = 0
    for kill in range(KILLS):
        store = Episodes(tmp_path / str(kill))
        reported = (tmp_path / f"{kill}.log").read_text().split()
        assert reported == [path.name for path in store.paths][: len(reported)]
        assert len(reported) <= len(store) <= len(reported) + 1
        for seed, episode in enumerate(store):
            assert_is_transitions(episode, seed)
        findings = store.verify()
        assert len(findings) <= 1
        for finding in findings:
            assert finding.path.name.startswith(".writing-")
            assert finding.problem.startswith("unfinished")
        assert len(store.repair()) == len(findings)
        unfinished += len(findings)
        committed += len(store)
    assert unfinished > KILLS // 2, "most kills should meet a writer at work"
    assert committed > KILLS // 2, "most writers should have committed something before"


def assert_is_transitions(episode: Episode, seed: int) -> None:
    steps = transitions(20, seed)
    np.testing.assert_array_equal(episode.action, [step.action for step in steps])
    images = [step.next_observation["images/wrist"] for step in steps]
    np.testing.assert_array_equal(episode.observation["images/wrist"][1:], images)


def write_forever(path: Path, log: Path) -> None:
    store, seed = Episodes(path, SCHEMA), 0
    with log.open("w") as file:
        while True:
            committed = record(store, transitions(20, seed))
            file.write(f"{committed.name}\n")
            file.flush()
            seed += 1


def wait_for_commits(log: Path, count: int) -> None:
    while not log.exists() or log.read_text().count("\n") < count:
        time.sleep(0.001)


def kill_writers(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for kill in range(KILLS):
        path, log = folder / str(kill), folder / f"{kill}.log"
        child = os.fork()
        if child == 0:
            write_forever(path, log)
        wait_for_commits(log, int(rng.integers(3)))
        time.sleep(rng.uniform(0, 0.1))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_of_a_success_that_was_none_the_term_is_taken_back_with_the_reward(tmp_path: Path) -> None:
    store = Episodes(tmp_path, SCHEMA)
    costs, success = (-0.5, 0.0, 0.0), (0.0, 0.0, 1.0)
    record(
        store,
        [
            replace(
                one,
                reward=cost + won,
                extra={f"{REWARD}cost": np.array(cost), f"{REWARD}success": np.array(won)},
            )
            for one, cost, won in zip(transitions(3), costs, success, strict=True)
        ],
    )
    store.mistake(0)
    assert store[0].reward.tolist() == [-0.5, 0, 0]
    assert store[0].extra[f"{REWARD}cost"].tolist() == [-0.5, 0, 0]
    assert store[0].extra[f"{REWARD}success"].tolist() == [0, 0, 0]


if __name__ == "__main__":
    kill_writers(Path(sys.argv[1]))
