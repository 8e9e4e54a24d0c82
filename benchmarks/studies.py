"""Studies of several seeds: what is typed, and their runs side by side."""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

SettingT = TypeVar("SettingT")
CALM = (
    *("control_dt=0.1", "translation=0.01", "rotation=0.08"),
    *("action_history=2", "leash=1.5", "expert_gain=1.2"),
)
"""How actions move a tool at 10 Hz, as SERL. A hand trembles by a tenth of an action, which is the
clearance here; with three times as much the script itself fails every second time."""


def digest(*values: Any) -> str:
    """A short name of settings, the same for the same ones."""
    return hashlib.sha256(repr(values).encode()).hexdigest()[:8]


def parser_of(
    description: str | None, studies: Iterable[str], jobs: str
) -> argparse.ArgumentParser:
    """Seeds, studies and jobs, which ``jobs`` explains, and what all twins have in common."""
    names = list(studies)
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--studies", nargs="+", choices=names, default=names)
    parser.add_argument("--jobs", type=int, default=1, help=jobs)
    parser.add_argument("--gap", default="lab-2")
    parser.add_argument("--episodes", type=int, default=50, help="of each evaluation")
    return parser


def setting_of(kind: Callable[..., SettingT], asked: argparse.Namespace) -> SettingT:
    """The dataclass of what was typed."""
    names = [field.name for field in fields(kind)]  # pyright: ignore[reportArgumentType]
    return kind(**{name: getattr(asked, name) for name in names})


def learn_all(
    learn: Callable[[str, Any, int], Path], setting: Any, asked: argparse.Namespace
) -> None:
    """``learn(study, setting, seed)`` of all that was asked for, so many side by side."""
    runs = [(name, setting, seed) for seed in asked.seeds for name in asked.studies]
    with ProcessPoolExecutor(asked.jobs, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(learn, *zip(*runs, strict=True)))
