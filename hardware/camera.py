"""Frames from OpenCV: a device, a video file, or pictures. No ROS here, and no pacing."""

from __future__ import annotations

import glob
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from hardware.topics import Camera

WAITED = 0.002
"""A frame that took longer to come was not lying in the driver's queue [s]."""
_QUEUE = 5
"""Frames that a driver may keep for us."""
_SILENCE = "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT"
"""Seconds after which OpenCV gives a silent device up; ten by default, too long for an exit."""


class FrameSource(Protocol):
    """Where frames come from.

    Attributes:
        size: Width and height [pixels].
        taken: When the last frame was, on the machine's monotonic clock [s].
    """

    size: tuple[int, int]
    taken: float

    def read(self) -> np.ndarray | None:
        """The next frame in RGB, shape (height, width, 3), uint8; None after the last one.

        Raises:
            OSError: The source is lost.
        """
        ...

    def close(self) -> None:
        """Frees the source; safe to call twice."""
        ...


def open_source(text: str, camera: Camera, loop: bool = True) -> FrameSource:
    """Opens a source that gives frames as the contract has them.

    Args:
        text: A device (``0``, ``/dev/video0``), a video file, or pictures (``frames/*.png``).
        camera: Whose size the frames must have; a device is also asked for its rate.
        loop: Whether files begin anew after their end.

    Raises:
        OSError: There is nothing, or it cannot be read.
        ValueError: The frames are of another size, or should be distances.
    """
    if camera.type == "depth":
        raise ValueError(
            f"camera {camera.name!r} measures distances, which OpenCV does not read; start its own "
            "driver, and name the topic of its depth image in the contract"
        )
    source = _open(str(Path(text).expanduser()), camera, loop)
    wanted = camera.width, camera.height
    if source.size != wanted:
        source.close()
        raise ValueError(
            f"source {text!r} gives frames of {_by(source.size)}, the contract says {_by(wanted)} "
            f"for camera {camera.name!r}; correct the contract, or let the source give that size"
        )
    return source


class Device:
    """A camera of this machine; it always gives a frame that comes now, never a queued one.

    Args:
        text: Number or path.
        camera: Size and rate to ask the driver for.

    Raises:
        OSError: There is no such device, or it gives nothing.
    """

    def __init__(self, text: str, camera: Camera) -> None:
        os.environ.setdefault(_SILENCE, "1")
        path = Path(f"/dev/video{text}" if text.isdigit() else text)
        if sys.platform == "linux" and not path.exists():
            found = ", ".join(sorted(glob.glob("/dev/video*"))) or "none on this machine"
            raise FileNotFoundError(f"no device {path}; there are: {found}; plug the camera in")
        self._name = str(path)
        self._capture = _capture(int(text) if text.isdigit() else text)
        for key, value in (
            (cv2.CAP_PROP_FRAME_WIDTH, camera.width),
            (cv2.CAP_PROP_FRAME_HEIGHT, camera.height),
            (cv2.CAP_PROP_FPS, camera.rate),
        ):
            self._capture.set(key, value)
        self.size, self.taken = _size(self._capture), 0.0

    def read(self) -> np.ndarray:
        """Waits for the next frame.

        Raises:
            OSError: The device is gone, or silent.
        """
        fresh = grab_fresh(self._capture.grab)
        self.taken = time.monotonic()
        done, frame = self._capture.retrieve() if fresh else (False, None)
        if not done or frame is None:
            raise OSError(f"{self._name} gives no frames any more; check its cable")
        return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)

    def close(self) -> None:
        """Frees the device; safe to call twice."""
        self._capture.release()


class Video:
    """A video file.

    Args:
        path: The file.
        loop: Whether it begins anew after its end.

    Raises:
        OSError: OpenCV cannot read it.
    """

    def __init__(self, path: Path, loop: bool) -> None:
        self._path, self._loop = path, loop
        self._capture = _capture(str(path))
        self.size, self.taken = _size(self._capture), 0.0

    def read(self) -> np.ndarray | None:
        """The next frame, or None after the last one.

        Raises:
            OSError: There is no frame in it, not even from its beginning.
        """
        self.taken = time.monotonic()
        done, frame = self._capture.read()
        if not done and self._loop:
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
            done, frame = self._capture.read()
            if not done:
                raise OSError(f"{self._path} cannot be read again; check the file")
        return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB) if done else None

    def close(self) -> None:
        """Closes the file; safe to call twice."""
        self._capture.release()


class Pictures:
    """Picture files, in the order of their names.

    Args:
        pattern: As in the shell; a single file is a sequence as well.
        loop: Whether they begin anew after the last one.

    Raises:
        OSError: None matches, or the first cannot be read.
    """

    def __init__(self, pattern: str, loop: bool) -> None:
        self._paths, self._loop, self._next = sorted(glob.glob(pattern)), loop, 0
        if not self._paths:
            raise FileNotFoundError(
                f"no picture matches {pattern!r}; give their folder and a pattern: frames/*.png"
            )
        height, width, _ = _picture(self._paths[0]).shape
        self.size, self.taken = (width, height), 0.0

    def read(self) -> np.ndarray | None:
        """The next picture, or None after the last one.

        Raises:
            OSError: It cannot be read, or is of another size than the first.
        """
        self.taken = time.monotonic()
        if self._next == len(self._paths) and not self._loop:
            return None
        path = self._paths[self._next % len(self._paths)]
        pixels = _picture(path)
        if (size := pixels.shape[1::-1]) != self.size:
            raise OSError(f"{path} is {_by(size)}, those before {_by(self.size)}; take it out")
        self._next = self._next % len(self._paths) + 1
        return pixels

    def close(self) -> None:
        """Nothing is open between two pictures."""


def grab_fresh(
    grab: Callable[[], bool], clock: Callable[[], float] = time.monotonic, queue: int = _QUEUE
) -> bool:
    """Grabs until a frame had to be waited for: what lay in the driver's queue is old.

    Args:
        grab: Takes the next frame, waiting for it; False if none comes.
        clock: Seconds.
        queue: Frames that can lie there; a driver that never waits is taken as it is.

    Returns:
        Whether there is a frame.
    """
    for _ in range(queue):
        began = clock()
        if not grab():
            return False
        if clock() - began > WAITED:
            break
    return True


def _open(text: str, camera: Camera, loop: bool) -> FrameSource:
    if text.isdigit() or text.startswith("/dev/"):
        return Device(text, camera)
    path = Path(text)
    if path.is_file():
        still = cv2.haveImageReader(text)
        return Pictures(glob.escape(text), loop) if still else Video(path, loop)
    if any(sign in text for sign in "*?["):
        return Pictures(text, loop)
    raise FileNotFoundError(
        f"no source {text!r}; give a device (0 or /dev/video0), a video file, or pictures as "
        "a pattern (frames/*.png)"
    )


def _capture(source: int | str) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(source)
    if not capture.isOpened():
        raise OSError(
            f"OpenCV cannot open {source!r}; if it is a device, another program may hold it or the "
            "user is not in the group video; if it is a file, convert it to mp4 or avi"
        )
    return capture


def _size(capture: cv2.VideoCapture) -> tuple[int, int]:
    width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
    return round(width), round(height)


def _picture(path: str) -> np.ndarray:
    pixels = cv2.imread(path, cv2.IMREAD_COLOR) if Path(path).is_file() else None
    if pixels is None:
        raise OSError(f"{path} is no picture that can be read; restore it or take it out")
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def _by(size: tuple[int, ...]) -> str:
    return f"{size[0]} x {size[1]}"
