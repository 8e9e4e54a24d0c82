"""Cameras that were wrong while a task was demonstrated are named before anything is learned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from robot_rl.agents import make_agent
from robot_rl.beginning import Beginning
from robot_rl.camera_watch import PATIENCE, CameraError
from robot_rl.cli import main
from robot_rl.config import DrqConfig, SacConfig, TrainConfig
from robot_rl.dataset_report import report_on
from robot_rl.demonstrations import record, schema_of
from robot_rl.drq import Drq
from robot_rl.env import ArraySpec, Observation
from robot_rl.environments import BASE, make_env, parse_options
from robot_rl.episodes import QUARANTINE, Episodes
from robot_rl.learner import Learner
from robot_rl.metadata import Metadata
from robot_rl.offer import Offer
from robot_rl.recorded import useful
from robot_rl.recorded_cameras import RecordedCameras, looked_at
from robot_rl.replay import Replay
from robot_rl.robot_step import JUDGED
from robot_rl.schema import Schema
from robot_rl.train import train
from tests.robot_rl.looking import KEYS, SIZE, covered, table
from tests.robot_rl.numbered_episodes import numbered

FRONT, WRIST = KEYS
LENGTH = 2 * PATIENCE
IMAGE = ArraySpec((SIZE, SIZE, 3), "uint8", 0, 255)
SCHEMA = Schema(
    {"state": ArraySpec((3,)), **dict.fromkeys(KEYS, IMAGE)}, ArraySpec((3,)), 0.05, "numbers"
)
Change = Callable[[Observation, np.random.Generator], Observation]


def _store(path: Path, change: Change, changed: int, of: int = 4) -> Episodes:
    """So many successes, of which the last ones are changed."""
    store, rng = Episodes(path, SCHEMA), np.random.default_rng(0)
    for number in range(of):
        seen = table(rng, LENGTH + 1)
        seen = change(seen, rng) if number >= of - changed else seen
        made = replace(numbered(number, LENGTH), observation=seen)
        success = np.arange(LENGTH) == LENGTH - 1
        with store.writer(made.metadata) as writer:
            for transition in replace(made, success=success, terminated=success).transitions():
                writer.add(transition)
    return store


def _swap(seen: Observation, rng: np.random.Generator) -> Observation:
    return seen | {FRONT: seen[WRIST], WRIST: seen[FRONT]}


def _freeze(seen: Observation, rng: np.random.Generator) -> Observation:
    return seen | {WRIST: np.repeat(seen[WRIST][:1], LENGTH + 1, axis=0)}


def _cover(seen: Observation, rng: np.random.Generator) -> Observation:
    return seen | {FRONT: covered(rng, LENGTH + 1)}


def _cover_most(seen: Observation, rng: np.random.Generator) -> Observation:
    front, most = seen[FRONT].copy(), round(0.6 * LENGTH)
    front[-most:] = covered(rng, most)
    return seen | {FRONT: front}


def _require(store: Episodes, *images: str) -> None:
    cameras = RecordedCameras(images or None)
    for episode in useful(store):
        cameras.see(episode)
    cameras.require(store.path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_cover, "images/front shows nearly nothing"),
        (_cover_most, "images/front shows nearly nothing"),
        (_freeze, "images/wrist shows the same picture while the arm moves"),
        (_swap, "images/front and images/wrist are swapped"),
    ],
)
def test_the_episode_is_named_and_can_be_left_out(
    tmp_path: Path, change: Change, told: str
) -> None:
    store = _store(tmp_path, change, changed=1)
    which = store.metadata()[-1].uuid[:8]
    with pytest.raises(CameraError, match=f"\n  episode {which}: {told}") as refused:
        _require(store)
    assert f"robot-rl dataset drop {tmp_path} --episode ITS_NAME" in str(refused.value)
    assert main(["dataset", "drop", str(tmp_path), "--episode", which]) == 0
    assert len(store) == 3
    assert [path.name[7:15] for path in (tmp_path / QUARANTINE).iterdir()] == [which]
    _require(store)


def test_a_camera_that_was_covered_all_the_time_is_named(tmp_path: Path) -> None:
    store = _store(tmp_path, _cover, changed=4)
    with pytest.raises(CameraError, match=r"images/front mostly shows nothing, .* record anew"):
        _require(store)


def _glance(seen: Observation, rng: np.random.Generator) -> Observation:
    """For a third of the time the wrist camera is too near to see anything."""
    wrist = seen[WRIST].copy()
    wrist[: LENGTH // 3] = covered(rng, LENGTH // 3)
    return seen | {WRIST: wrist}


def _rest(seen: Observation, rng: np.random.Generator) -> Observation:
    """Nothing moves, and nothing looks otherwise, but one number of the state jitters."""
    still = {key: np.repeat(each[:1], LENGTH + 1, axis=0) for key, each in seen.items()}
    still["state"][:, 0] = rng.normal(size=LENGTH + 1)
    return still


@pytest.mark.parametrize("change", [_glance, _rest])
@pytest.mark.parametrize("changed", [1, 4])
def test_what_happens_in_sound_episodes_is_let_pass(
    tmp_path: Path, change: Change, changed: int
) -> None:
    _require(_store(tmp_path, change, changed))


@pytest.mark.parametrize("episodes", [0, 1])
def test_few_episodes_are_no_fault_of_a_camera(tmp_path: Path, episodes: int) -> None:
    _require(_store(tmp_path, _cover, changed=0, of=episodes))


def test_half_of_the_episodes_are_enough_to_know_how_it_looks(tmp_path: Path) -> None:
    store = _store(tmp_path, _cover, changed=2)
    for metadata in store.metadata()[2:]:
        with pytest.raises(CameraError, match=f"episode {metadata.uuid[:8]}: {FRONT} shows nearly"):
            _require(store)


def test_what_a_judge_saw_is_looked_at_camera_by_camera(tmp_path: Path) -> None:
    """Of another size than the policy's, of one moment less, and not in every episode."""
    rng, cameras = np.random.default_rng(0), RecordedCameras()
    for number in range(4):
        made = replace(numbered(number, LENGTH), observation=table(rng, LENGTH + 1))
        front = made.observation.pop(FRONT)[1:, ::2, ::2]
        front = covered(rng, LENGTH) if number == 3 else front
        judged = {} if number == 0 else {JUDGED + FRONT: front}
        cameras.see(replace(made, extra=judged, metadata=Metadata(uuid=f"number-{number}")))
    assert cameras.keys == [WRIST, FRONT]
    [fault] = cameras.faults()
    assert fault.startswith(f"episode number-3: {FRONT} shows nearly nothing")


