"""What an episode did with a robot, whichever way it was recorded: by a session or from topics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from hardware.contract import Contract
from hardware.contract_file import from_values
from hardware.safety import GRIPPER
from robot_rl.robot_step import MEASURED, SENT

if TYPE_CHECKING:
    from robot_rl.episode import Episode
    from robot_rl.schema import Schema

_EXTRA = "extra/"


class Motion(NamedTuple):
    """Commands and what was measured before each, step by step."""

    sent: np.ndarray
    """In the contract's mode; NaN where nothing was sent. Shape (length, size)."""
    gripper: np.ndarray
    """Commands to the gripper in the unit of its driver; NaN for none. Shape (length,)."""
    q: np.ndarray
    """Joints of the arm, then of the gripper. Shape (length, joints) [rad, m]."""
    objects: dict[str, np.ndarray]
    """``x y z qx qy qz qw`` of each, before the first command. Shape (7,) [m]."""
    success: bool

    @classmethod
    def of(cls, episode: Episode, schema: Schema) -> Self:
        """The motion in an episode of a robot.

        Raises:
            ValueError: If it was recorded elsewhere.
        """
        if SENT not in episode.extra:
            raise ValueError(
                f"{schema.env} episodes hold no commands of a safety node; only what was recorded "
                "on a robot can be sent to one"
            )
        contract = contract_of(schema)
        values = _Measured(episode, schema, contract)
        return cls(
            sent=episode.extra[SENT],
            gripper=_gripper(episode, schema, contract),
            q=values.q,
            objects={pose.name: values.pose(pose.name) for pose in contract.extra},
            success=bool(episode.metadata.success),
        )


def contract_of(schema: Schema) -> Contract:
    """The robot that a store was recorded with.

    Raises:
        ContractError: If there is none in it.
    """
    return from_values(schema.contract.get("robot", schema.contract), "the dataset's contract")


class _Measured:
    """Raw streams of a session's episode, or the named state of what was recorded from topics."""

    def __init__(self, episode: Episode, schema: Schema, contract: Contract) -> None:
        self._episode, self._contract = episode, contract
        self._names = schema.observation["state"].names

    @property
    def q(self) -> np.ndarray:
        joints = self._contract.joints
        raw = self._episode.extra.get(f"{MEASURED}joint_states")
        if raw is not None:
            return raw[:, 0]
        names = (*joints.arm, *joints.gripper)
        return self._columns([f"q/{joint}" for joint in names])

    def pose(self, name: str) -> np.ndarray:
        raw = self._episode.extra.get(f"{MEASURED}{_EXTRA}{name}")
        if raw is not None:
            return raw[0]
        axes = ("x", "y", "z", "qx", "qy", "qz", "qw")
        return self._columns([f"{_EXTRA}{name}/{axis}" for axis in axes])[0]

    def _columns(self, names: Sequence[str]) -> np.ndarray:
        columns = [self._names.index(name) for name in names]
        return self._episode.observation["state"][:-1, columns].astype(np.float64)


def _gripper(episode: Episode, schema: Schema, contract: Contract) -> np.ndarray:
    """Values in the unit of the driver; a session's actions have openings of -1 to 1."""
    gripper, names = contract.gripper, schema.action.names
    if gripper is None or GRIPPER not in names:
        return np.full(len(episode), np.nan)
    values = episode.action[:, names.index(GRIPPER)].astype(np.float64)
    if f"{MEASURED}joint_states" not in episode.extra:
        return values
    return gripper.closed + (values + 1) / 2 * (gripper.open - gripper.closed)
