"""Tensors, arrays and plain values in one file that cannot run code when it is read."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl import durable

_NUMPY = "numpy array"
"""Key that marks an array, which torch's safe loader reads as tensors only."""


class CheckpointError(RuntimeError):
    """A file of weights that is missing, damaged, or belongs to another task."""


def write(path: Path, content: Mapping[str, Any], no_room: str) -> None:
    """Replaces a file durably.

    Args:
        path: Its folder must exist.
        content: Tensors, arrays, numbers, strings, and dicts, lists and tuples of these.
        no_room: What to do when the disk is full, for the message.

    Raises:
        TypeError: If ``content`` holds anything else; names where.
        OSError: If it cannot be written; what was there before is intact.
    """
    import torch

    serialized = io.BytesIO()
    torch.save(_pack(content), serialized)
    durable.replace(path, serialized.getbuffer(), no_room)


def read(path: Path, device: str = "cpu") -> dict[str, Any]:
    """What ``write`` was given; arrays come back as arrays, tensors on ``device``.

    Raises:
        CheckpointError: If the file is damaged.
    """
    import torch

    file = io.BytesIO(path.read_bytes())
    try:
        if damaged := zipfile.ZipFile(file).testzip():  # torch itself checks no checksum.
            raise zipfile.BadZipFile(f"wrong checksum of {damaged}")
        file.seek(0)
        return _unpack(torch.load(file, map_location=device, weights_only=True))
    except Exception as error:  # A damaged file makes its readers raise anything.
        reason = str(error).partition("\n")[0]
        raise CheckpointError(f"{path} is damaged ({reason})") from error


def _pack(value: Any, name: str = "content") -> Any:
    """What torch's safe loader reads back: arrays become marked tensors, containers plain ones."""
    import torch

    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        return {_NUMPY: torch.from_numpy(np.array(value, order="C"))}
    if isinstance(value, np.generic):
        return _pack(value.item(), name)
    if isinstance(value, Mapping):
        return {key: _pack(item, f"{name}[{key!r}]") for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [_pack(item, f"{name}[{index}]") for index, item in enumerate(value)]
        return items if isinstance(value, list) else tuple(items)
    if value is None or isinstance(value, torch.Tensor | bool | int | float | str):
        return value
    raise TypeError(
        f"{name} is a {type(value).__name__}, which a checkpoint cannot hold; "
        "give tensors, arrays, numbers, strings, or dicts, lists and tuples of these"
    )


def _unpack(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {_NUMPY}:
            return value[_NUMPY].cpu().numpy()
        return {key: _unpack(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_unpack, value))
    return value
