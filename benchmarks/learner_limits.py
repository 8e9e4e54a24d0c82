"""What limits an update: the share of the processor's matrix peak, and where the time goes.

Started by ``benchmarks.learner``; prints one JSON object.
"""

from __future__ import annotations

import json
import time
from typing import Any

import torch
from torch.profiler import profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.learner_process import Learner, ours
from robot_rl.train import prepare_torch

PRODUCTS = ("aten::bmm", "aten::baddbmm", "aten::mm", "aten::addmm")
OPTIMIZER = ("Optimizer.", "aten::_fused_adam", "aten::lerp_")
UPDATES = 40
"""Critic updates that are profiled."""


def peak(products: str) -> float:
    """Fastest matrix product of this device in that precision [floating-point operations/s]."""
    best = 0.0
    for size in (256, 512, 1024, 2048):
        factor = torch.randn(size, size).to(getattr(torch, products))
        for _ in range(5):
            wait()
            start = time.perf_counter()
            torch.mm(factor, factor)
            wait()
            best = max(best, 2 * size**3 / (time.perf_counter() - start))
    return best


def wait() -> None:
    """Until the device has done what it was told; a processor always has."""
    if torch.get_default_device().type != "cpu":
        torch.accelerator.synchronize()


def operations(update: Learner) -> float:
    """Floating-point operations of the matrix products in one critic update."""
    with FlopCounterMode(display=False) as counter:
        updates = update()
    return counter.get_total_flops() / updates


def split(update: Learner) -> dict[str, float]:
    """Shares of products, optimiser with running averages, and all else in the profiled time."""
    with profile() as profiled:
        done = 0
        while done < UPDATES:
            done += update()
    spent = {"products": 0.0, "optimizer": 0.0, "element-wise": 0.0}
    for event in profiled.key_averages():
        spent[_kind(event.key)] += event.self_cpu_time_total
    total = sum(spent.values())
    return {kind: each / total for kind, each in spent.items()}


def _kind(name: str) -> str:
    if name in PRODUCTS:
        return "products"
    return "optimizer" if name.startswith(OPTIMIZER) else "element-wise"


def main(arguments: list[Any]) -> None:
    """Measures one setting of our learner."""
    products, threads, critics, updates = arguments
    prepare_torch(int(threads), products)
    update = ours(int(critics), int(updates))
    update()
    found = {"peak": peak(products), "operations": operations(update), "split": split(update)}
    print(json.dumps(found))
