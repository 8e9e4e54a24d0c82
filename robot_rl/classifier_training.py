"""Trains a classifier of success on recorded episodes, and judges it by episodes held out whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from robot_rl.classifier import SuccessClassifier, spread
from robot_rl.classifier_frames import Clip, cameras_of, clips_of, crops_in, hold_out, stacked
from robot_rl.classifier_judgement import (
    Scored,
    area_under,
    calibration_error,
    choose_threshold,
    fit_calibration,
    judge_episodes,
    logit,
    roc,
)
from robot_rl.classifier_network import SuccessNetwork, augmented
from robot_rl.config import ClassifierTrainConfig
from robot_rl.machine import describe_machine, git_revision
from robot_rl.settings import to_json

Watch = Callable[[int, float], None]
"""Called with the number of updates and the loss."""
_COVERED = 0.5
"""Share of the least contrast in training below which a camera counts as covered."""


def train_classifier(
    config: ClassifierTrainConfig, watch: Watch = lambda step, loss: None
) -> tuple[SuccessClassifier, list[Clip]]:
    """A classifier with threshold and calibration, and the clips that these were chosen by.

    Raises:
        FileNotFoundError: If there is no such dataset.
        ValueError: If the episodes do not fit, or are too few.
    """
    torch.set_num_threads(config.threads)
    cameras = cameras_of(config.datasets, config.cameras)
    crops = crops_in(config.datasets, cameras)
    clips = clips_of(config.datasets, cameras, config.size)
    given = None if config.encoder is None else SuccessClassifier.load(config.encoder)
    known = () if given is None else given.card.get("learned_from", ())
    learned, held = hold_out(clips, config.hold_out, config.seed, known)
    if given is not None and given.crops != crops:
        raise ValueError(
            f"{config.encoder} has learned from pictures cropped to {given.crops or 'nothing less'}"
            f", and these show {crops or 'whole ones'}; leave --encoder out"
        )
    network = fit(_network(config, cameras, given), learned, config, watch)
    classifier = SuccessClassifier(network, config.size, frames=config.frames)
    classifier.contrast = _least_contrast(learned)
    classifier.crops = crops
    calibrate(classifier, held, config.false_rate)
    classifier.card = _card(config, learned, held, known) | {"held_out": measures(classifier, held)}
    return classifier, held


def fit(
    network: SuccessNetwork, clips: Sequence[Clip], config: ClassifierTrainConfig, watch: Watch
) -> SuccessNetwork:
    """Learns from frames, half of each batch successes, by binary cross-entropy."""
    images, success = stacked(clips)
    rng, draw = np.random.default_rng(config.seed), torch.Generator().manual_seed(config.seed)
    sides = np.flatnonzero(success), np.flatnonzero(~success)
    target = torch.cat([torch.ones(config.batch_size // 2), torch.zeros(config.batch_size // 2)])
    learning = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learning, config.learning_rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.updates)
    network.train()
    for update in range(config.updates):
        chosen = torch.from_numpy(np.concatenate([rng.choice(s, len(target) // 2) for s in sides]))
        seen = {camera: augmented(pixels[chosen] / 255, draw) for camera, pixels in images.items()}
        loss = F.binary_cross_entropy_with_logits(network(seen), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        watch(update + 1, float(loss.detach()))
    return network


def calibrate(classifier: SuccessClassifier, clips: Sequence[Clip], false_rate: float) -> None:
    """Sets calibration and threshold by clips that were not learned from."""
    images, success = stacked(clips)
    raw = classifier.raw_logits(images)
    classifier.temperature, classifier.bias = fit_calibration(raw, success)
    episodes = scored(classifier, clips)
    classifier.threshold = choose_threshold(episodes, classifier.frames, false_rate)


def scored(classifier: SuccessClassifier, clips: Sequence[Clip]) -> list[Scored]:
    """The clips as the classifier sees them."""
    return [Scored(classifier.logits(c.images), c.success, c.fresh) for c in clips]


def measures(classifier: SuccessClassifier, clips: Sequence[Clip]) -> dict[str, float]:
    """How good it is, by frames and by episodes as run time judges them."""
    episodes = scored(classifier, clips)
    logits, success = (
        np.concatenate([getattr(s, n) for s in episodes]) for n in Scored._fields[:2]
    )
    over = logits >= logit(classifier.threshold)
    judged = judge_episodes(episodes, classifier.threshold, classifier.frames)
    chances = 1 / (1 + np.exp(-logits.clip(-50, 50)))
    return {
        "frames": len(logits),
        "auc": area_under(*roc(logits, success)),
        "frame_precision": float(success[over].mean()) if over.any() else float("nan"),
        "frame_recall": float(over[success].mean()) if success.any() else float("nan"),
        "calibration_error": calibration_error(chances, success),
        **{name: float(value) for name, value in vars(judged).items()},
        "precision": judged.precision,
        "recall": judged.recall,
        "false_rate": judged.false_rate,
    }


def _network(
    config: ClassifierTrainConfig, cameras: Sequence[str], given: SuccessClassifier | None
) -> SuccessNetwork:
    """A fresh network, or one that begins with the encoders of another classifier."""
    torch.manual_seed(config.seed)
    network = SuccessNetwork(cameras, config.size)
    if given is not None:
        if given.cameras != network.cameras or given.size != config.size:
            raise ValueError(
                f"{config.encoder} sees {', '.join(given.cameras)} at {given.size} pixels, and not "
                f"{', '.join(cameras)} at {config.size}; give --cameras and --size as it has them"
            )
        network.encoders.load_state_dict(given.network.encoders.state_dict())
        network.encoders.requires_grad_(not config.freeze)
    return network


def _least_contrast(clips: Sequence[Clip]) -> dict[str, float]:
    images, _ = stacked(clips)
    return {camera: _COVERED * float(spread(pixels).min()) for camera, pixels in images.items()}


def _card(
    config: ClassifierTrainConfig,
    learned: Sequence[Clip],
    held: Sequence[Clip],
    known: Sequence[str],
) -> dict[str, Any]:
    """What it learned from, its encoder's ``known`` episodes included, and with what."""
    return {
        "config": to_json(config),
        "learned_from": list(dict.fromkeys([*(clip.uuid for clip in learned), *known])),
        "judged_by": [clip.uuid for clip in held],
        "data": _fingerprint([*learned, *held]),
        "machine": describe_machine(),
        "git": git_revision(),
    }


def _fingerprint(clips: Sequence[Clip]) -> str:
    names = "".join(sorted(clip.uuid for clip in clips))
    return hashlib.sha256(names.encode()).hexdigest()[:16]


def not_learned_from(
    classifier: SuccessClassifier, paths: Sequence[Path]
) -> tuple[list[Clip], int]:
    """The clips of some datasets that had no part in it, and how many others there were.

    Those by which its threshold was chosen had one.
    """
    cameras = cameras_of(paths, classifier.cameras)
    if (shown := crops_in(paths, cameras)) != classifier.crops:
        raise ValueError(
            f"it has learned from pictures cropped to {classifier.crops or 'nothing less'}, and "
            f"{', '.join(map(str, paths))} shows {shown or 'whole ones'}; record with the same "
            "--options crop=..."
        )
    clips = clips_of(paths, cameras, classifier.size)
    known = {
        uuid for part in ("learned_from", "judged_by") for uuid in classifier.card.get(part, ())
    }
    fresh = [clip for clip in clips if clip.uuid not in known]
    if not fresh:
        raise ValueError(
            f"it has learned from, or was set by, every episode of {', '.join(map(str, paths))}; "
            "record others to judge it by"
        )
    return fresh, len(clips) - len(fresh)
