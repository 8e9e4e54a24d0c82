"""The learners' processes answer with their speed, or with the reason why they cannot."""

import pytest

from benchmarks.learner import Setting, Turns, limits

SETTING = Setting(threads=1, critics=2, updates=1)


def test_a_learner_answers_with_its_speed() -> None:
    turns = Turns(("ours", "float32"), SETTING)
    try:
        turns.take()
    finally:
        turns.close()
    assert turns.rates[0] > 1


def test_a_learner_that_is_missing_says_why() -> None:
    turns = Turns(("a_peer_that_is_not_installed", "float32"), SETTING)
    with pytest.raises(RuntimeError, match="KeyError: 'a_peer_that_is_not_installed'"):
        turns.take()
    turns.close()


def test_operations_are_those_of_the_layers_and_the_split_is_whole() -> None:
    found = limits(SETTING, "float32")
    state, action, hidden, batch = 23, 6, 256, 256
    critic = (state + action) * hidden + hidden * hidden + hidden
    actor = state * hidden + hidden * hidden + hidden * 2 * action
    # Forward of the targets, forward and both gradients of the critics; next action; actor's loss.
    first_critic, first_actor = (state + action) * hidden, state * hidden
    critics = 2 * (critic + 3 * critic - first_critic + 2 * critic)
    actors = actor + 3 * actor - first_actor
    assert found["operations"] == pytest.approx(2 * batch * (critics + actors), rel=0.01)
    assert sum(found["split"].values()) == pytest.approx(1)
    assert found["peak"] > 1e9
