"""Critic updates per second beside Stable-Baselines3 and SBX, its JAX sibling; what limits ours.

Vector observations, hidden layers 256-256, batches of 256 drawn from replay. Every learner lives in
its own process with a fixed number of threads and processors; they take turns, so that all see the
same machine, and the median of their turns counts. The reference of each row is SBX. Two settings:

- 2 critics, the actor updated with every critic update, as Stable-Baselines3 does it by default;
- 10 critics and 20 critic updates for one of the actor, as RLPD and REDQ do. Stable-Baselines3
  updates the actor every time all the same; in SBX all critics make the target, in ours two.

Our critics have LayerNorm, which the peers' defaults lack.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.table import Row, show_rows

ROUNDS = 5
"""Turns that count; one before them warms up."""
SETTINGS = ((2, 1), (10, 20))
"""Critics, and critic updates per actor update."""
OURS = {"ours float32": ("ours", "float32"), "ours bfloat16": ("ours", "bfloat16")}
PEERS = {"Stable-Baselines3": ("stable_baselines3", "float32"), "SBX": ("sbx", "float32")}
REFERENCE = "SBX"
ROOT = Path(__file__).parents[1]


class Setting(NamedTuple):
    """One line-up of all learners."""

    threads: int
    critics: int
    updates: int
    """Critic updates per actor update."""

    @property
    def name(self) -> str:
        """Beginning of the rows' names."""
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        return f"learner/{self.critics} critics/{threads}"

    @property
    def arguments(self) -> list[str]:
        """As the processes take them."""
        return [str(number) for number in self]


class Turns:
    """A learner's process, which answers each request with its speed."""

    def __init__(self, learner: tuple[str, str], setting: Setting) -> None:
        self._process = subprocess.Popen(
            _command("learner_process", setting.threads, *learner, *setting.arguments),
            cwd=ROOT,
            env=environment(setting.threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.rates: list[float] = []

    def take(self) -> None:
        """Measures once.

        Raises:
            RuntimeError: If the process has ended, e.g. because its library is not installed.
        """
        assert self._process.stdin
        assert self._process.stdout
        assert self._process.stderr
        try:
            print(file=self._process.stdin, flush=True)
            self.rates.append(float(self._process.stdout.readline()))
        except (BrokenPipeError, ValueError):
            *_, reason = self._process.stderr.read().splitlines() or ["no answer"]
            raise RuntimeError(reason) from None

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.communicate()


def environment(threads: int) -> dict[str, str]:
    """Environment variables that hold every library to that many threads."""
    eigen = "true" if threads > 1 else "false"
    xla = f"--xla_cpu_multi_thread_eigen={eigen} intra_op_parallelism_threads={threads}"
    limits = {"OMP_NUM_THREADS": str(threads), "XLA_FLAGS": xla, "JAX_PLATFORMS": "cpu"}
    return os.environ | limits


def measure(setting: Setting) -> dict[str, float | None]:
    """Critic updates per second of each learner; None for one that is not installed."""
    with _all_learners(setting) as learners:
        for _ in range(1 + ROUNDS):
            for name, turns in list(learners.items()):
                try:
                    turns.take()
                except RuntimeError as error:
                    print(f"{setting.name}/{name} is left out: {error}", file=sys.stderr)
                    learners.pop(name).close()
        rates = {name: median(turns.rates[1:]) for name, turns in learners.items()}
    return {name: rates.get(name) for name in OURS | PEERS}


@contextmanager
def _all_learners(setting: Setting) -> Iterator[dict[str, Turns]]:
    learners = {name: Turns(learner, setting) for name, learner in (OURS | PEERS).items()}
    try:
        yield learners
    finally:
        for turns in learners.values():
            turns.close()


def limits(setting: Setting, products: str) -> dict:
    """Peak, operations of an update and the split of its time; see ``learner_limits``."""
    command = _command("learner_limits", setting.threads, products, *setting.arguments)
    run = subprocess.run(
        command, cwd=ROOT, env=environment(setting.threads), capture_output=True, check=True
    )
    return json.loads(run.stdout)


def _command(module: str, threads: int, *arguments: str) -> list[str]:
    """Pins the process: XLA's own flags do not hold all of its threads."""
    processors = sorted(os.sched_getaffinity(0))[-threads:]
    code = f"import os; os.sched_setaffinity(0, {processors}); import benchmarks.{module} as m"
    return [sys.executable, "-c", f"{code}; m.main({list(arguments)})"]


def rows() -> list[Row]:
    """Speed of every learner in each setting, then what limits ours on one thread."""
    table: list[Row] = []
    cores = len(os.sched_getaffinity(0))
    for threads in (1, 2)[:cores]:
        for critics, updates in SETTINGS:
            setting = Setting(threads, critics, updates)
            rates = measure(setting)
            table += [
                Row(f"{setting.name}/{name}", rate, "critic updates/s", rates[REFERENCE])
                for name, rate in rates.items()
            ]
            if threads == 1:
                table += _limits(setting, rates)
    return table


def _limits(setting: Setting, rates: dict[str, float | None]) -> Iterator[Row]:
    for name, (_, products) in OURS.items():
        found, rate = limits(setting, products), rates[name]
        share = None if rate is None else rate * found["operations"] / found["peak"]
        prefix = f"{setting.name}/{name}"
        yield Row(f"{prefix}/matrix peak", found["peak"] / 1e9, "GFLOP/s")
        yield Row(f"{prefix}/share of the peak", share, "")
        for kind, part in found["split"].items():
            yield Row(f"{prefix}/time in {kind}", part, "share")


if __name__ == "__main__":
    show_rows(rows())
