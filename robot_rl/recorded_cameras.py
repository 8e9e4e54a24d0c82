"""Cameras that were covered, frozen or swapped while a task was demonstrated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch

from robot_rl.camera_watch import CameraError, CameraWatch, Looks
from robot_rl.env import IMAGES, STATE
from robot_rl.episode import Episode
from robot_rl.episodes import Episodes
from robot_rl.networks import Normalizer
from robot_rl.recorded import useful

_BLIND = 5.0
"""Mean contrast, of 255, of a camera that has shown nothing in any episode."""


def require_good_cameras(store: Episodes, keys: Iterable[str]) -> None:
    """Looks at each picture that is going to be learned from, beside how all of them look.

    A camera that was wrong in most of the episodes cannot be told from one that looks so.

    Args:
        store: Demonstrations.
        keys: What a learner observes of them.

    Raises:
        CameraError: A camera was covered, frozen or swapped.
    """
    if not (images := [key for key in keys if key.startswith(IMAGES)]):
        return
    looks, normalizer = _looks(store, images)
    for key, contrast in zip(images, looks.contrast.tolist(), strict=True):
        if contrast < _BLIND:
            raise CameraError(
                f"{key} shows nearly nothing in {store.path}: its mean contrast is {contrast:.1f} "
                "of 255; uncover the camera, light the scene, and demonstrate anew"
            )
    for episode in useful(store):
        _look_through(episode, CameraWatch(looks, normalizer), store)


def _looks(store: Episodes, images: Sequence[str]) -> tuple[Looks, Normalizer]:
    looks = Looks(images)
    state = store.schema.observation.get(STATE)
    normalizer = Normalizer(0 if state is None else state.shape[0])
    for episode in useful(store):
        looks.observe(episode.observation)
        if state is not None:
            normalizer.observe(torch.as_tensor(episode.observation[STATE]))
    return looks, normalizer


def _look_through(episode: Episode, watch: CameraWatch, store: Episodes) -> None:
    for seen, _ in episode.moments():
        try:
            watch.see(seen)
        except CameraError as error:
            which = episode.metadata.uuid[:8]
            raise CameraError(
                f"in episode {which} of {store.path} {error}. To learn without that episode: "
                f"robot-rl classifier mistaken {store.path} {which}"
            ) from None
