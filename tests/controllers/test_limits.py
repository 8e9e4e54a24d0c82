from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from controllers.kinematics import Kinematics
from controllers.limits import PANDA


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dq": np.ones(6)}, r"Limits\.dq has shape \(6,\), but \(7,\) is needed"),
        ({"q_upper": 3.0}, r"Limits\.q_upper has shape \(\), but \(7,\) is needed"),
        ({"workspace_lower": np.zeros(2)}, r"Limits\.workspace_lower has shape \(2,\)"),
        ({"force": np.nan}, r"Limits\.force is nan, but a limit must be finite"),
        ({"ddq": np.full(7, np.inf)}, r"Limits\.ddq is .*inf.*must be finite"),
        ({"speed": 0.0}, r"Limits\.speed is 0\.0, but must be above zero"),
        ({"dq": -PANDA.dq}, r"Limits\.dq is .*-2\.175.*above zero"),
        (
            {"workspace_lower": np.array([0.2, 0.9, 0.0])},
            r"Limits\.workspace_lower\[1\] is 0\.9, not below workspace_upper\[1\] = 0\.5",
        ),
    ],
)
def test_a_bad_limit_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(PANDA, **change)


def test_limits_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        PANDA.q_upper[0] = 10.0
    mine = np.full(7, 5.0)
    limits = replace(PANDA, dq=mine)
    mine[:] = 99.0
    np.testing.assert_array_equal(limits.dq, 5.0)


def test_limits_of_the_panda_are_those_of_its_model(arm: Kinematics) -> None:
    np.testing.assert_array_equal(PANDA.q_lower, arm.lower)
    np.testing.assert_array_equal(PANDA.q_upper, arm.upper)
    torque = arm.model.jnt_actfrcrange[: PANDA.joints, 1]
    np.testing.assert_array_equal(PANDA.tau, torque)
