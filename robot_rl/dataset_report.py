"""What recorded episodes are like, and what to do about it before a policy learns from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from robot_rl.action_history import history_of
from robot_rl.env import IMAGES, STATE
from robot_rl.episode import Episode
from robot_rl.idleness import busy, idle, stays
from robot_rl.metadata import ATTEMPT
from robot_rl.recorded_cameras import RecordedCameras
from robot_rl.schema import Schema

_FEW = 20
"""Episodes below which imitation is shaky."""
_IDLE, _IDLE_SHARE = 3, 0.1
"""Idle steps at an end, and share of idle steps, from which trimming is worth it."""
_FULL, _FULL_SHARE = 0.99, 0.1
"""What counts as a full action, and from which share of them on the arm was too slow."""
_LAGS, _LATE = 9, 2
"""Lags that are looked at, and from which on a policy should know its last actions [steps]."""
_STRETCHED = 20.0
"""Whole range over that of all but 2 % of the steps, from which one frame spoils the rest."""
_SAME = 1e-4


class Advice(NamedTuple):
    """One thing that was looked at."""

    topic: str
    found: str
    advice: str = ""
    """What to do; empty if nothing."""

    def __str__(self) -> str:
        return f"{self.topic}: {self.found}" + (f"\n  -> {self.advice}" if self.advice else "")


def report_on(schema: Schema, recorded: Iterable[Episode]) -> list[Advice]:
    """All that is to be said of some episodes; their pictures are looked at one by one.

    Raises:
        ValueError: If there are none.
    """
    cameras = RecordedCameras()
    episodes = [_without_pictures(cameras.see(episode)) for episode in recorded]
    if not episodes:
        raise ValueError("there are no episodes to look at; record some first")
    return [
        _number(episodes),
        _lengths(schema, episodes),
        _idleness(schema, episodes),
        _saturation(schema, episodes),
        *_lag(schema, episodes),
        *_ranges(schema, episodes),
        *_starts(schema, episodes),
        *_cameras(cameras),
    ]


def _number(episodes: Sequence[Episode]) -> Advice:
    successes = [episode for episode in episodes if episode.success.any()]
    won, shown = len(successes), sum(ATTEMPT not in it.metadata.labels for it in successes)
    by_people = np.concatenate([episode.intervened for episode in episodes]).mean()
    found = f"{len(episodes)}, {won} of them successes"
    found += f"; a person did {by_people:.0%} of the steps" if by_people else ""
    advice = f"record {_FEW} or more" if shown < _FEW else ""
    if shown < len(episodes):
        advice += ("; " if advice else "") + "imitate leaves out what was to fail, or did"
    return Advice("episodes", found, advice)


def _lengths(schema: Schema, episodes: Sequence[Episode]) -> Advice:
    lengths = np.array([len(episode) for episode in episodes])
    middle = np.median(lengths)
    found = f"{lengths.min()} to {lengths.max()} steps, median {middle:.0f} "
    found += f"({middle * schema.dt:.1f} s)"
    slow = lengths.max() > 3 * middle
    advice = "look at the longest: a person who hesitates is imitated as well" if slow else ""
    return Advice("length", found, advice)


def _idleness(schema: Schema, episodes: Sequence[Episode]) -> Advice:
    ends = [busy(episode.action, schema.action) for episode in episodes]
    begin = np.median([end.start for end in ends])
    last = np.median([len(e) - end.stop for e, end in zip(episodes, ends, strict=True)])
    share = np.concatenate([idle(episode.action, schema.action) for episode in episodes]).mean()
    found = f"{share:.0%} of the steps; {begin:.0f} at the start and {last:.0f} at the end (median)"
    too_much = max(begin, last) >= _IDLE or share > _IDLE_SHARE
    advice = "a policy learns to wait from them: imitate --trim-idle" if too_much else ""
    return Advice("idle", found, advice)


def _saturation(schema: Schema, episodes: Sequence[Episode]) -> Advice:
    actions = np.concatenate([episode.action for episode in episodes])
    full = (np.abs(actions[:, ~stays(schema.action)]) >= _FULL).any(axis=1).mean()
    found = f"{full:.0%} of the steps ask for all that a step may do"
    advice = "let a step go further (translation, rotation), or show it slower"
    return Advice("saturation", found, advice if full > _FULL_SHARE else "")


def _lag(schema: Schema, episodes: Sequence[Episode]) -> Iterator[Advice]:
    """After how many steps the tool moves as it was told."""
    names = schema.observation[STATE].names if STATE in schema.observation else ()
    pairs = [
        (schema.action.names.index(name), names.index(f"v{name}"))
        for name in ("x", "y", "z")
        if name in schema.action.names and f"v{name}" in names
    ]
    if not pairs:
        return
    alike = [np.mean([_likeness(episodes, *pair, lag) for pair in pairs]) for lag in range(_LAGS)]
    lag = int(np.argmax(alike))
    found = f"the tool moves as it was told {lag} steps later ({1e3 * lag * schema.dt:.0f} ms)"
    unknown = not history_of(schema.observation[STATE])
    advice = f"record and learn with action_history={lag}, so that a policy knows what is under way"
    yield Advice("lag", found, advice if lag >= _LATE and unknown else "")


def _likeness(episodes: Sequence[Episode], action: int, velocity: int, lag: int) -> float:
    """Correlation of what was asked with the velocity some steps after it was observed."""
    asked, moved = (
        np.concatenate(parts)
        for parts in zip(
            *(
                (e.action[: len(e) - lag, action], e.observation[STATE][1 + lag :, velocity])
                for e in episodes
                if len(e) > lag
            ),
            strict=True,
        )
    )
    if min(asked.std(), moved.std()) < _SAME:
        return 0.0
    return float(np.corrcoef(asked, moved)[0, 1])


def _ranges(schema: Schema, episodes: Sequence[Episode]) -> Iterator[Advice]:
    for topic, names, data in _vectors(schema, episodes):
        whole = np.ptp(data, axis=0)
        low, high = np.percentile(data, [1, 99], axis=0)
        constant = whole < _SAME
        stretched = ~constant & (whole > _STRETCHED * np.maximum(high - low, _SAME))
        told = f" ({_named(names, constant)})" if constant.any() else ""
        found = f"{len(names)} numbers, {int(constant.sum())} of them constant{told}"
        advice = ""
        if stretched.any():
            advice = f"a few steps stretch the range of {_named(names, stretched)}; look at these"
        yield Advice(f"range of {topic}", found, advice)


def _starts(schema: Schema, episodes: Sequence[Episode]) -> Iterator[Advice]:
    """How different the episodes begin: what was never shown is not learned."""
    if STATE not in schema.observation:
        return
    first = np.stack([episode.observation[STATE][0] for episode in episodes])
    names = schema.observation[STATE].names or tuple(map(str, range(first.shape[1])))
    varied = np.ptp(first, axis=0) > _SAME
    low, high = first.min(0), first.max(0)
    spans = [f"{n} {low[i]:.3g} to {high[i]:.3g}" for i, n in enumerate(names) if varied[i]]
    found = ", ".join(spans[:6]) + (f" and {len(spans) - 6} more" if len(spans) > 6 else "")
    advice = "all episodes begin alike: vary arm and objects, or it works from there alone"
    yield Advice("starts", found or "all the same", "" if varied.any() else advice)


def _vectors(
    schema: Schema, episodes: Sequence[Episode]
) -> Iterator[tuple[str, tuple[str, ...], np.ndarray]]:
    """Name of each vector, of its numbers, and all that was recorded. Shape (n, numbers)."""
    if STATE in schema.observation:
        spec = schema.observation[STATE]
        names = spec.names or tuple(map(str, range(spec.shape[0])))
        yield STATE, names, np.concatenate([e.observation[STATE] for e in episodes])
    names = schema.action.names or tuple(map(str, range(schema.action.shape[0])))
    yield "action", names, np.concatenate([episode.action for episode in episodes])


def _named(names: Sequence[str], chosen: np.ndarray) -> str:
    return ", ".join(name for name, one in zip(names, chosen, strict=True) if one)


def _cameras(cameras: RecordedCameras) -> Iterator[Advice]:
    """Whether those that have shown anything have shown the same in all episodes."""
    if not cameras.keys:
        return
    faults = list(cameras.faults())
    found = "; ".join(faults) or f"{', '.join(cameras.keys)}: no episode differs much"
    advice = "look at them; robot-rl dataset drop DATASET --episode ITS_NAME leaves one out"
    yield Advice("cameras", found, advice if faults else "")


def _without_pictures(episode: Episode) -> Episode:
    observation, extra = (
        {key: value for key, value in part.items() if IMAGES not in key}
        for part in (episode.observation, episode.extra)
    )
    return replace(episode, observation=observation, extra=extra)
