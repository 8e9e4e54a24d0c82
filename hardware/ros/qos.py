"""Quality of service of a contract, as rclpy has it."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from hardware.topics import Qos

LATCHED = Qos(durability="transient_local")
"""Facts that those who come later hear as well."""


def profile(qos: Qos) -> QoSProfile:
    """The profile of a topic in a contract."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=qos.depth,
        reliability=ReliabilityPolicy[qos.reliability.upper()],
        durability=DurabilityPolicy[qos.durability.upper()],
    )
