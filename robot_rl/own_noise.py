"""Draws of torch that disturb nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


class OwnNoise:
    """A stream of draws, the same for the same seed, whatever is drawn elsewhere in between."""

    def __init__(self, seed: int) -> None:
        with own_noise(seed):
            self._states = _states()

    @contextmanager
    def drawn(self) -> Iterator[None]:
        """Torch draws from the stream within."""
        with undisturbed():
            for device, state in self._states.items():
                _generator(device).set_state(state)
            yield
            self._states = _states()


@contextmanager
def own_noise(seed: int) -> Iterator[None]:
    """Torch draws by a seed within, and goes on afterwards as if nothing had been drawn."""
    with undisturbed():
        torch.manual_seed(seed)
        yield


@contextmanager
def undisturbed() -> Iterator[None]:
    """Torch goes on afterwards as if nothing had been drawn within."""
    with torch.random.fork_rng(devices=_cards()):
        yield


def _cards() -> range:
    return range(torch.cuda.device_count() if torch.cuda.is_initialized() else 0)


def _states() -> dict[int | None, torch.Tensor]:
    return {device: _generator(device).get_state() for device in (None, *_cards())}


def _generator(card: int | None) -> torch.Generator:
    return torch.default_generator if card is None else torch.cuda.default_generators[card]
