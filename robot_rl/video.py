"""Videos that every browser plays, and strips of frames for where none does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

_QUALITY, _EFFORT = 80, 3
"""Of WebP; beyond this effort files hardly shrink."""


def write_video(path: str | Path, frames: Sequence[np.ndarray] | np.ndarray, fps: float) -> None:
    """Writes frames as ``.webp``, ``.gif`` or ``.mp4``, making folders as needed.

    Take animated WebP: an ``<img>`` shows it in every browser since 2020, at a quarter of a GIF's
    size. MP4 holds VP9, the only codec that both OpenCV's wheels encode and browsers play.

    Args:
        path: Where to; its suffix says the format.
        frames: At least one, all of one shape (height, width, 3), uint8.
        fps: Frames per second.

    Raises:
        ValueError: For another suffix, or frames or a rate that make no video.
        RuntimeError: OpenCV is missing or cannot encode MP4.
    """
    path = require_format(path)
    if not fps > 0:
        raise ValueError(f"fps={fps} is no frame rate; give a positive number")
    stack = _stack(frames)
    path.parent.mkdir(parents=True, exist_ok=True)
    _WRITERS[path.suffix](path, stack, fps)


def require_format(path: str | Path) -> Path:
    """The path, if its suffix is one of a video; asked before there is anything to lose.

    Raises:
        ValueError: For another suffix.
    """
    path = Path(path)
    if path.suffix not in _WRITERS:
        raise ValueError(f"no video format {path.suffix!r} ({path}); use {', '.join(_WRITERS)}")
    return path


def frame_strip(frames: Sequence[np.ndarray] | np.ndarray, n: int = 8) -> np.ndarray:
    """At most ``n`` frames side by side, evenly spaced, with the first and the last.

    Returns:
        Shape (height, n * width, 3), uint8.
    """
    if n < 1:
        raise ValueError(f"a strip of {n} frames is empty; give n >= 1")
    stack = _stack(frames)
    picks = np.linspace(0, len(stack) - 1, min(n, len(stack))).round().astype(int)
    return np.concatenate(list(stack[picks]), axis=1)


def _stack(frames: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """Shape (frames, height, width, 3), uint8."""
    shapes = {np.shape(frame) for frame in frames}
    if len(shapes) != 1:
        what = f"shapes {sorted(shapes)}" if shapes else "none"
        raise ValueError(f"frames must be one or more of a single shape; got {what}")
    stack = np.asarray(frames)
    if stack.ndim != 4 or stack.shape[-1] != 3 or stack.dtype != np.uint8:
        raise ValueError(
            f"frames are {stack.dtype} of shape {stack.shape[1:]}; give uint8 (height, width, 3)"
        )
    return stack


def _write_pillow(path: Path, frames: np.ndarray, fps: float) -> None:
    from PIL import Image

    first, *rest = (Image.fromarray(frame) for frame in frames)
    first.save(
        path,
        save_all=True,
        append_images=rest,
        duration=round(1000 / fps),
        loop=0,
        quality=_QUALITY,  # GIF ignores these two.
        method=_EFFORT,
    )


def _write_mp4(path: Path, frames: np.ndarray, fps: float) -> None:
    try:
        import cv2
    except ImportError as error:
        raise RuntimeError(
            "MP4 needs OpenCV: pip install opencv-python-headless; or write .webp"
        ) from error
    height, width = frames.shape[1:3]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"vp09"), fps, (width, height))
    if not writer.isOpened():
        raise RuntimeError(f"OpenCV {cv2.__version__} cannot encode VP9 to {path}; write .webp")
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()


_WRITERS = {".webp": _write_pillow, ".gif": _write_pillow, ".mp4": _write_mp4}
