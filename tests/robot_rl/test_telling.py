"""What a robot that learns says of itself after each episode."""

from types import SimpleNamespace
from typing import Any

from robot_rl.actor import RECENT, Acted
from robot_rl.telling import telling


class Watched:
    """An environment whose numbers somebody watches."""

    def __init__(self) -> None:
        self.told: list[dict[str, float]] = []

    def tell(self, values: dict[str, float]) -> None:
        self.told.append(values)


def test_after_each_episode_the_numbers_of_actor_and_learner_are_told() -> None:
    env: Any = Watched()
    learner = {"owed": 3.0, "idle": 0.25, "metrics": {"critic_loss": 0.5, "target_mean": 1.0}}
    link: Any = SimpleNamespace(status=learner)
    watch, acted = telling(env, link, before=1000), Acted(version=7)
    for episode in range(RECENT + 10):  # a person helped in the first ten alone
        acted.steps += 100
        acted.takeovers.append(2 if episode < 10 else 0)
        acted.success.append(episode >= 10)
        acted.length.append(100)
        watch(acted)
    first, last = env.told[0], env.told[-1]
    assert first["steps"] == 1100
    assert first["takeovers_per_1000"] == 20
    assert last["takeovers_per_1000"] == 0
    assert (first["success_rate"], last["success_rate"]) == (0, 1)
    assert (last["policy_version"], last["critic_loss"]) == (7, 0.5)
    assert (last["owed"], last["learner_idle"]) == (3, 0.25)
    assert "target_mean" not in last


def test_nobody_listens_to_a_simulator_and_an_absent_learner_says_nothing() -> None:
    env, link = object(), SimpleNamespace(status={})
    acted = Acted(steps=10, success=[True], length=[10], takeovers=[0])
    telling(env, link, before=0)(acted)  # pyright: ignore[reportArgumentType]
