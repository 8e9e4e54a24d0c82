"""``/diagnostics`` at 1 Hz, as REP-107 has it."""

from __future__ import annotations

from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node

from hardware.health import Health, Level

_LEVELS: dict[Level, bytes] = {
    "ok": DiagnosticStatus.OK,
    "warn": DiagnosticStatus.WARN,
    "error": DiagnosticStatus.ERROR,
    "stale": DiagnosticStatus.STALE,
}
_PERIOD = 1.0


def report_health(node: Node, hardware_id: str, examine: Callable[[], Health]) -> None:
    """Publishes what ``examine`` returns, once a second, under the node's full name."""
    publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)

    def publish() -> None:
        health = examine()
        status = DiagnosticStatus(
            level=_LEVELS[health.level],
            name=node.get_fully_qualified_name(),
            message=health.message or "ok",
            hardware_id=hardware_id,
            values=[KeyValue(key=key, value=value) for key, value in health.values.items()],
        )
        stamp = node.get_clock().now().to_msg()
        array = DiagnosticArray(status=[status])
        array.header.stamp = stamp
        publisher.publish(array)

    # By the wall, for a stopped /clock is a thing to tell.
    node.create_timer(_PERIOD, publish, clock=Clock(clock_type=ClockType.STEADY_TIME))
