"""Observations per second with two 128x128 cameras, for each renderer that the machine has.

Run as a script, it measures one backend: an OpenGL backend needs a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
import time

import mujoco

from sim import panda
from sim.mujoco_render import TINY, CameraRenderer
from sim.peg_insert import PegInsert
from sim.scene import CAMERAS, arm_scene

BAR = 200.0
"""Wanted where OpenGL exists [observations/s]."""
SECONDS = 1.0


def measure(backend: str) -> float:
    """Observations (a picture of each camera) per second of wall clock."""
    scene = arm_scene()
    PegInsert().build(scene)
    model = scene.compile()
    data = mujoco.MjData(model)
    data.qpos[: len(panda.Q_READY)] = panda.Q_READY
    mujoco.mj_forward(model, data)
    with CameraRenderer(model, 128, 128, backend) as renderer:
        _observe(renderer, model, data)  # Warms up.
        start, count = time.perf_counter(), 0
        while time.perf_counter() < start + SECONDS:
            _observe(renderer, model, data)
            count += 1
        return count / (time.perf_counter() - start)


def _observe(renderer: CameraRenderer, model: mujoco.MjModel, data: mujoco.MjData) -> None:
    for camera in CAMERAS:
        renderer.render(model, data, camera)


def rows() -> list[dict[str, object]]:
    """One row per backend that works here."""
    table: list[dict[str, object]] = []
    for backend in ("egl", "osmesa", TINY):
        command = [sys.executable, __file__, backend]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode == 0:
            value = float(run.stdout.split()[-1])
            bar = None if backend == TINY else BAR
            table.append(
                {
                    "name": f"rendering/{backend}/2x128x128",
                    "value": value,
                    "unit": "observations/s",
                    "reference": bar,
                    "ratio": None if bar is None else value / bar,
                }
            )
    return table


if __name__ == "__main__":
    print(measure(sys.argv[1]))
