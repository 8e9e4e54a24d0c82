"""What a robot that learns says of itself, to whoever watches it: a live page, say.

Only an environment that has ``tell`` passes it on, a robot's; others are watched by their log.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from robot_rl.actor import Acted, Watch
from robot_rl.actor_link import ActorLink
from robot_rl.env import Env

_METRICS = ("critic_loss", "temperature")
"""Of the learner's."""


def telling(env: Env, link: ActorLink, before: int) -> Watch:
    """Tells, whenever it is called, how learning goes.

    Args:
        env: May have ``tell``, which takes numbers by name.
        link: Knows how the learner is.
        before: Steps of earlier calls.
    """
    tell: Callable[[dict[str, float]], None] = getattr(env, "tell", lambda values: None)
    return lambda acted: tell(numbers(acted, link.status, before))


def numbers(acted: Acted, learner: dict[str, Any], before: int) -> dict[str, float]:
    """How learning goes, as numbers by name.

    Args:
        acted: What this process has done.
        learner: What the learner has said last; empty while it is away.
        before: Steps of earlier calls.
    """
    said = {
        "steps": before + acted.steps,
        "episodes": len(acted.success),
        "success_rate": acted.recent(),
        "length": acted.length[-1] if acted.length else float("nan"),
        "takeovers_per_1000": acted.takeover_rate(),
        "policy_version": acted.version,
        "waited": acted.waited,
    }
    if "owed" in learner:
        said |= {"owed": learner["owed"], "learner_idle": learner["idle"]}
    if learner.get("refused"):
        said["refused"] = learner["refused"]
    metrics = learner.get("metrics", {})
    return said | {name: metrics[name] for name in _METRICS if name in metrics}
