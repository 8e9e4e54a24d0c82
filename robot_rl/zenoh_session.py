"""A zenoh session between actors and their learner: TCP, no daemon, nothing else on the network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import zenoh

ADDRESS = "tcp/127.0.0.1:7447"
"""Where the learner listens unless told otherwise: this machine only."""
_BATCHES = 16
"""Of 64 KiB, that wait for a network: zenoh hangs for seconds when one ends that holds it up."""
_BUFFER = 262_144
"""Bytes on their way into the network; enough for 100 Mbit/s and answers after 20 ms."""


def open_session(*, listen: str | None = None, connect: str | None = None) -> zenoh.Session:
    """Opens one end.

    Args:
        listen: Address that the learner is reached at, e.g. ``tcp/0.0.0.0:7447`` for a network
            whose every machine may be trusted.
        connect: Address of the learner; it may come later, and come back.

    Raises:
        ImportError: zenoh is missing.
        OSError: Nobody can listen at this address.
    """
    try:
        import zenoh
    except ImportError as error:
        raise ImportError(
            "actor and learner talk through zenoh; pip install eclipse-zenoh"
        ) from error
    config = zenoh.Config()
    for key, value in {
        "mode": "peer",
        "scouting/multicast/enabled": False,
        "scouting/gossip/enabled": False,
        "listen/endpoints": [listen] if listen else [],
        "connect/endpoints": [connect] if connect else [],
        # What waits in the kernel cannot be overtaken by what is urgent.
        "transport/link/tcp/so_sndbuf": _BUFFER,
        "transport/link/tx/queue/size/data": _BATCHES,
        "transport/shared_memory/enabled": False,
        "connect/timeout_ms": -1,
        "connect/exit_on_failure": False,
        "connect/retry": {
            "period_init_ms": 100,
            "period_max_ms": 400,
            "period_increase_factor": 1.5,
        },
    }.items():
        config.insert_json5(key, json.dumps(value))
    try:
        return zenoh.open(config)
    except zenoh.ZError as error:
        address = listen or connect
        raise OSError(
            f"no session at {address} ({error}); choose another address, or end who has it"
        ) from error
