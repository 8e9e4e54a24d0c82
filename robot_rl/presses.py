"""What a person presses while a robot learns: keys of the terminal, and the record services."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from robot_rl.actor import MISTAKEN, REDO
from robot_rl.env import Env

Pressed = Callable[[], Sequence[str]]
"""Keys since the last look, by the names that ``Actor`` has for them."""
_SERVED = (REDO, MISTAKEN)
"""Those that have a service; labels have theirs where they are a reward."""


@contextmanager
def presses(env: Env, terminal: TextIO | None = None) -> Iterator[Pressed]:
    """Hears a person beside a robot; anything else is beside nobody.

    Where they sit at a terminal, it gives single keys within the ``with`` block.

    Args:
        env: A robot has ``pressed``, which serves keys.
        terminal: Where keys come from; standard input unless given.
    """
    served: Callable[[Sequence[str]], Sequence[str]] | None = getattr(env, "pressed", None)
    if served is None:
        yield tuple
        return
    # By name: robot_rl knows no hardware until somebody asks for it.
    hardware_keys = importlib.import_module("hardware.keys")
    with hardware_keys.Keys(terminal) as keys:
        if keys.interactive:
            print(hardware_keys.LEARNING_HELP, file=sys.stderr)
        typed: Pressed = keys.pressed if keys.interactive else tuple
        yield lambda: [*typed(), *served(_SERVED)]
