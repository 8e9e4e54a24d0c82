"""The frames of recorded episodes, as a classifier of success sees and judges them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from robot_rl.acting_options import task_of
from robot_rl.classifier_network import shrunk
from robot_rl.crop import WHOLE, Crop, as_texts
from robot_rl.env import IMAGES
from robot_rl.environments import ROBOT, parse_options
from robot_rl.episode import Episode
from robot_rl.episodes import Episodes
from robot_rl.mistaken import MISTAKEN
from robot_rl.near_misses import SCENE
from robot_rl.robot_step import JUDGED
from robot_rl.schema import Schema

_TELLING = 1.5
"""A person says that it succeeds so long after it does, at most; what is seen meanwhile shows
success, and is not labelled so [s]."""


@dataclass(frozen=True)
class Clip:
    """What one episode's steps led to."""

    images: dict[str, Tensor]
    """By camera. Shape (length, 3, size, size), uint8."""
    success: np.ndarray
    """Whether the task has succeeded in each frame. Shape (length,), bool."""
    fresh: np.ndarray
    """Whether every camera shows another picture than before. Shape (length,), bool."""
    uuid: str
    scene: str
    """Episodes of one scene are held out together."""
    mistaken: bool = False
    """Whether somebody has taken back that it succeeded."""

    def __len__(self) -> int:
        return len(self.success)

    @property
    def failed(self) -> bool:
        """Whether no frame is a success."""
        return not self.success.any()


def cameras_of(paths: Sequence[Path], wanted: Sequence[str]) -> tuple[str, ...]:
    """Cameras to look at: those wanted, or all that every dataset has.

    Raises:
        ValueError: If a dataset lacks one, or there is none.
    """
    held = {path: _cameras(path) for path in paths}
    for path, cameras in held.items():
        if missing := [camera for camera in wanted if camera not in cameras]:
            raise ValueError(
                f"{path} has no camera {missing[0]!r}; choose from {', '.join(cameras) or 'none'}"
            )
    first = next(iter(held.values()))
    common = tuple(c for c in first if all(c in cameras for cameras in held.values()))
    if not (wanted or common):
        raise ValueError(
            f"{', '.join(map(str, paths))} have no camera in common; record with "
            "--options cameras=front,wrist"
        )
    return tuple(wanted) or common


