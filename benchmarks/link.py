"""The link between actor and learner on loopback: what it carries, and how soon it is back.

The learner's end is a process of its own, which takes and acknowledges; it is killed with SIGKILL
and begins again at its address. Counted from where its new end is open, it is back when the actor
has heard it. Slower networks are loopback, too, throttled: weights as large as those of DrQ are
under way all the time, beside a transition with two images 20 times a second. Run as ``python -m
benchmarks.link``.
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

from benchmarks.slow_network import slow_network
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
NETWORKS = (100, 20)
"""Slower ones [Mbit/s]."""
WEIGHTS, IMAGES, PERIOD, SECONDS = 8_000_000, 100_000, 0.05, 20.0
"""Bytes of what acts and of a transition, the time of a step, and how long it goes on."""
_GLANCE = 0.0005
_SPAWN = multiprocessing.get_context("spawn")


def rows() -> Iterator[Row]:
    """What it is on loopback, and on slower networks."""
    yield from loopback_rows()
    yield from slow_rows()


def loopback_rows() -> Iterator[Row]:
    """Time and rate of transitions, size of weights, time until a killed learner is back."""
    with make_env(ENV) as env:
        agent = Sac(env.observation_spec, env.action_spec)
        agent.keep_clone()
        weights = weights_message(agent.acting_state(), version=0)
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


def slow_rows() -> Iterator[Row]:
    """What a slower network carries at once."""
    for speed in NETWORKS:
        versions, age, silent = _share(speed * 1e6 / 8)
        of = f"link/{speed} Mbit/s"
        yield Row(f"{of}: weights of {WEIGHTS / 1e6:.0f} MB", versions / SECONDS, "per second")
        yield Row(f"{of}: a transition beside is acknowledged after, p99", age, "s")
        yield Row(f"{of}: share of the time in which nobody is heard", silent, "share")


def _share(rate: float) -> tuple[int, float, float]:
    """Versions that came, age of what was acknowledged [s], share of the looks at silence."""
    port, version, step, away, looks = free_port(), 0, 0, 0, 0
    images, sent, ages = encode({}, {"images": np.zeros(IMAGES, np.uint8)}), [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        slow_network(port, rate) as entrance,
        LearnerLink(*_drawn(version), f"tcp/127.0.0.1:{port}") as learner,
        ActorLink("left", Outbox(Path(folder)), f"tcp/127.0.0.1:{entrance}") as link,
    ):
        _until(lambda: learner.say(version=version) or bool(link.status))
        began = time.monotonic()
        while (now := time.monotonic() - began) < SECONDS:
            learner.say(version=version)
            _take_all(learner)
            if now > step * PERIOD:
                link.send(Key(0, 0, step), images)
                sent.append(now)
                step += 1
            ages += [now - sent[one] for one in range(len(ages), step - link.waiting)]
            looks, away = looks + 1, away + (not link.status)
            if link.weights() is not None:
                version += 1
                learner.publish(_drawn(version)[-1])
            time.sleep(0.01)
        _until(lambda: learner.say(version=version) or _take_all(learner) or not link.waiting)
    return version, float(np.percentile(ages, 99)), away / looks


def _drawn(version: int) -> tuple[bytes, bytes, bytes]:
    """Offer, clone and weights; noise, that nothing could make smaller."""
    drawn = np.random.default_rng(version).integers(0, 256, WEIGHTS, np.uint8)
    return encode({}), encode({"state": {}}), encode({"version": version}, {"weights": drawn})


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
    process = _SPAWN.Process(target=_serve, args=(address, weights, there), daemon=True)
    process.start()
    there.wait()
    return process


def _serve(address: str, weights: bytes, there: Event) -> None:
    with LearnerLink(encode({}), encode({}), weights, address) as link:
        there.set()
        while True:
            link.say(version=0)
            _take_all(link, 0.1)


def _take_all(link: LearnerLink, timeout: float = 0.0) -> None:
    """Acknowledges all that has come in; waits so long for the first [s]."""
    arrival = link.take(timeout)
    while arrival is not None:
        link.took(arrival.robot, arrival.key)
        arrival = link.take(0.0)


if __name__ == "__main__":
    show_rows(rows())
