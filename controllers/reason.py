"""Why a command was not sent as it was requested."""

from __future__ import annotations

from enum import IntFlag, auto


class Reason(IntFlag):
    """Flags in the order in which the safety filter looks; several may hold at once."""

    NONE = 0
    """The command was sent as requested."""
    INVALID = auto()
    """Command, measurement or wrench was not finite, or an orientation was no unit quaternion."""
    CLOCK = auto()
    """Time was not finite or did not advance; the last command was repeated."""
    POSITION = auto()
    """A joint limit shortened or bent the command."""
    WORKSPACE = auto()
    """The box for the tool shortened or bent the command."""
    VELOCITY = auto()
    """The step from the last command sent was longer than speed and time allow."""
    ACCELERATION = auto()
    """The speed had to change faster than allowed, or to fall in time for the target."""
    ENGAGE = auto()
    """First frame, or first after silence: the arm is taken up where it is, or not at all."""
    SILENCE = auto()
    """The source was silent, and the arm rests where it was measured."""
    FORCE = auto()
    """Contact was too hard; latched until ``reset``."""
    STOP = auto()
    """Somebody called ``stop``; latched until ``reset``."""
    STALE = auto()
    """A required stream was too old, and nothing was sent."""
    CONTESTED = auto()
    """Somebody else publishes commands to the arm, and nothing was sent: two would tear at it."""
