"""One line of what the doctor found out about a robot."""

from __future__ import annotations

from typing import Literal, NamedTuple, Self

Status = Literal["ok", "absent", "problem"]


class Finding(NamedTuple):
    """As ``robot_rl.doctor.Finding``, which a table is made of: ``Finding(*finding)``."""

    subject: str
    status: Status
    """``absent`` is something optional that is not there; only a ``problem`` stops anything."""
    detail: str
    remedy: str = ""
    """What to type or do; empty if there is nothing to do."""

    @classmethod
    def of_error(cls, subject: str, error: object) -> Self:
        """A problem of an error that says what is wrong; what to do."""
        said, _, remedy = str(error).rpartition("; ")
        return cls(subject, "problem", said or str(error), remedy if said else "mend what it names")
