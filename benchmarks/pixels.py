"""Learning from cameras beside the plain formulation of DrQ-v2, measured in turn in one run.

Random numbers in the place of pictures. Updates of DrQ-v2 at its published sizes, of DrQ with two
cameras, the random shift with its conversion, and one action. What is left of the processor's peak
stands beside each. ``python -m benchmarks.pixels cuda`` measures the same on a GPU (``make
check-gpu``).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from statistics import median

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.learner_limits import peak, wait
from benchmarks.plain_drqv2 import DISCOUNT, PlainDrqV2, plain_shift
from benchmarks.replay import durations
from benchmarks.table import Row, show_rows
from robot_rl.agent import Agent
from robot_rl.agent_config import DrqConfig, DrqV2Config
from robot_rl.batch import Batch
from robot_rl.drq import Drq
from robot_rl.drqv2 import DrqV2
from robot_rl.env import ArraySpec
from robot_rl.random_shift import random_shift
from robot_rl.replay_spec import ReplaySpec
from robot_rl.train import prepare_torch

ROUNDS = 5
ACTION = ArraySpec((7,), low=-1, high=1)
STACK = {"images/front": ArraySpec((84, 84, 9), "uint8", 0, 255)}
CAMERA = ArraySpec((128, 128, 3), "uint8", 0, 255)
CAMERAS = {"state": ArraySpec((19,)), "images/front": CAMERA, "images/wrist": CAMERA}
PRODUCTS = {"float32": "highest", "bfloat16": "medium"}
SHIFTED = 256
"""Images, 84 x 84 x 9 each."""
SHIFT_BAR, DRQ_BAR, ACTION_BAR = 60, 7, 1.2
"""Shifts of them a second; updates from two cameras a second; median of an action [ms]."""


def rows(device: str = "cpu") -> list[Row]:
    """All of it, on all cores but for the action, which has one.

    Raises:
        ValueError: There is no such device here.
    """
    prepare_torch(1, "float32", device)
    before = torch.get_num_threads(), torch.get_float32_matmul_precision()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    try:
        return [*_shift(), *_drqv2(), *_drq(), *_action()]
    finally:
        torch.set_num_threads(before[0])
        torch.set_float32_matmul_precision(before[1])


def _shift() -> Iterator[Row]:
    images = torch.randint(0, 256, (SHIFTED, 84, 84, 9), dtype=torch.uint8)
    first = images.permute(0, 3, 1, 2).contiguous()
    ours, half, plain = durations(
        [
            _done(lambda: random_shift(images)),
            _done(lambda: random_shift(images, torch.bfloat16)),
            _done(lambda: plain_shift(first.float()) / 255 - 0.5),
        ],
        10,
    )
    name = f"pixels/random shift of {SHIFTED} x 84x84x9"
    yield Row(f"{name}, float32", 1 / ours, "1/s", SHIFT_BAR)
    yield Row(f"{name}, bfloat16", 1 / half, "1/s", SHIFT_BAR)
    yield Row(f"{name}, plain formulation", 1 / plain, "1/s")
    yield Row(f"{name}: ours, float32, over plain", plain / ours, "ratio")


def _drqv2() -> Iterator[Row]:
    config, name = DrqV2Config(), "pixels/DrQ-v2, 84x84x9, batch 256"
    batch = random_batch(STACK, config.batch_size)
    agents: dict[str, Agent] = {products: DrqV2(STACK, ACTION, config) for products in PRODUCTS}
    plain = _plain(batch)
    spent = _in_turn({**_updates(agents, batch), "plain formulation": plain})
    for kind, each in spent.items():
        yield Row(f"{name}, {kind}", 1 / each, "updates/s", 1 / spent["plain formulation"])
    yield from _shares(name, agents, batch, spent)


def _drq() -> Iterator[Row]:
    config, name = DrqConfig(batch_size=64), "pixels/DrQ, two 128x128x3, batch 64"
    batch = random_batch(CAMERAS, config.batch_size)
    agents: dict[str, Agent] = {products: Drq(CAMERAS, ACTION, config) for products in PRODUCTS}
    cloned = Drq(CAMERAS, ACTION, replace(config, critic_warmup=0))
    cloned.keep_clone()
    known = batch._replace(
        observation=batch.observation | cloned.fixed(batch.observation),
        next_observation=batch.next_observation | cloned.fixed(batch.next_observation),
    )
    with_clone = _updates({"bfloat16, with a clone": cloned}, known)
    spent = _in_turn(_updates(agents, batch) | with_clone)
    for kind, each in spent.items():
        yield Row(f"{name}, {kind}", 1 / each, "updates/s", DRQ_BAR)
    yield from _shares(name, agents, batch, spent)


def _action() -> Iterator[Row]:
    torch.set_num_threads(1)
    agent, seen = Drq(CAMERAS, ACTION), random_batch(CAMERAS, 1).observation
    agent.keep_clone()  # Its action is looked at as well.
    for products in PRODUCTS:
        with _precision(products):
            times = [_timed(lambda: agent.act(seen, greedy=True)) for _ in range(220)][20:]
        name = f"pixels/action from two 128x128x3, {products}"
        yield Row(f"{name}, median", 1e3 * median(times), "ms", ACTION_BAR)
        yield Row(f"{name}, p99", 1e3 * float(np.percentile(times, 99)), "ms", 2.0)


def random_batch(spec: dict[str, ArraySpec], size: int) -> Batch:
    """Noise in every column."""
    rng = np.random.default_rng(0)
    batch = Batch.empty(ReplaySpec(spec, ACTION, 1, 4, 1), size)
    for column in (batch.observation, batch.next_observation):
        for key, one in spec.items():
            column[key][...] = rng.integers(0, 256, column[key].shape).astype(one.dtype)
    batch.action[...] = rng.uniform(-1, 1, batch.action.shape)
    batch.reward[...] = rng.random(size)
    for flags in (batch.terminated, batch.truncated, batch.intervened, batch.is_demonstration):
        flags[...] = False
    return batch


def _plain(batch: Batch) -> Callable[[], None]:
    agent = PlainDrqV2(9, 84, ACTION.shape[0])
    seen, after = (
        torch.as_tensor(one["images/front"]).permute(0, 3, 1, 2).contiguous()
        for one in (batch.observation, batch.next_observation)
    )
    action, reward = torch.as_tensor(batch.action), torch.as_tensor(batch.reward)[:, None]
    discount = torch.full_like(reward, DISCOUNT**3)
    return lambda: agent.update(seen, action, reward, discount, after)


def _updates(agents: dict[str, Agent], batch: Batch) -> dict[str, Callable[[], None]]:
    def update(name: str) -> None:
        with _precision(name.partition(",")[0]):
            agents[name].update(batch)

    return {name: lambda name=name: update(name) for name in agents}


def _in_turn(calls: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Median duration of each [s], after one turn that warms up."""
    whole = [_done(call) for call in calls.values()]
    for call in whole:
        call()
    return dict(zip(calls, durations(whole, ROUNDS), strict=True))


def _shares(
    name: str, agents: dict[str, Agent], batch: Batch, spent: dict[str, float]
) -> Iterator[Row]:
    """What is used of the fastest matrix product of this processor."""
    for products, agent in agents.items():
        with _precision(products), FlopCounterMode(display=False) as counter:
            agent.update(batch)
        share = counter.get_total_flops() / spent[products] / peak(products)
        yield Row(f"{name}, {products}: share of the processor's peak", share, "share")


@contextmanager
def _precision(products: str) -> Iterator[None]:
    torch.set_float32_matmul_precision(PRODUCTS[products])
    try:
        yield
    finally:
        torch.set_float32_matmul_precision("highest")


def _done(call: Callable[[], object]) -> Callable[[], object]:
    """The call, and what the device still has to do then."""

    def run() -> None:
        call()
        wait()

    return run


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    show_rows(rows(*sys.argv[1:2]))
