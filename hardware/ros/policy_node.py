"""``robot-rl-policy-node``: a saved policy acts on a robot through its safety node."""

from __future__ import annotations

import importlib
import threading
from pathlib import Path
from typing import Any

import numpy as np
from rclpy.node import Node
from std_srvs.srv import SetBool

from hardware.health import Health
from hardware.node_settings import PolicySettings
from hardware.policy_runner import PolicyRunner
from hardware.ros.diagnostics import report_health
from hardware.ros.names import RUN_POLICY
from hardware.ros.parameters import declare
from hardware.ros.process import run
from hardware.timing import ENOUGH

_POLICIES = "robot_rl.acting_policy"
"""Module that loads them; torch comes with it."""


class PolicyNode(Node):
    """The service ``policy/run`` starts and stops it; the robot is looked for when it starts."""

    def __init__(self) -> None:
        super().__init__("policy")
        self._runner: PolicyRunner | None = None
        self._env: Any = None  # HardwareEnv, or one that remembers actions.
        settings = declare(self, PolicySettings)
        policies = importlib.import_module(_POLICIES)
        policy = policies.policy_beside_robot(Path(settings.policy), settings.seed)
        self._env = env = policy.environment(
            settings.seed,
            robot=settings.robot,
            task=settings.task or policy.task,
            namespace=self.get_namespace().strip("/"),
            mode=settings.mode,
            use_sim_time=bool(self.get_parameter("use_sim_time").value),
            timeout=settings.timeout,
        )
        self._runner = PolicyRunner(env, policy, settings.episodes)
        self.create_service(SetBool, RUN_POLICY, self._set)
        report_health(self, env.contract.name, self._examine)
        threading.Thread(target=self._runner.run, name="policy", daemon=True).start()
        if settings.autostart:
            self._runner.resume()

    def destroy_node(self) -> None:
        """Ends the policy; the safety node holds the arm."""
        if self._runner is not None:
            self._runner.end()
        if self._env is not None:
            self._env.close()
        super().destroy_node()

    def _set(self, request: SetBool.Request, answer: SetBool.Response) -> SetBool.Response:
        assert self._runner is not None
        self._runner.resume() if request.data else self._runner.pause()
        answer.success = True
        answer.message = "the policy acts" if request.data else "the policy rests; the arm is held"
        return answer

    def _examine(self) -> Health:
        health, runner, env = Health(), self._runner, self._env
        assert runner is not None
        health.count(vars(runner.counts), "policy")
        rate, times = env.achieved_rate, list(runner.times)
        health.values["policy/rate [Hz]"] = f"{rate:.1f}"
        health.values["policy/late steps"] = str(env.late_steps)
        if times:
            health.values["policy/inference p99 [ms]"] = f"{1e3 * np.percentile(times, 99):.1f}"
        if runner.error:
            health.warn(runner.error, "error")
        elif not runner.active:
            health.warn("the policy rests", "stale")
        elif rate < ENOUGH / env.dt:
            health.warn(f"the policy acts at {rate:.1f} Hz instead of {1 / env.dt:g} Hz")
        return health


def main() -> int:
    """Runs the node."""
    return run(PolicyNode, frames=True)


if __name__ == "__main__":
    raise SystemExit(main())
