"""What acts, as a message: plain arrays with declared types, and no more than acting needs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from robot_rl.message import Message, MessageError, encode

_SEPARATOR = "/"


def weights_message(state: dict[str, Any], **more: Any) -> bytes:
    """The message of ``Agent.acting_state``, or of a part of it, and of ``more`` facts."""
    facts = {name: value for name, value in state.items() if not isinstance(value, dict)}
    arrays = {
        f"{module}{_SEPARATOR}{name}": tensor.cpu().numpy()
        for module, tensors in state.items()
        if isinstance(tensors, dict)
        for name, tensor in tensors.items()
    }
    return encode({"state": facts} | more, arrays)


def acting_state(message: Message) -> dict[str, Any]:
    """Inverse of ``weights_message``, less the other facts.

    Raises:
        MessageError: If these are no weights.
    """
    try:
        state: dict[str, Any] = dict(message.facts["state"])
        for key, array in message.arrays.items():
            module, _, name = key.partition(_SEPARATOR)
            state.setdefault(module, {})[name] = torch.from_numpy(np.array(array))
    except (KeyError, TypeError) as error:
        raise MessageError(f"no weights: {error}") from error
    return state
