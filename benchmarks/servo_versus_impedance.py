"""How the joint servos of the simulation differ from the Cartesian impedance law of the arm.

Both follow the same targets: the measured tool pose plus an action, 20 times a second. The servos
follow one inverse-kinematics step inside the engine; the law (``controllers.impedance``, with its
defaults) gives torques 1000 times a second. Measured are a step of 1 cm in free space, the force of
the peg on a block that it sticks to when the goal lies inside, and how fast it slides, with its own
friction, under a constant action downwards. The run draws ``docs/servo_versus_impedance.png``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import mujoco
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from controllers.impedance import CartesianImpedance, NullSpace
from controllers.kinematics import Kinematics
from controllers.lie import se3, so3_exp
from controllers.limits import PANDA
from controllers.serial_chain import SerialChain, ToolState
from controllers.tool_control import ToolControl
from sim import panda
from sim.config import EnvConfig
from sim.peg_insert import PEG_BELOW_TOOL, PegInsert
from sim.proprioception import external_wrench
from sim.scene import arm_scene
from sim.task import Box

PLOT = Path(__file__).parents[1] / "docs" / "servo_versus_impedance.png"
STEP = 0.01
"""Step of the target in free space [m]."""
PRESSES = (0.0025, 0.005, 0.01, 0.015)
"""How far below the surface of the block the target lies [m]; the last is a full action."""
SECONDS = 1.0
STICKY = 1.0
"""Friction with which the peg stays where it stands."""
STEADY = 0.2
"""The end of a run, over which forces are averaged [s]."""
FREE = np.array([0.5, 0.0, 0.2])


class Plate(PegInsert):
    """Its hole is too narrow, which no task may have, so that the peg stands on the block."""

    def __post_init__(self) -> None:
        """Nothing to refuse."""


BLOCK = Plate(hole=Box((0.5, 0.0, 0.0), (0.0, 0.0, 0.0)), clearance=-0.019)
"""Its hole is 1 mm wide."""
CONTACT = np.array([0.5, 0.0, BLOCK.block_height + PEG_BELOW_TOOL])
_ARM = slice(0, len(panda.ARM_JOINTS))
_CONFIG = EnvConfig()

Policy = Callable[[ToolState], np.ndarray]


class Servos:
    """The simulation's own way: joint servos on one inverse-kinematics step."""

    timestep = 0.002

    def __init__(self, model: mujoco.MjModel, control: ToolControl) -> None:
        self._control = control

    def aim(self, action: np.ndarray, tool: ToolState, data: mujoco.MjData) -> None:
        """Takes an action, once per policy step."""
        target, _ = self._control.target(action[None], tool, data.qpos[None, _ARM])
        data.ctrl[_ARM] = target[0]

    def act(self, data: mujoco.MjData) -> None:
        """The servos act inside the engine."""


class Impedance:
    """Torques of a Cartesian spring and damper, in place of the servos."""

    timestep = 0.001

    def __init__(self, model: mujoco.MjModel, control: ToolControl) -> None:
        model.actuator_gainprm[_ARM] = model.actuator_biasprm[_ARM] = 0
        self._arm = Kinematics(model, panda.ARM_JOINTS, panda.TOOL_SITE)
        self._law = CartesianImpedance(NullSpace(panda.Q_READY), max_torque=PANDA.tau)
        self._target = np.eye(4)

    def aim(self, action: np.ndarray, tool: ToolState, data: mujoco.MjData) -> None:
        """Takes an action, once per policy step."""
        position = tool.position[0] + _CONFIG.translation * action[:3]
        self._target = se3(position, so3_exp(_CONFIG.rotation * action[3:]) @ tool.rotation[0])

    def act(self, data: mujoco.MjData) -> None:
        """Runs before every step of the physics."""
        state = self._arm.state(data.qpos[_ARM], data.qvel[_ARM])
        data.qfrc_applied[_ARM] = self._law.torque(state, self._target)


LAWS: dict[str, type[Servos | Impedance]] = {"servos": Servos, "impedance": Impedance}


