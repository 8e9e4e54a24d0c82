"""The valid name that somebody meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(value: object, choices: Iterable[object]) -> str:
    """`` (did you mean 'x'?)`` with the nearest choices, or nothing if none is near."""
    close = difflib.get_close_matches(str(value), map(str, choices))
    return f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""
