"""Videos read back as what was written."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robot_rl.video import frame_strip, write_video

LEVELS = (0, 60, 120, 180, 240)


@pytest.fixture
def frames() -> np.ndarray:
    """Five grey levels, with a red corner that shows flips and swapped channels."""
    frames = np.stack([np.full((48, 64, 3), level, np.uint8) for level in LEVELS])
    frames[:, :16, :16] = (220, 20, 20)
    return frames


def _read(path: Path) -> np.ndarray:
    if path.suffix == ".mp4":
        cv2 = pytest.importorskip("cv2")
        capture, images = cv2.VideoCapture(str(path)), []
        while (found := capture.read())[0]:
            images.append(found[1][..., ::-1])
        return np.stack(images)
    with Image.open(path) as video:
        images = []
        for i in range(getattr(video, "n_frames", 1)):
            video.seek(i)
            images.append(np.asarray(video.convert("RGB")))
    return np.stack(images)


@pytest.mark.parametrize("suffix", [".webp", ".gif", ".mp4"])
def test_every_format_reads_back_the_frames(
    suffix: str, frames: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "new" / f"video{suffix}"
    write_video(path, frames, fps=20)
    read = _read(path)
    assert read.shape == frames.shape
    for spot in (np.s_[:, 4:12, 4:12], np.s_[:, 30:40, 30:60]):
        np.testing.assert_allclose(read[spot].mean((1, 2)), frames[spot].mean((1, 2)), atol=12)


@pytest.mark.parametrize("suffix", [".webp", ".gif"])
def test_pictures_last_one_over_fps_and_repeat(
    suffix: str, frames: np.ndarray, tmp_path: Path
) -> None:
    write_video(tmp_path / f"video{suffix}", frames, fps=20)
    with Image.open(tmp_path / f"video{suffix}") as video:
        video.seek(1)
        video.load()
        assert video.info["duration"] == 50
        assert video.info["loop"] == 0


def test_a_single_frame_is_a_video(frames: np.ndarray, tmp_path: Path) -> None:
    write_video(tmp_path / "one.webp", frames[:1], fps=20)
    assert _read(tmp_path / "one.webp").shape == (1, 48, 64, 3)


def test_a_strip_runs_from_the_first_to_the_last_frame(frames: np.ndarray) -> None:
    strip = frame_strip(frames, 3)
    assert strip.shape == (48, 3 * 64, 3)
    assert [strip[40, 64 * i + 40, 0] for i in range(3)] == [0, 120, 240]


def test_a_strip_repeats_no_frame(frames: np.ndarray) -> None:
    assert frame_strip(frames, 100).shape == (48, 5 * 64, 3)


@pytest.mark.parametrize(
    ("path", "part", "fps", "message"),
    [
        ("a.avi", np.s_[:], 20, r"no video format '.avi' \(.*\); use .webp, .gif, .mp4"),
        ("a.webp", np.s_[:0], 20, "frames must be one or more of a single shape; got none"),
        ("a.webp", np.s_[..., 0], 20, r"frames are uint8 of shape \(48, 64\); give uint8"),
        ("a.webp", np.s_[:], 0, "fps=0 is no frame rate; give a positive number"),
    ],
)
def test_what_makes_no_video_is_refused(
    path: str, part: slice, fps: float, message: str, frames: np.ndarray, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        write_video(tmp_path / path, frames[part], fps)
    assert not (tmp_path / path).exists()
