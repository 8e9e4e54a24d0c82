"""A classifier of success, trained on twins with two gap profiles, judges one with a third.

``python -m benchmarks.classifier [--scenes 16] [--test-scenes 34]``: collects scripted successes
and near misses of ``twin_peg_insert`` with two cameras on ``none`` and ``lab-1``, trains on them,
judges episodes of ``lab-2`` as run time does, and lets it judge live there. Some 20 minutes; what
was collected stays in ``build/classifier`` and is used again. Writes ``build/classifier.json``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.table import BUILD, Row, show_rows, write_rows
from robot_rl.classifier import SuccessClassifier
from robot_rl.classifier_frames import Clip
from robot_rl.classifier_plots import write_plots
from robot_rl.classifier_reward import ClassifierReward, ClassifierSettings
from robot_rl.classifier_run import told, train
from robot_rl.classifier_training import measures, not_learned_from
from robot_rl.config import ClassifierTrainConfig
from robot_rl.demonstrations import HasExpert, schema_of, trembling
from robot_rl.env import Env, Info
from robot_rl.environments import make_env, parse_options
from robot_rl.episodes import Episodes
from robot_rl.near_misses import record_near_misses
from robot_rl.reward import Moments
from sim.gap import gap_profile

SUITE = "classifier"
FOLDER = BUILD / SUITE
ENV = "twin_peg_insert"
SEEN, UNSEEN = ("none", "lab-1"), "lab-2"
ATTEMPTS = 3
"""Near misses beside each success."""
OPTIONS = ("cameras=front,wrist", "image_size=64", "linger=8")


class Live(NamedTuple):
    """What the classifier did as the reward of an environment. Numbers of episodes."""

    paid: int
    right: int
    """Paid while the task had succeeded."""
    episodes: int


def main(arguments: list[str]) -> int:
    """Measures, shows a table and writes it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=16, help="with a success, of each profile")
    parser.add_argument("--test-scenes", type=int, default=34)
    parser.add_argument("--live", type=int, default=20, help="episodes in which it is the reward")
    parser.add_argument("--data", type=Path, default=FOLDER, help="folder of the datasets")
    asked = parser.parse_args(arguments)
    for seed, gap in enumerate(SEEN):
        collect(asked.data / gap, gap, asked.scenes, 1000 * (seed + 1))
    collect(asked.data / UNSEEN, UNSEEN, asked.test_scenes, 9000)
    file = FOLDER / "peg.classifier"
    datasets = tuple(asked.data / gap for gap in SEEN)
    print(train(ClassifierTrainConfig(datasets, file), lambda update, loss: None))
    classifier = SuccessClassifier.load(file)
    clips, _ = not_learned_from(classifier, [asked.data / UNSEEN])
    write_plots(classifier, clips, FOLDER / f"{UNSEEN}-plots")
    print(f"{UNSEEN}, which it has not seen:\n{told(classifier, clips)}")
    fooled = payments_to(file, clips)
    rows = list(_rows(measures(classifier, clips), live(file, asked.live), fooled))
    show_rows(rows)
    print(f"written to {write_rows(rows, SUITE)}")
    return 0


def collect(folder: Path, gap: str, scenes: int, seed: int) -> Episodes:
    """A dataset with so many successes, and near misses beside each."""
    options = [f"gap={gap}", *OPTIONS]
    with make_env(ENV, **parse_options(options)) as env:
        store = Episodes(folder, schema_of(env, ENV, options))
        if (missing := scenes - store.info().successes) > 0:
            record_near_misses(env, store, missing, ATTEMPTS, seed=seed)
    return store


def live(classifier: Path, episodes: int) -> Live:
    """Every other episode the expert aims right, else beside, with the classifier as the reward."""
    rewards = classifier.with_name("rewards.yaml")
    rewards.write_text(f"- kind: classifier\n  file: {classifier.name}\n", encoding="utf-8")
    options = parse_options([f"gap={UNSEEN}", "image_size=64", f"rewards={rewards}"])
    paid = right = 0
    with make_env(ENV, **options) as env:
        for episode in range(episodes):
            got, true = _run(env, episode, aside=float(episode % 2))
            paid += got
            right += got and true
    return Live(paid, right, episodes)


def _run(env: Env, seed: int, aside: float) -> tuple[bool, bool]:
    """Whether an episode was paid, and whether it had succeeded then."""
    assert isinstance(env, HasExpert)
    rng, step = np.random.default_rng(seed), env.reset(seed)
    while not step.done[0]:
        action = trembling(env.expert_action(), 0.1, rng)
        action[:, 0] = np.clip(action[:, 0] + aside, -1, 1)
        step = env.step(action)
    return bool(step.terminated[0]), bool(step.info[Info.TRUE_SUCCESS][0])


def payments_to(classifier: Path, clips: list[Clip]) -> dict[str, int]:
    """How often it pays in the last frame of each success, which one camera or both show wrongly.

    A frozen camera repeats it for 50 steps beside another that goes on, a covered one shows one
    level of grey with the noise of the profile.
    """
    paid = {"frozen": 0, "covered": 0}
    rng = np.random.default_rng(0)
    for clip in (clip for clip in clips if not clip.failed):
        shown = {k: v[-1].permute(1, 2, 0).numpy()[None] for k, v in clip.images.items()}
        for broken in (*((camera,) for camera in shown), tuple(shown)):
            for fault in paid:
                source = ClassifierReward(ClassifierSettings(classifier))
                frames = (_spoilt(shown, broken, fault, rng) for _ in range(50))
                paid[fault] += any(source.judge(_moments(f)).success[0] for f in frames)
    return paid


def _spoilt(
    shown: dict[str, np.ndarray], broken: tuple[str, ...], fault: str, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """The pictures of a step in which some cameras are at fault; the others have noise alone."""
    level = rng.integers(256)
    pictures = {}
    for camera, pixels in shown.items():
        if camera in broken and fault == "frozen":
            pictures[camera] = pixels
            continue
        base = np.full_like(pixels, level) if camera in broken else pixels
        noisy = base + gap_profile(UNSEEN).pixel_noise * rng.standard_normal(pixels.shape)
        pictures[camera] = noisy.clip(0, 255).astype(np.uint8)
    return pictures


def _moments(pictures: dict[str, np.ndarray]) -> Moments:
    images = {f"images/{camera}": pixels for camera, pixels in pictures.items()}
    still = (np.zeros((1, 3)), np.eye(3)[None], np.zeros(1), np.zeros(1), np.zeros(1, bool))
    return Moments(images, *still)


def _rows(found: dict[str, float], judged: Live, fooled: dict[str, int]) -> Iterator[Row]:
    name = f"{SUITE}/{UNSEEN}"
    yield Row(f"{name}: precision of payments", found["precision"], "share", 0.98)
    yield Row(f"{name}: payments in 100 failed episodes", 100 * found["false_rate"], "", 1.0)
    yield Row(f"{name}: failed episodes", found["failed"], "")
    yield Row(f"{name}: recall", found["recall"], "share")
    yield Row(f"{name}: area under ROC of frames", found["auc"], "")
    for fault, payments in fooled.items():
        yield Row(f"{name}: payments to {fault} cameras", payments, "", 0.0)
    yield Row(f"{name}: live, episodes", judged.episodes, "")
    yield Row(f"{name}: live, paid", judged.paid, "")
    yield Row(f"{name}: live, paid rightly", judged.right, "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