def crops_in(paths: Sequence[Path], cameras: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """What the datasets show of these cameras' pictures, by those that they do not show whole.

    Raises:
        ValueError: If they do not show the same.
    """
    first, *others = paths
    crops = _crops(first, cameras)
    for path in others:
        if _crops(path, cameras) != crops:
            raise ValueError(
                f"{path} and {first} show other parts of their cameras' pictures; record both with "
                "the same --options crop=..."
            )
    return crops


def _crops(path: Path, cameras: Sequence[str]) -> dict[str, tuple[float, ...]]:
    schema = Episodes(path).schema
    specs = schema.observation
    crops = {one: specs[IMAGES + one].crop for one in cameras if IMAGES + one in specs}
    if len(crops) < len(cameras):  # Pictures that only a judge saw have no spec.
        typed = parse_options(schema.contract.get("options", ())).get("crop", ())
        crops = dict(map(Crop.parse, as_texts(typed))) | crops
    return {one: crops[one] for one in cameras if crops.get(one, ()) not in ((), WHOLE)}


def _cameras(path: Path) -> list[str]:
    """Those that the policy saw; where it saw none, those that judged what somebody looked at."""
    store = Episodes(path)
    told = _of_images(store.schema.observation)
    if not told:
        looked_at = (store[i] for i, m in enumerate(store.metadata()) if MISTAKEN in m.labels)
        told = _judging(next(looked_at, None))
    return told


def _judging(episode: Episode | None) -> list[str]:
    keys = () if episode is None else episode.extra
    return _of_images(key.removeprefix(JUDGED) for key in keys if key.startswith(JUDGED))


def _of_images(keys: Iterable[str]) -> list[str]:
    return [key.removeprefix(IMAGES) for key in keys if key.startswith(IMAGES)]


def clips_of(paths: Iterable[Path], cameras: Sequence[str], size: int) -> list[Clip]:
    """The clips of all episodes of some datasets, shrunk.

    Raises:
        CorruptEpisodeError: If an episode is not what was committed.
    """
    return [clip for path in paths for clip in _clips(Episodes(path), cameras, size)]


def _clips(store: Episodes, cameras: Sequence[str], size: int) -> Iterator[Clip]:
    seen = _of_images(store.schema.observation)
    late = round(_TELLING / store.schema.dt) if _is_told_by_a_person(store.schema) else 0
    for number, metadata in enumerate(store.metadata()):
        # Where the policy saw no pictures a classifier said how it went, and shall not be its own
        # teacher: what counts is what a person has looked at.
        if seen or MISTAKEN in metadata.labels:
            yield _clip(store[number], cameras, size, late)


def _is_told_by_a_person(schema: Schema) -> bool:
    """Whether nobody else knows what success is: no task does, on a robot or its topics."""
    return "joints" in schema.contract or (schema.env == ROBOT and not task_of(schema))


def _clip(episode: Episode, cameras: Sequence[str], size: int, late: int) -> Clip:
    """The clip of an episode, without the ``late`` steps before somebody said that it succeeds."""
    frames = {camera: frames_of(episode, IMAGES + camera) for camera in cameras}
    changed = [(f[1:] != f[:-1]).any(axis=(1, 2, 3)) for f in frames.values()]
    metadata, said = episode.metadata, np.flatnonzero(episode.success)
    kept = np.ones(len(episode), bool)
    if said.size:
        kept[max(0, said[0] - late) : said[0]] = False
    return Clip(
        {camera: shrunk(f[1:][kept], size) for camera, f in frames.items()},
        episode.success[kept],
        np.logical_and.reduce(changed)[kept],
        metadata.uuid,
        metadata.labels.get(SCENE, metadata.uuid),
        MISTAKEN in metadata.labels,
    )


def images_of(episode: Episode) -> list[str]:
    """Keys of what cameras have shown, to the policy or to a judge."""
    keys = (*episode.observation, *(key.removeprefix(JUDGED) for key in episode.extra))
    return [key for key in dict.fromkeys(keys) if key.startswith(IMAGES)]


def has_frames(episode: Episode, key: str) -> bool:
    """Whether there are any of that key, seen by the policy or by a judge."""
    return key in episode.observation or JUDGED + key in episode.extra


def frames_of(episode: Episode, key: str) -> np.ndarray:
    """Before the first step, then after each; of a stack the newest.

    Shape (length + 1, height, width, 3).
    """
    if key in episode.observation:
        return episode.observation[key][..., -3:]
    judged = episode.extra[JUDGED + key]
    return np.concatenate([judged[:1], judged])


def hold_out(
    clips: Sequence[Clip], share: float, seed: int, known: Collection[str] = ()
) -> tuple[list[Clip], list[Clip]]:
    """Clips to learn from and clips to judge by, whole scenes each.

    Scenes with and without a success are split alike; those of known uuids cannot judge any more,
    and those that somebody has called mistaken are there to be learned from.

    Raises:
        ValueError: If either side would lack successes or failures.
    """
    rng, held = np.random.default_rng(seed), set()
    won = {clip.scene for clip in clips if not clip.failed}
    seen = {clip.scene for clip in clips if clip.uuid in known}
    mistaken = {clip.scene for clip in clips if clip.mistaken}
    for scenes in (won - mistaken, {clip.scene for clip in clips} - won - mistaken):
        order = rng.permutation(sorted(scenes - seen))
        held |= set(order[: round(share * len(scenes))])
    parts = ([c for c in clips if c.scene not in held], [c for c in clips if c.scene in held])
    for name, part in zip(("to learn from", "held out"), parts, strict=True):
        failed = sum(clip.failed for clip in part)
        if failed in (0, len(part)):
            raise ValueError(
                f"of the episodes {name} {failed} failed and {len(part) - failed} succeeded; "
                "record more of both: `robot-rl record --near-misses 3`, or with --keep-failures "
                "(mistaken ones are learned from alone)"
            )
    return parts


def stacked(clips: Sequence[Clip]) -> tuple[dict[str, Tensor], np.ndarray]:
    """All frames of some clips and whether each is a success. Shape (frames, ...)."""
    cameras = clips[0].images
    images = {camera: torch.cat([clip.images[camera] for clip in clips]) for camera in cameras}
    return images, np.concatenate([clip.success for clip in clips])
