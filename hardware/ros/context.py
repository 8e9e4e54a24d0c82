"""A context of our own, after what killed processes have left was taken away."""

from __future__ import annotations

import rclpy
from rclpy.context import Context

from hardware.shared_memory import take_back


def new_context() -> Context:
    """A context for nodes that others in this process do not share; end it with ``try_shutdown``.

    Half of a memory that a killed process was making would make it wait for ever.
    """
    take_back()
    context = Context()
    rclpy.init(args=[], context=context)
    return context