class Motion(NamedTuple):
    """What happened, tick by tick."""

    time: np.ndarray
    """Shape (ticks,) [s]."""
    position: np.ndarray
    """Of the tool. Shape (ticks, 3) [m]."""
    force: np.ndarray
    """Of the block on the peg. Shape (ticks, 3) [N]."""

    @property
    def steady_force(self) -> np.ndarray:
        """Mean over the end of the run. Shape (3,) [N]."""
        return self.force[self.time > SECONDS - STEADY].mean(axis=0)


Pair = tuple[Motion, Motion]
"""Of the servos, and of the impedance law."""


def run(
    kind: type[Servos | Impedance], start: np.ndarray, policy: Policy, sticky: bool = False
) -> Motion:
    """Drives the arm from rest at ``start``, upright, with a law."""
    scene = arm_scene()
    BLOCK.build(scene)
    model = scene.compile()
    model.opt.timestep = kind.timestep
    if sticky:
        model.geom_friction[:, 0] = STICKY
    chain = SerialChain.from_mujoco(model, panda.ARM_JOINTS, panda.TOOL_SITE)
    control = ToolControl(chain, panda.Q_READY, _CONFIG)
    law, data = kind(model, control), mujoco.MjData(model)
    data.qpos[_ARM] = control.configuration(start[None], np.zeros(1))[0]
    data.qpos[7:] = data.ctrl[7:] = BLOCK.held_opening * panda.FINGER_TRAVEL
    every = round(_CONFIG.control_dt / kind.timestep)
    ticks = []
    for tick in range(round(SECONDS / kind.timestep)):
        if tick % every == 0:
            tool = chain.forward(data.qpos[None, _ARM])
            law.aim(policy(tool), tool, data)
        law.act(data)
        mujoco.mj_step(model, data)
        ticks.append((data.time, data.site(panda.TOOL_SITE).xpos.copy(), _force(model, data)))
    return Motion(*map(np.array, zip(*ticks, strict=True)))


def step_to(goal: np.ndarray, tool: ToolState) -> np.ndarray:
    """The action that asks for a position within reach of one action. Shape (6,)."""
    return np.hstack([(goal - tool.position[0]) / _CONFIG.translation, np.zeros(3)])


def step_to_depth(depth: float) -> Policy:
    """Asks for a position that lies ``depth`` [m] inside the block."""
    return partial(step_to, CONTACT - depth * _unit("z"))


def press(tool: ToolState) -> np.ndarray:
    """A third of a full action downwards, wherever the tool is. Shape (6,)."""
    return np.array([0, 0, -1 / 3, 0, 0, 0])


def rows() -> list[dict[str, Any]]:
    """Step response and contact force of the servos; the reference is the impedance law."""
    steps = {axis: _both(FREE, partial(step_to, FREE + STEP * _unit(axis))) for axis in "xz"}
    presses = {depth: _both(CONTACT, step_to_depth(depth), sticky=True) for depth in PRESSES}
    _draw(steps, presses)
    drift = _row("constant_action/slides", "mm/s", *map(_slides, _both(CONTACT, press)))
    return [*_step_rows(steps), *_press_rows(presses), drift]


def _step_rows(steps: dict[str, Pair]) -> Iterator[dict[str, Any]]:
    for axis, (servos, law) in steps.items():
        for what, unit, measure in _OF_A_STEP:
            index = "xyz".index(axis)
            yield _row(f"step_{axis}/{what}", unit, measure(servos, index), measure(law, index))


def _press_rows(presses: dict[float, Pair]) -> Iterator[dict[str, Any]]:
    for depth, (servos, law) in presses.items():
        for what, unit, measure in _OF_A_PRESS:
            name = f"press_{1000 * depth:g}mm/{what}"
            yield _row(name, unit, measure(servos), measure(law))


def _both(start: np.ndarray, policy: Policy, sticky: bool = False) -> Pair:
    return run(Servos, start, policy, sticky), run(Impedance, start, policy, sticky)


def _unit(axis: str) -> np.ndarray:
    return np.eye(3)["xyz".index(axis)]


