"""Arrays and plain values as one message of bytes, which cannot hold code.

A magic number, the length of a header, the header in JSON, then the bytes of the arrays, each at a
multiple of 16. The header says name, dtype and shape of each array; a message whose length does not
agree with it is refused.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

_HEAD = struct.Struct("<4sI")
_MAGIC = b"RRL1"
_ALIGNED = 16
_KINDS = "biuf"
"""Kinds of dtype that may travel: bool, integers, floats."""


class MessageError(ValueError):
    """Bytes that are no message, or arrays that cannot travel."""


class Message(NamedTuple):
    """What a message says."""

    facts: dict[str, Any]
    """JSON values."""
    arrays: dict[str, np.ndarray]
    """Read-only views of the message's bytes."""


def encode(facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> bytes:
    """The message of some facts and arrays.

    Raises:
        MessageError: If an array holds objects or text.
        TypeError: If the facts are no JSON values.
    """
    arrays = {name: _plain(name, array) for name, array in (arrays or {}).items()}
    layout = [(name, array.dtype.str, array.shape) for name, array in arrays.items()]
    header = json.dumps({"facts": dict(facts), "arrays": layout}).encode()
    parts = [_HEAD.pack(_MAGIC, len(header)), _padded(header, _HEAD.size)]
    parts += [_padded(array.tobytes()) for array in arrays.values()]
    return b"".join(parts)


def decode(message: bytes) -> Message:
    """Inverse of ``encode``.

    Raises:
        MessageError: If the bytes are no whole message.
    """
    try:
        magic, length = _HEAD.unpack_from(message)
        if magic != _MAGIC:
            raise MessageError(f"a message begins with {_MAGIC!r}, this one with {magic!r}")
        header = json.loads(message[_HEAD.size : _HEAD.size + length])
        facts, layout = dict(header["facts"]), list(header["arrays"])
        start, arrays = _aligned(_HEAD.size + length), {}
        for name, dtype, shape in layout:
            arrays[name] = _array(message, start, np.dtype(dtype), tuple(map(int, shape)))
            start = _aligned(start + arrays[name].nbytes)
    except (struct.error, KeyError, TypeError, ValueError) as error:
        raise MessageError(f"{len(message)} bytes are no whole message: {error}") from error
    if start != len(message):
        raise MessageError(f"the header speaks of {start} bytes, the message has {len(message)}")
    return Message(facts, arrays)


def _plain(name: str, array: np.ndarray) -> np.ndarray:
    array = np.asarray(array)
    if array.dtype.kind not in _KINDS:
        raise MessageError(f"{name} is an array of {array.dtype}; give numbers or truth values")
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


def _array(message: bytes, start: int, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    if dtype.kind not in _KINDS or min(shape, default=0) < 0:
        raise MessageError(f"no array of {dtype} {shape} may travel")
    return np.frombuffer(message, dtype, math.prod(shape), start).reshape(shape)


def _aligned(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED


def _padded(part: bytes, before: int = 0) -> bytes:
    size = before + len(part)
    return part + bytes(_aligned(size) - size)
