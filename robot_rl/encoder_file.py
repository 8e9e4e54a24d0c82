"""Weights of an encoder in a file: our own, which ``robot-rl pretrain`` writes, or a plain one.

A plain file is what ``torch.save(network.state_dict(), path)`` makes; residual networks have
torchvision's names. Nothing is ever downloaded.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from robot_rl import weights_file
from robot_rl.agent_config import EncoderName
from robot_rl.encoders import make_encoder
from robot_rl.own_noise import undisturbed

_NAME, _WEIGHTS = "encoder", "weights"
_NOT_NEEDED = re.compile(r"fc\.|classifier\.|.*\.(running_mean|running_var|num_batches_tracked)$")
"""What a whole classifier has besides, and what batch normalisation counts: groups need none."""
_SHOWN = 5
"""Differences that an answer names."""


def write_encoder(path: Path, name: EncoderName, encoder: nn.Module, card: dict[str, Any]) -> Path:
    """Writes weights, and where they come from.

    Raises:
        OSError: If it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {_NAME: name, _WEIGHTS: encoder.state_dict(), "card": card}
    weights_file.write(path, content, "make room and train again")
    return path


def read_encoder(path: Path, name: EncoderName, channels: int) -> nn.Module:
    """The encoder of that name with the weights of a file.

    Args:
        path: Of the file.
        name: Which encoder.
        channels: Of its images.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointError: If it is damaged.
        ValueError: If it has weights of something else; lists what does not fit.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"no encoder {path}; give a file that robot-rl pretrain wrote, or that holds the "
            f"state_dict of a {name}"
        )
    found = _weights(path, name)
    weights = {key: value for key, value in found.items() if not _NOT_NEEDED.match(key)}
    if any(key.endswith("running_mean") for key in found):
        warnings.warn(
            f"{path} was trained with batch normalisation, and here are groups: it has to learn "
            "on, so leave frozen out",
            stacklevel=2,
        )
    with undisturbed():  # All of what is drawn here is replaced.
        encoder = make_encoder(name, channels)
    if lines := _differences(encoder.state_dict(), weights):
        more = f"\n  and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
        raise ValueError(
            f"{path} does not fit the encoder {name} for images of {channels} channels (3 are one "
            "picture, more of them a frame_stack):"
            + "".join(f"\n  {line}" for line in lines[:_SHOWN])
            + more
        )
    encoder.load_state_dict(weights)
    return encoder


def _weights(path: Path, name: EncoderName) -> dict[str, Any]:
    content: Any = weights_file.read(path)
    if not isinstance(content, dict):
        raise ValueError(
            f"{path} holds a {type(content).__name__}; save the network's state_dict() in it"
        )
    written = content.get(_NAME)
    if not isinstance(written, str):
        return content
    if written != name:
        raise ValueError(f"{path} holds the encoder {written}, and not {name}; choose {written}")
    return content[_WEIGHTS]


def _differences(own: dict[str, Tensor], found: dict[str, Any]) -> list[str]:
    lines = [f"{key} is missing" for key in own if key not in found]
    lines += [f"{key} belongs to nothing" for key in found if key not in own]
    for key in own.keys() & found.keys():
        shape, wanted = tuple(getattr(found[key], "shape", ())), tuple(own[key].shape)
        if shape != wanted:
            lines.append(f"{key} has shape {shape}, and here it has {wanted}")
    return sorted(lines)
