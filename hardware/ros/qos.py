"""Quality of service of a contract, as rclpy has it."""

from __future__ import annotations

from dataclasses import replace

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from hardware.topics import Qos

LATCHED = Qos(durability="transient_local")
"""Facts that those who come later hear as well."""
_SENDERS = 4
"""Messages of one topic that are heard at once, where several may speak: of two that speak at the
same moment the second would else always take the place of the first, and nobody knew of that."""


def profile(qos: Qos) -> QoSProfile:
    """The profile of a topic in a contract."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=qos.depth,
        reliability=ReliabilityPolicy[qos.reliability.upper()],
        durability=DurabilityPolicy[qos.durability.upper()],
    )


def of_several(qos: Qos) -> QoSProfile:
    """The profile of a topic on which several may speak, by right or not."""
    return profile(replace(qos, depth=max(qos.depth, _SENDERS)))