def test_of_stacked_frames_and_without_state_it_is_seen_as_well(tmp_path: Path) -> None:
    cameras, rng = RecordedCameras(), np.random.default_rng(0)
    for number in range(4):
        seen = {FRONT: table(rng, LENGTH + 1)[FRONT]}
        seen = _cover(seen, rng) if number == 3 else seen
        stacked = {FRONT: np.concatenate([table(rng, LENGTH + 1)[WRIST], seen[FRONT]], axis=-1)}
        cameras.see(replace(numbered(number, LENGTH), observation=stacked))
    assert len(list(cameras.faults())) == 1


def test_who_does_not_look_is_left_in_peace(tmp_path: Path) -> None:
    _require(_store(tmp_path, _cover, changed=4), WRIST)
    keys = [*SCHEMA.observation, BASE]
    assert looked_at(DrqConfig(), SCHEMA.observation) == looked_at(SacConfig(), keys) == [*KEYS]
    assert looked_at(SacConfig(), SCHEMA.observation) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["drop", "data"], "type: robot-rl dataset drop data --episode NUMBER"),
        (["info", "data", "--episode", "3"], "leave --episode 3 out"),
    ],
)
def test_what_goes_with_drop_is_said(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dataset", *words]) != 0
    assert told in capsys.readouterr().err


def test_the_report_of_a_dataset_tells_it(tmp_path: Path) -> None:
    store = _store(tmp_path, _freeze, changed=1)
    found = {one.topic: one for one in report_on(SCHEMA, list(store))}
    assert found["cameras"].found.endswith(f"{WRIST} shows the same picture while the arm moves")
    assert found["episodes"].found == "4, 4 of them successes"
    assert "dataset drop" in found["cameras"].advice
    sound = {one.topic: one for one in report_on(SCHEMA, list(store)[:3])}
    assert sound["cameras"].found == f"{FRONT}, {WRIST}: no episode differs much"
    assert not sound["cameras"].advice


def test_who_goes_on_on_a_robot_knows_how_its_cameras_look(tmp_path: Path) -> None:
    config = DrqConfig(hidden=(16,), features=8, batch_size=4)
    offer = Offer(SCHEMA, config)
    simulated, agent = (make_agent(SCHEMA.observation, SCHEMA.action, config) for _ in range(2))
    simulated.observe(table(np.random.default_rng(7), 50))
    shown = _store(tmp_path, lambda seen, rng: seen, changed=0)
    replays = [Replay(SCHEMA.observation, SCHEMA.action, 1000) for _ in range(2)]
    beginning = Beginning(offer, shown=shown.path, state=simulated.state_dict(), imitation=2)
    learner = Learner(agent, *replays, seed=0)
    beginning.fill(learner.demonstrations)
    beginning.teach(learner, 0)
    assert isinstance(agent, Drq)
    assert agent.senses.looks.count == len(learner.demonstrations) == 4 * LENGTH


def test_nobody_learns_from_a_camera_that_was_covered(tmp_path: Path) -> None:
    shown = _store(tmp_path, _cover, changed=1)
    beginning = Beginning(Offer(SCHEMA, DrqConfig()), shown=shown.path)
    with pytest.raises(CameraError, match="images/front shows nearly nothing"):
        beginning.fill(Replay(SCHEMA.observation, SCHEMA.action, 1000))


def test_nor_in_a_simulator(tmp_path: Path) -> None:
    options = ("cameras=front", "image_size=32")
    with make_env("reach", 1, **parse_options(options)) as env:
        store = Episodes(tmp_path / "shown", schema_of(env, "reach", options))
        record(env, store, successes=2, seed=0)
    dark = Episodes(tmp_path / "dark", store.schema)
    for episode in store:
        images = {FRONT: np.zeros_like(episode.observation[FRONT])}
        unseen = replace(episode, observation=episode.observation | images)
        with dark.writer(episode.metadata) as writer:
            for transition in unseen.transitions():
                writer.add(transition)
    folder = tmp_path / "run"
    config = TrainConfig(
        algorithm="drq", env="reach", options=options, dataset=dark.path, folder=folder
    )
    with pytest.raises(CameraError, match=r"images/front mostly shows nothing, .* record anew"):
        train(config)
    assert not folder.exists()
