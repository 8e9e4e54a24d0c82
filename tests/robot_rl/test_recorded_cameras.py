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
from robot_rl.config import DrqConfig, TrainConfig
from robot_rl.dataset_report import report_on
from robot_rl.demonstrations import record, schema_of
from robot_rl.drq import Drq
from robot_rl.env import ArraySpec, Observation
from robot_rl.environments import make_env, parse_options
from robot_rl.episodes import QUARANTINE, Episodes
from robot_rl.learner import Learner
from robot_rl.offer import Offer
from robot_rl.recorded import useful
from robot_rl.recorded_cameras import require_good_cameras
from robot_rl.replay import Replay
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


def _require(store: Episodes, *keys: str) -> None:
    require_good_cameras(useful(store), keys or SCHEMA.observation, store.path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_cover, "images/front shows nearly nothing"),
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
    assert f"robot-rl dataset drop {tmp_path} --episode UUID" in str(refused.value)
    assert main(["dataset", "drop", str(tmp_path), "--episode", which]) == 0
    assert len(store) == 3
    assert [path.name[7:15] for path in (tmp_path / QUARANTINE).iterdir()] == [which]
    _require(store)


def test_a_camera_that_was_covered_all_the_time_is_named(tmp_path: Path) -> None:
    store = _store(tmp_path, _cover, changed=4)
    with pytest.raises(CameraError, match="images/front shows nearly nothing in most episodes"):
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


def test_who_does_not_look_is_left_in_peace(tmp_path: Path) -> None:
    _require(_store(tmp_path, _cover, changed=4), "state", WRIST)


def test_the_report_of_a_dataset_tells_it(tmp_path: Path) -> None:
    store = _store(tmp_path, _freeze, changed=1)
    found = {one.topic: one for one in report_on(SCHEMA, list(store))}
    assert found["cameras"].found.endswith(f"{WRIST} shows the same picture while the arm moves")
    assert "dataset drop" in found["cameras"].advice
    sound = {one.topic: one for one in report_on(SCHEMA, list(store)[:3])}
    assert sound["cameras"] == ("cameras", "2, and no episode differs much from the others", "")


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
    with pytest.raises(CameraError, match="images/front shows nearly nothing in most episodes"):
        train(config)
    assert not folder.exists()
