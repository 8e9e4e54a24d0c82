"""The raw messages of an episode as an MCAP file, as ``ros2 bag`` and Foxglove read it.

Profile ``ros2``: schemas are ``ros2msg`` text, messages CDR as they came over the wire. No ROS
here: whoever subscribes hands over bytes. Source: mcap.dev/spec/registry.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = "mcap"
"""Where the files are, in the folder of a dataset."""
_QUEUE = 4000
"""Messages that may wait for a slow disk; what comes beyond is counted as dropped."""


class RawTopic(NamedTuple):
    """A topic to be kept as it is."""

    name: str
    """Resolved, e.g. ``/joint_states``."""
    type: str
    """Full name, e.g. ``sensor_msgs/msg/JointState``."""
    definition: str
    """Its fields as ``ros2msg`` text, with the types within below."""


class McapFile:
    """One file, written by a thread of its own; a ``hardware.saver.Companion``.

    It gets its name when it is whole and durable; until then, and after a kill, it is hidden.

    Args:
        dataset: Folder of the dataset; the file goes into ``mcap/`` there.
        uuid: Of the episode.
        topics: What is going to be written.
        contract: The robot's, as plain values; embedded.

    Attributes:
        dropped: Messages that the disk was too slow for.

    Raises:
        ImportError: If ``mcap`` is not installed.
        OSError: If the file cannot be made.
    """

    def __init__(
        self, dataset: Path, uuid: str, topics: Iterable[RawTopic], contract: Mapping[str, Any]
    ) -> None:
        writer = writer_module()
        self.name = f"{FOLDER}/{uuid}.mcap"
        self.dropped = 0
        self._path = dataset / self.name
        self._aside = self._path.with_name(f".writing-{uuid}.mcap")
        self._path.parent.mkdir(exist_ok=True)
        self._file = self._aside.open("wb")
        # Pictures of a sensor hardly get smaller, and compressing them takes a core.
        self._writer = writer.Writer(self._file, compression=writer.CompressionType.NONE)
        self._writer.start(profile="ros2", library="robot_rl")
        self._writer.add_metadata("robot_rl", {"episode": uuid, "contract": json.dumps(contract)})
        self._channels = {topic.name: self._channel(topic) for topic in topics}
        self._queue: queue.Queue[tuple[int, bytes, int] | None] = queue.Queue(_QUEUE)
        self._error: OSError | None = None
        self._thread: threading.Thread | None = threading.Thread(
            target=self._run, name="mcap", daemon=True
        )
        self._thread.start()

    def write(self, topic: str, data: bytes, received: int) -> None:
        """Takes a message, unless the file has ended; never waits.

        Args:
            topic: Name of one of the topics.
            data: CDR with its encapsulation, as rclpy has it.
            received: On the clock of the node [ns].
        """
        if self._thread is None:
            return
        try:
            self._queue.put_nowait((self._channels[topic], data, received))
        except queue.Full:
            self.dropped += 1

    def keep(self) -> None:
        """Writes what is left, and gives the file its name, durably; safe to call twice.

        Raises:
            OSError: If something could not be written.
        """
        if not self._end():
            return
        if self._error is not None:
            raise self._error
        self._writer.finish()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._close()
        self._aside.rename(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def drop(self) -> None:
        """Removes the file if it has not been kept; safe to call twice."""
        self._end()
        self._close()  # Or a full disk stays full.
        self._aside.unlink(missing_ok=True)

    def _close(self) -> None:
        with contextlib.suppress(OSError):  # What still has no room is not needed.
            self._file.close()

    def _channel(self, topic: RawTopic) -> int:
        schema = self._writer.register_schema(topic.type, "ros2msg", topic.definition.encode())
        return self._writer.register_channel(topic.name, "cdr", schema)

    def _end(self) -> bool:
        """Ends the thread; whether it ran."""
        if self._thread is None:
            return False
        self._queue.put(None)
        self._thread.join()
        self._thread = None
        return True

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            if self._error is None:
                self._add(*item)

    def _add(self, channel: int, data: bytes, received: int) -> None:
        try:
            self._writer.add_message(channel, received, data, received)
        except OSError as error:
            self._error = error


def writer_module() -> Any:
    """The writer of the ``mcap`` package.

    Raises:
        ImportError: If it is not installed.
    """
    try:
        import mcap.writer
    except ModuleNotFoundError as error:
        raise ImportError(
            "raw messages need the package mcap: pip install 'robot-rl[mcap]', or set mcap to false"
        ) from error
    return mcap.writer
