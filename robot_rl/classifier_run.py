"""``robot-rl classifier``: trains a classifier of success, measures one, takes corrections."""

from __future__ import annotations

from collections.abc import Callable

from robot_rl.classifier import SuccessClassifier
from robot_rl.classifier_frames import Clip
from robot_rl.classifier_judgement import judge_episodes
from robot_rl.classifier_plots import write_plots
from robot_rl.classifier_training import (
    measures,
    not_learned_from,
    scored,
    train_classifier,
)
from robot_rl.config import ClassifierEvaluateConfig, ClassifierTrainConfig


def train(config: ClassifierTrainConfig, watch: Callable[[int, float], None]) -> str:
    """Trains, writes the file and its plots, and says how good it is.

    Raises:
        FileNotFoundError: If there is no such dataset.
        ValueError: If the episodes do not fit, or are too few.
    """
    classifier, held = train_classifier(config, watch)
    path = classifier.save(config.output)
    plots = write_plots(classifier, held, path.with_name(f"{path.stem}-plots"))
    learned = len(classifier.card["learned_from"])
    return (
        f"{path}: learned from {learned} episodes; threshold {classifier.threshold:.3f} for "
        f"{classifier.frames} frames in a row, temperature {classifier.temperature:.2f}\n"
        f"{len(held)} episodes held out, by which both were chosen:\n{told(classifier, held)}\n"
        f"look at {', '.join(map(str, plots))}"
    )


def evaluate(config: ClassifierEvaluateConfig) -> str:
    """Judges a classifier by episodes that it has not learned from.

    Raises:
        FileNotFoundError: If there is no such classifier or dataset.
        ValueError: If it does not fit, or has learned from all of it.
    """
    classifier = SuccessClassifier.load(config.classifier)
    if config.threshold is not None:
        classifier.threshold = config.threshold
    classifier.frames = config.frames or classifier.frames
    clips, known = not_learned_from(classifier, config.datasets)
    if config.plots is not None:
        write_plots(classifier, clips, config.plots)
    left_out = f"; {known} that it has learned from or was set by are left out" if known else ""
    return f"{len(clips)} episodes{left_out}\n{told(classifier, clips)}"


def told(classifier: SuccessClassifier, clips: list[Clip]) -> str:
    """How good it is, in words."""
    found = measures(classifier, clips)
    judged = judge_episodes(scored(classifier, clips), classifier.threshold, classifier.frames)
    return (
        f"{judged}\nframes: area under ROC {found['auc']:.4f}, precision "
        f"{found['frame_precision']:.1%}, recall {found['frame_recall']:.1%}, calibration error "
        f"{found['calibration_error']:.3f}"
    )