def _force(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
    weight = -model.opt.gravity[2] * model.body("hand").subtreemass
    rotation = data.site(panda.TOOL_SITE).xmat.reshape(1, 3, 3)
    return external_wrench(data.sensordata[None], rotation, weight.item())[0, :3]


def _rise(motion: Motion, axis: int) -> float:
    """Time to 63 % of the step [ms]."""
    reached = motion.position[:, axis] - FREE[axis] > 0.63 * STEP
    return 1000 * float(motion.time[np.argmax(reached)])


def _overshoot(motion: Motion, axis: int) -> float:
    """Share of the step [%]."""
    return 100 * float((motion.position[:, axis] - FREE[axis]).max() / STEP - 1)


def _aside(motion: Motion, axis: int) -> float:
    """Largest distance from the straight line [mm]."""
    across = np.delete(motion.position - FREE, axis, axis=1)
    return 1000 * float(np.linalg.norm(across, axis=1).max())


def _left(motion: Motion, axis: int) -> float:
    """Distance from the goal at the end [mm]."""
    return 1000 * float(np.linalg.norm(motion.position[-1] - FREE - STEP * np.eye(3)[axis]))


def _slides(motion: Motion) -> float:
    """Speed over the surface in the first fifth of a second [mm/s]."""
    time = 0.2
    moved = motion.position[np.searchsorted(motion.time, time)] - CONTACT
    return 1000 * float(np.hypot(*moved[:2])) / time


_OF_A_STEP = (
    ("time_to_63_percent", "ms", _rise),
    ("overshoot", "%", _overshoot),
    ("aside", "mm", _aside),
    ("left_after_1s", "mm", _left),
)
_OF_A_PRESS = (
    ("normal_force", "N", lambda motion: float(motion.steady_force[2])),
    ("sideways_force", "N", lambda motion: float(np.hypot(*motion.steady_force[:2]))),
)


def _row(name: str, unit: str, value: float, reference: float) -> dict[str, Any]:
    return {
        "name": f"servo_versus_impedance/{name}",
        "value": value,
        "unit": unit,
        "reference": reference,
        "ratio": value / reference if reference else None,
    }


def _draw(steps: dict[str, Pair], presses: dict[float, Pair]) -> None:
    figure = Figure(figsize=(9, 3), layout="constrained", dpi=100)
    free, force, curve = figure.subplots(1, 3)
    _draw_steps(free, steps)
    _draw_press(force, presses[STEP])
    _draw_forces(curve, presses)
    PLOT.parent.mkdir(exist_ok=True)
    figure.savefig(PLOT)


_COLORS = {"servos": "#1f5fa8", "impedance": "#d97a1c"}


def _draw_steps(axes: Axes, steps: dict[str, Pair]) -> None:
    for axis, motions in steps.items():
        for name, motion in zip(LAWS, motions, strict=True):
            moved = 1000 * (motion.position - FREE)[:, "xyz".index(axis)]
            line = "-" if axis == "x" else "--"
            axes.plot(motion.time, moved, line, label=f"{name}, {axis}", color=_COLORS[name])
    axes.axhline(1000 * STEP, color="0.6", linewidth=0.8)
    axes.set(title="Step of 1 cm in free space", xlabel="s", ylabel="mm", xlim=(0, 0.8))
    axes.legend(frameon=False, fontsize=8)


def _draw_press(axes: Axes, motions: Pair) -> None:
    for name, motion in zip(LAWS, motions, strict=True):
        axes.plot(motion.time, motion.force[:, 2], label=name, color=_COLORS[name])
    axes.set(
        title="Target 1 cm inside the block", xlabel="s", ylabel="normal force, N", ylim=(0, 100)
    )
    axes.legend(frameon=False, fontsize=8, loc="lower right")


def _draw_forces(axes: Axes, presses: dict[float, Pair]) -> None:
    depths = [1000 * depth for depth in presses]
    for index, name in enumerate(LAWS):
        forces = np.array([motions[index].steady_force for motions in presses.values()])
        axes.plot(depths, forces[:, 2], "o-", label=f"{name}, normal", color=_COLORS[name])
        aside = np.linalg.norm(forces[:, :2], axis=1)
        axes.plot(depths, aside, "o:", label=f"{name}, sideways", color=_COLORS[name])
    axes.set(
        title="Steady contact", xlabel="target inside the block, mm", ylabel="N", ylim=(0, 150)
    )
    axes.legend(frameon=False, fontsize=8)
