"""Frames as the files have them, sizes that must fit, and sources that are lost and come back."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from hardware.camera import FrameSource, grab_fresh, open_source
from hardware.feed import FIRST, LONGEST, Feed
from hardware.topics import Camera

SMALL = Camera("front", "front/image_raw", width=32, height=24, rate=20)


def frame(index: int, width: int = 32, height: int = 24) -> np.ndarray:
    """A flat RGB frame that tells its index by its red."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:] = (40 * index, 10, 200)
    return pixels


def write_pictures(folder: Path, count: int = 3) -> str:
    """Writes PNG files and returns their pattern."""
    for index in range(count):
        write(folder / f"{index}.png", frame(index))
    return str(folder / "*.png")


def write(path: Path, pixels: np.ndarray) -> None:
    assert cv2.imwrite(str(path), pixels[..., ::-1])


def write_video(path: Path, count: int = 5) -> str:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (32, 24))
    for index in range(count):
        writer.write(np.ascontiguousarray(frame(index)[..., ::-1]))
    writer.release()
    return str(path)


def reds(source: FrameSource, count: int) -> list[int]:
    """What the next frames tell; fewer if the source ends."""
    found = []
    while len(found) < count and (pixels := source.read()) is not None:
        found.append(round(pixels[..., 0].mean() / 40))
    return found


def test_pictures_come_in_rgb_and_in_the_order_of_their_names(tmp_path: Path) -> None:
    source = open_source(write_pictures(tmp_path), SMALL)
    for index in (0, 1, 2, 0):
        np.testing.assert_array_equal(source.read(), frame(index))


def test_one_picture_is_a_sequence(tmp_path: Path) -> None:
    write(tmp_path / "still [1].png", frame(1))
    assert reds(open_source(str(tmp_path / "still [1].png"), SMALL), 3) == [1, 1, 1]


def test_a_video_comes_in_rgb_and_begins_anew(tmp_path: Path) -> None:
    source = open_source(write_video(tmp_path / "clip.avi"), SMALL)
    first = source.read()
    assert first is not None
    np.testing.assert_allclose(first.mean(axis=(0, 1)), frame(0)[0, 0], atol=4)
    assert reds(source, 6) == [1, 2, 3, 4, 0, 1]
    source.close()


@pytest.mark.parametrize("kind", ["pictures", "video"])
def test_without_loop_a_source_ends(tmp_path: Path, kind: str) -> None:
    text = {"pictures": write_pictures(tmp_path), "video": write_video(tmp_path / "clip.avi")}[kind]
    source = open_source(text, SMALL, loop=False)
    assert len(reds(source, 100)) == {"pictures": 3, "video": 5}[kind]
    assert source.read() is None


@pytest.mark.parametrize("kind", ["pictures", "video"])
def test_a_source_of_another_size_is_refused_with_both_sizes(tmp_path: Path, kind: str) -> None:
    text = {"pictures": write_pictures(tmp_path), "video": write_video(tmp_path / "clip.avi")}[kind]
    large = Camera("front", "front/image_raw", width=640, height=480, rate=30)
    with pytest.raises(ValueError, match=r"of 32 x 24, the contract says 640 x 480 .*'front'"):
        open_source(text, large)


def test_a_picture_of_another_size_within_a_sequence_is_named(tmp_path: Path) -> None:
    source = open_source(write_pictures(tmp_path), SMALL)
    write(tmp_path / "1.png", frame(1, width=16))
    source.read()
    with pytest.raises(OSError, match=r"1\.png is 16 x 24, those before 32 x 24"):
        source.read()


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("nowhere.mp4", "no source 'nowhere.mp4'; give a device .* a video file, or pictures"),
        ("frames/*.png", r"no picture matches 'frames/\*\.png'; give their folder and a pattern"),
        ("/dev/video99", "no device /dev/video99; there are: .*; plug the camera in"),
        ("99", "no device /dev/video99"),
    ],
)
def test_a_source_that_is_not_there_is_answered_with_the_choices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, answer: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=answer):
        open_source(text, SMALL)


