"""Time of one control tick of each controller and of the safety filter, on the Panda."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from controllers.command_space import CommandSpace, JointSpace, PoseSpace
from controllers.impedance import CartesianImpedance, JointImpedance, NullSpace
from controllers.inverse_kinematics import InverseKinematics
from controllers.kinematics import Kinematics
from controllers.lie import se3_exp, vector_from_se3
from controllers.limits import PANDA
from controllers.operational_space import OperationalSpace
from controllers.safety import SafetyFilter
from controllers.trajectory import JointMotion, TargetInterpolator
from sim import panda

BUDGET_US = 200.0
"""What one tick may take in the median."""
_TICKS = 3000
_WARM_UP = 200
_DT = 0.002

Tick = Callable[[int], object]


def rows() -> list[dict[str, Any]]:
    """One row each for median and 99th percentile; the ratio is the share of the budget."""
    arm = Kinematics(panda.load(), panda.ARM_JOINTS, panda.TOOL_SITE)
    ticks = _laws(arm) | _motions(arm) | _filters(arm)
    return [row for name, tick in ticks.items() for row in _measure(name, tick)]


def _measure(name: str, tick: Tick) -> list[dict[str, Any]]:
    spent = []
    for i in range(_WARM_UP + _TICKS):
        begin = time.perf_counter_ns()
        tick(i)
        spent.append((time.perf_counter_ns() - begin) / 1e3)
    median, tail = np.percentile(spent[_WARM_UP:], [50, 99])
    return [
        _row(f"controllers/{name}/median", median, BUDGET_US),
        _row(f"controllers/{name}/p99", tail, None),
    ]


def _row(name: str, value: float, reference: float | None) -> dict[str, Any]:
    ratio = None if reference is None else float(value) / reference
    return {
        "name": name,
        "value": float(value),
        "unit": "us",
        "reference": reference,
        "ratio": ratio,
    }


def _laws(arm: Kinematics) -> dict[str, Tick]:
    """Torque laws from measured joints to motor torques, kinematics and dynamics included."""
    null_space = NullSpace(panda.Q_READY)
    joint = JointImpedance(np.full(7, 400.0), np.full(7, 40.0), PANDA.tau / 2, PANDA.tau)
    cartesian = CartesianImpedance(null_space, PANDA.tau)
    operational = OperationalSpace(null_space, PANDA.tau)
    target = arm.pose(panda.Q_READY) @ se3_exp(np.array([0.02, 0.01, -0.02, 0.1, 0.0, 0.1]))
    q, dq = panda.Q_READY + 0.05, np.full(7, 0.1)
    return {
        "joint impedance": lambda _: joint.torque(arm.state(q, dq), panda.Q_READY),
        "Cartesian impedance": lambda _: cartesian.torque(arm.state(q, dq), target),
        "operational space": lambda _: operational.torque(arm.state(q, dq), target),
    }


def _motions(arm: Kinematics) -> dict[str, Tick]:
    target = arm.pose(panda.Q_READY) @ se3_exp(np.array([0.1, 0.05, -0.1, 0.2, 0.1, 0.3]))
    free = InverseKinematics(arm, PANDA, _DT, panda.Q_READY)
    careful = InverseKinematics(arm, PANDA, _DT, panda.Q_READY, collisions=[_hand_and_base(arm)])
    motion = JointMotion(PANDA, _DT)
    motion.start(panda.Q_READY)
    path = TargetInterpolator(arm.pose(panda.Q_READY), period=2 * _DT * (_TICKS + _WARM_UP))
    path.aim(target, 0.0)
    near_base = panda.Q_READY + np.array([0.0, -0.9, 0.0, -0.4, 0.0, 0.0, 0.0])
    goals = [panda.Q_READY + 0.3, panda.Q_READY - 0.3]
    return {
        "inverse kinematics": lambda _: free.step(panda.Q_READY, target),
        "inverse kinematics, collisions": lambda _: careful.step(near_base, target),
        "jerk-limited motion, new target": lambda i: motion.step(goals[i % 2]),
        "target interpolation": lambda i: path.at(i * _DT),
    }


def _hand_and_base(arm: Kinematics) -> tuple[list[str], list[str]]:
    model = arm.model
    owner = [model.body(int(body)).name for body in model.geom_bodyid]
    groups = ({"hand", "left_finger", "right_finger"}, {"link0", "link1"})
    hand, base = ([model.geom(i).name for i in range(model.ngeom) if owner[i] in g] for g in groups)
    return hand, base


def _filters(arm: Kinematics) -> dict[str, Tick]:
    pose = vector_from_se3(arm.pose(panda.Q_READY))
    return {
        "safety filter, joints": _filter(JointSpace(PANDA, arm), panda.Q_READY),
        "safety filter, poses": _filter(PoseSpace(PANDA), pose),
    }


def _filter(space: CommandSpace, home: np.ndarray) -> Tick:
    """A stream that wanders off and jumps now and then, as a policy at 20 Hz does."""
    guard = SafetyFilter(space, PANDA)
    rng = np.random.default_rng(0)
    command, still = home.copy(), np.zeros(6)

    def tick(i: int) -> object:
        if i % 25 == 0:
            command[:3] = home[:3] + rng.uniform(-0.05, 0.05, 3)
        return guard.filter(command, home, i * _DT, still)

    return tick
