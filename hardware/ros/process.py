"""The life of a node's process: one entry for all, and a clean end on SIGINT and SIGTERM."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from hardware.dds_profile import without_shared_memory
from hardware.ros.loop import Loop
from hardware.shared_memory import take_back

_LOOK = 0.1
"""How often a node that is not woken by signals looks for them [s]."""
ANSWERED = (ValueError, TypeError, OSError, ImportError, RuntimeError)
"""Errors whose message is the answer; anything else is a defect and shows its trace."""


def run(make: Callable[[], Node], frames: bool = False, last_words: bool = False) -> int:
    """Spins a node until somebody ends it.

    Args:
        make: Makes the node.
        frames: Whether it sends or hears camera frames, which need shared memory. Others go without
            it: who is killed while writing into it makes its peers wait for a second.
        last_words: Whether it publishes as it ends: rclpy would shut ROS down at the signal.

    Returns:
        Exit status: 0 after SIGINT or SIGTERM, 1 for an answered error.
    """
    take_back()
    if not frames:
        os.environ.update(without_shared_memory(os.environ))  # Read when the context is made.
    ours = SignalHandlerOptions.NO if last_words else SignalHandlerOptions.ALL
    rclpy.init(args=sys.argv, signal_handler_options=ours)
    if last_words:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    node = None
    try:
        node = make()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while last_words:  # Python looks at signals between two waits.
            executor.spin_once(timeout_sec=_LOOK)
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except ANSWERED as error:
        if rclpy.ok():  # else the end came while a callback was publishing
            print(f"{sys.argv[0].rpartition('/')[2]}: {error}", file=sys.stderr)
            return 1
    finally:
        if last_words:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)  # A launcher may say it twice.
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
        # It took its handlers along, and the interpreter may need seconds to end on a busy machine.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        gc.freeze()  # The last collection would take seconds where torch is loaded.
    return int(Loop.failed)
