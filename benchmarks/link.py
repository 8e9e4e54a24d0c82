"""The link between actor and learner on loopback: what it carries, and how soon it is back.

The learner's end is a process of its own, which takes and acknowledges; it is killed with SIGKILL
and begins again at its address. Counted from where its new end is open, it is back when the actor
has heard it. Run as ``python -m benchmarks.link``.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np

from benchmarks.table import Row, show_rows
from robot_rl.actor_link import ActorLink
from robot_rl.environments import make_env
from robot_rl.free_port import free_port
from robot_rl.learner_link import LearnerLink
from robot_rl.message import encode
from robot_rl.outbox import Key, Outbox
from robot_rl.sac import Sac
from robot_rl.transition import Transition
from robot_rl.transition_message import to_message
from robot_rl.weights_message import weights_message

ENV = "peg_insert"
SINGLE, MANY, KILLS = 200, 5_000, 5
"""Transitions one at a time, all at once, and how often the learner is killed."""
BACK_BAR = 2.0
"""Seconds until it is back."""
_GLANCE = 0.0005
_SPAWN = multiprocessing.get_context("spawn")


def rows() -> Iterator[Row]:
    """Time and rate of transitions, size of weights, time until a killed learner is back."""
    with make_env(ENV) as env:
        weights = weights_message(
            Sac(env.observation_spec, env.action_spec).acting_state(), version=0
        )
        seen, action = (spec.zeros() for spec in (env.observation_spec["state"], env.action_spec))
        message = to_message(
            Transition({"state": seen}, {"state": seen}, action, action, 0.0, False, False)
        )
    yield Row("link/a transition", len(message) / 1e3, "kB")
    yield Row("link/all that acts", len(weights) / 1e3, "kB")
    address = f"tcp/127.0.0.1:{free_port()}"
    learner = _learner(address, weights)
    with (
        tempfile.TemporaryDirectory() as folder,
        ActorLink("left", Outbox(Path(folder)), address) as link,
    ):
        _until(lambda: bool(link.status))
        times = [1e3 * _deliver(link, message, stream, 1) for stream in range(SINGLE)]
        yield Row("link/sent until acknowledged, median", float(np.median(times)), "ms")
        yield Row("link/sent until acknowledged, p99", float(np.percentile(times, 99)), "ms")
        yield Row("link/transitions", MANY / _deliver(link, message, SINGLE, MANY), "per second")
        back = []
        for _ in range(KILLS):
            learner.kill()
            learner.join()
            _until(lambda: not link.status)
            learner = _learner(address, weights)
            began = time.monotonic()
            _until(lambda: bool(link.status))
            back.append(time.monotonic() - began)
        yield Row("link/a killed learner is back after, worst", max(back), "s", BACK_BAR)
    learner.kill()


def _deliver(link: ActorLink, message: bytes, stream: int, count: int) -> float:
    """Seconds until so many transitions are acknowledged."""
    began = time.perf_counter()
    for step in range(count):
        link.send(Key(stream, 0, step), message)
    _until(lambda: link.waiting == 0)
    return time.perf_counter() - began


def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(_GLANCE)


def _learner(address: str, weights: bytes) -> BaseProcess:
    """Returns when its end is open."""
    there = _SPAWN.Event()
    process = _SPAWN.Process(target=_take_all, args=(address, weights, there), daemon=True)
    process.start()
    there.wait()
    return process


def _take_all(address: str, weights: bytes, there: Event) -> None:
    with LearnerLink(encode({}), encode({}), weights, address) as link:
        there.set()
        while True:
            link.say(version=0)
            arrival = link.take(0.1)
            while arrival is not None:
                link.took(arrival.robot, arrival.key)
                arrival = link.take(0.0)


if __name__ == "__main__":
    show_rows(rows())