@pytest.mark.parametrize("name", ["broken.mp4", "broken.png"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("no frames")
    text = str(tmp_path / name) if name.endswith("mp4") else str(tmp_path / "*.png")
    with pytest.raises(OSError, match=name):
        open_source(text, SMALL)


class Driver:
    """The queue of a driver: frames that lie there come at once, the others at its rate."""

    def __init__(self, queued: int, period: float = 0.033) -> None:
        self.now, self.grabbed = 0.0, 0
        self._queued, self._period = queued, period

    def grab(self) -> bool:
        """Takes a frame, with the time that it takes."""
        self.now += 0.0001 if self._queued > 0 else self._period
        self._queued -= 1
        self.grabbed += 1
        return True


@pytest.mark.parametrize("queued", [0, 1, 4])
def test_queued_frames_are_left_out_for_the_one_that_comes_now(queued: int) -> None:
    driver = Driver(queued)
    assert grab_fresh(driver.grab, lambda: driver.now)
    assert driver.grabbed == queued + 1


def test_a_driver_that_never_waits_is_taken_as_it_is() -> None:
    driver = Driver(queued=1000)
    assert grab_fresh(driver.grab, lambda: driver.now, queue=5)
    assert driver.grabbed == 5


def test_a_driver_without_frames_is_lost() -> None:
    assert not grab_fresh(lambda: False)


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[Feed]:
    pattern = write_pictures(tmp_path)
    feed = Feed(lambda: open_source(pattern, SMALL))
    yield feed
    feed.close()


def lose(folder: Path) -> None:
    """Takes all pictures away."""
    for path in folder.glob("*.png"):
        path.unlink()


def test_a_lost_source_is_told_and_opened_again_when_it_is_back(tmp_path: Path, feed: Feed) -> None:
    assert feed.read(0.0) is not None
    lose(tmp_path)
    assert feed.read(0.1) is None
    assert feed.fault is not None
    assert "1.png" in feed.fault
    write_pictures(tmp_path)
    assert feed.read(0.1 + 0.9 * FIRST) is None
    assert feed.read(0.1 + FIRST) is not None
    assert (feed.fault, feed.lost) == (None, 1)


def test_the_waits_between_the_tries_grow_to_the_longest(tmp_path: Path, feed: Feed) -> None:
    lose(tmp_path)
    tries, fault = [], None
    for now in np.arange(0, 60, 0.05):
        feed.fault = None
        feed.read(float(now))
        if feed.fault is not None:
            tries.append(float(now))
            fault = feed.fault
    waits = np.diff(tries)
    np.testing.assert_allclose(waits[:5], [0.5, 1, 2, 4, 8], atol=0.06)
    np.testing.assert_allclose(waits[5:], LONGEST, atol=0.06)
    assert fault is not None
    assert "no picture matches" in fault
    assert feed.lost == 1


def test_a_source_that_comes_back_with_another_size_stays_out(tmp_path: Path, feed: Feed) -> None:
    lose(tmp_path)
    feed.read(0.0)
    write(tmp_path / "0.png", frame(0, width=64))
    assert feed.read(1.0) is None
    assert feed.fault is not None
    assert "64 x 24" in feed.fault


def test_after_the_last_frame_a_feed_has_ended_without_a_fault(tmp_path: Path) -> None:
    pattern = write_pictures(tmp_path)
    feed = Feed(lambda: open_source(pattern, SMALL, loop=False))
    assert [feed.read(float(now)) is None for now in range(5)] == [False] * 3 + [True] * 2
    assert feed.ended
    assert (feed.fault, feed.lost) == (None, 0)


def test_the_first_opening_fails_loudly() -> None:
    with pytest.raises(FileNotFoundError):
        Feed(lambda: open_source("nowhere.mp4", SMALL))
