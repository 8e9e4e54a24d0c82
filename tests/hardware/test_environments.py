"""A robot as an environment: what cannot be one is refused before anything is awaited."""

import pytest

from hardware.environments import make_robot


@pytest.mark.parametrize(
    ("namespace", "told"),
    [("/left", "give a relative one, as 'left'"), ("left-arm", "no name of ROS; give words")],
)
def test_a_namespace_that_is_no_name_of_ros_is_refused(namespace: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        make_robot(robot="twin", namespace=namespace)


def test_two_robots_in_one_environment_are_refused() -> None:
    with pytest.raises(ValueError, match="num_envs=2, but a robot is one"):
        make_robot(2)


def test_an_unknown_option_is_answered_with_the_choices() -> None:
    with pytest.raises(TypeError, match=r"no option speed; choose from .*cameras.*robot"):
        make_robot(speed=2)


@pytest.mark.parametrize("horizon", ["none", 0, 2.5])
def test_a_horizon_that_is_no_count_is_refused(horizon: object) -> None:
    with pytest.raises(ValueError, match=f"horizon is {horizon!r}; give an integer, at least 1"):
        make_robot(robot="twin", horizon=horizon)
