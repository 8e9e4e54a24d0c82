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
from robot_rl.config import DrqConfig
from robot_rl.drq import Drq
from robot_rl.env import ArraySpec, Observation
from robot_rl.episodes import Episodes
from robot_rl.learner import Learner
from robot_rl.offer import Offer
from robot_rl.recorded_cameras import require_good_cameras
from robot_rl.replay import Replay
from robot_rl.schema import Schema
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


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_cover, "images/front shows nearly nothing"),
        (_freeze, "images/wrist has shown the same picture"),
        (_swap, "images/front and images/wrist look like each other"),
    ],
)
def test_the_episode_is_named_and_can_be_left_out(
    tmp_path: Path, change: Change, told: str
) -> None:
    store = _store(tmp_path, change, changed=1)
    which = store.metadata()[-1].uuid[:8]
    with pytest.raises(CameraError, match=f"in episode {which} of {tmp_path} {told}") as refused:
        require_good_cameras(store, SCHEMA.observation)
    assert str(refused.value).endswith(f"robot-rl classifier mistaken {tmp_path} {which}")
    store.mistake(which)
    require_good_cameras(store, SCHEMA.observation)


def test_a_camera_that_was_covered_all_the_time_is_named(tmp_path: Path) -> None:
    store = _store(tmp_path, _cover, changed=4)
    with pytest.raises(CameraError, match=f"images/front shows nearly nothing in {tmp_path}"):
        require_good_cameras(store, SCHEMA.observation)


def test_who_does_not_look_is_left_in_peace(tmp_path: Path) -> None:
    require_good_cameras(_store(tmp_path, _cover, changed=4), ["state", WRIST])


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
