"""A policy as a file: everything it needs to act, and everything needed to know whether it may.

Weights and normaliser, the observation and action it was trained with, its rate, the contract of
the robot if it was one, versions, and where it came from.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from robot_rl import weights_file
from robot_rl.acting_options import acting_options, robot_differences, task_of
from robot_rl.agent import Agent
from robot_rl.agents import (
    agent_from_json,
    agent_to_json,
    algorithm_of,
    make_acting,
    make_agent,
)
from robot_rl.chunk_config import DiffusionConfig
from robot_rl.config import ImitateConfig, TrainConfig
from robot_rl.demonstrations import schema_of
from robot_rl.env import Env, HasContract, Observation
from robot_rl.environments import BASE, ROBOT, make_env, parse_options
from robot_rl.machine import describe_machine
from robot_rl.own_noise import undisturbed
from robot_rl.planner import Planner
from robot_rl.run import Run
from robot_rl.schema import Schema
from robot_rl.train import known_returns

FORMAT = 2
"""Version of the file."""
SUFFIX = ".policy"
POLICY = f"finetuned{SUFFIX}"
"""File of a run on a robot with the policy of its last checkpoint."""
PRACTISED = "practised"
"""Of the origin of a policy: whether it has learned on a robot, wherever it began."""


class PolicyError(ValueError):
    """A policy that does not fit; the message spells out the differences."""


class Policy:
    """A trained policy, ready to act.

    Args:
        agent: Acts: a learner, or a policy that plans.
        schema: What it was trained with.
        origin: Where it came from, as JSON values.
        base: What it corrects, if it does; part of its file.
    """

    def __init__(
        self,
        agent: Agent | Planner,
        schema: Schema,
        origin: dict[str, Any],
        base: Policy | None = None,
    ) -> None:
        self.agent, self._cameras = agent, agent.camera_watch()
        self.schema, self.origin = schema, origin
        self.base = base

    @classmethod
    def of_run(cls, folder: Path) -> Self:
        """The policy of a run's last checkpoint.

        Raises:
            FileNotFoundError: If the folder holds no run.
            CheckpointError: If it holds no checkpoint.
        """
        run = Run.open(folder)
        if run.is_of(ImitateConfig):
            return cls._of_imitation(run)
        settings = run.config(TrainConfig)
        with make_env(settings.env, 1, **parse_options(settings.options)) as env:
            config = known_returns(settings.agent, env)
            schema = schema_of(env, settings.env, settings.options)
        agent = make_agent(schema.observation, schema.action, config)
        checkpoint = run.load_checkpoint(schema)
        agent.load_state_dict(checkpoint.state["agent"])
        return cls(agent, schema, _origin(run, checkpoint.step), base_of(schema))

    @classmethod
    def _of_imitation(cls, run: Run) -> Self:
        settings, checkpoint = run.config(ImitateConfig), run.load_checkpoint()
        schema = checkpoint.schema
        planner = Planner(schema.observation, schema.action, settings.chunk)
        planner.policy.load_state_dict(checkpoint.state["average"])
        return cls(planner, schema, _origin(run, checkpoint.step))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads a file that ``save`` wrote, or the last checkpoint of a run's folder.

        Of a run on a robot it is the policy of its last checkpoint.

        Raises:
            FileNotFoundError: If there is neither.
            CheckpointError: If it is damaged.
            PolicyError: If it was written by another version of the format.
        """
        with undisturbed():  # Its networks are drawn before they are filled.
            return cls._load(path)

    @classmethod
    def _load(cls, path: Path) -> Self:
        if (path / POLICY).is_file():
            path = path / POLICY
        elif path.is_dir():
            return cls.of_run(path)
        if not path.is_file():
            raise FileNotFoundError(
                f"no policy {path}; give the folder of a run, or a file that robot-rl export wrote"
            )
        content = weights_file.read(path)
        if content.get("format") != FORMAT:
            raise PolicyError(
                f"{path} is no policy of format {FORMAT}; export it again from its run, or act "
                "with the version of robot_rl that wrote it"
            )
        return cls._of_content(content)

    @classmethod
    def _of_content(cls, content: dict[str, Any]) -> Self:
        schema = Schema.from_json(json.loads(content["schema"]))
        config = agent_from_json(json.loads(content["agent"]))
        agent = make_acting(schema.observation, schema.action, config)
        agent.load_acting_state(content["state"])
        base = cls._of_content(content[BASE]) if BASE in content else None
        return cls(agent, schema, json.loads(content["origin"]), base)

    def save(self, path: Path) -> Path:
        """Writes all of it into one file, which cannot run code when it is loaded."""
        path.parent.mkdir(parents=True, exist_ok=True)
        weights_file.write(path, self._content(), "make room and export again")
        return path

    def _content(self) -> dict[str, Any]:
        content = {
            "format": FORMAT,
            "schema": json.dumps(self.schema.to_json()),
            "agent": json.dumps(agent_to_json(self.agent.config)),
            "origin": json.dumps(self.origin),
            "state": self.agent.acting_state(),
        }
        return content if self.base is None else content | {BASE: self.base._content()}

    def act(self, observation: Observation) -> np.ndarray:
        """The greedy action. Arrays of shape (batch, ...) -> (batch, action).

        Whoever runs episodes takes the policy itself, and tells it to ``forget``.

        Raises:
            CameraError: A camera of the one world is covered, frozen or swapped.
        """
        self.watch(observation)
        return self.agent.act(observation, greedy=True)

    def watch(self, observation: Observation) -> None:
        """Looks after the cameras of one world; of several it knows nothing.

        Raises:
            CameraError: A camera is covered, frozen or swapped.
        """
        if self._cameras is not None and all(len(array) == 1 for array in observation.values()):
            self._cameras.see(observation)

    def __call__(self, observation: Observation) -> np.ndarray:
        """As ``act``."""
        return self.act(observation)

    def propose(self, observation: Observation, where: np.ndarray) -> np.ndarray:
        """What it would do now, and how much of its plan it will have done then, 1 without any.

        Whoever lets it act thereby looks after the cameras with ``watch``.

        Args:
            observation: Arrays of shape (worlds, ...).
            where: Worlds that move on. Shape (worlds,), bool.

        Returns:
            Shape (worlds, action + 1).
        """
        if isinstance(self.agent, Planner):
            return self.agent.propose(observation, where)
        action = self.agent.act(observation, greedy=True)
        return np.hstack([action, np.ones((len(where), 1))])

    def forget(self, ended: np.ndarray) -> None:
        """These worlds begin anew with the next observation. Shape (worlds,), bool."""
        if isinstance(self.agent, Planner):
            self.agent.forget(ended)

    def with_evaluations(self, evaluations: int) -> Policy:
        """The same, which plans by so many evaluations of its network.

        Fewer are faster and less exact.

        Raises:
            PolicyError: It does not plan like that.
            RangeError: There can't be so many.
        """
        config = self.agent.config
        if not isinstance(config, DiffusionConfig):
            raise PolicyError(
                f"evaluations are of a diffusion policy, and this one is {algorithm_of(config)}; "
                "leave them out"
            )
        config = replace(config, evaluations=evaluations)
        with undisturbed():
            agent = make_acting(self.schema.observation, self.schema.action, config)
        agent.load_acting_state(self.agent.acting_state())
        return Policy(agent, self.schema, self.origin, self.base)

    @property
    def task(self) -> str:
        """What it was trained for, as robots call it; empty if people alone knew what to do."""
        return task_of(self.schema)

    def environment(self, seed: int = 0, **options: Any) -> Env:
        """A robot as the policy has learned to move one, and to see it.

        Args:
            seed: Of the starts of episodes.
            **options: Of ``make_env("robot")``; they go before what it was trained with.

        Raises:
            PolicyError: If it does not fit; the message lists how they differ.
        """
        trained = acting_options(self.schema)
        if self.base is not None:
            trained[BASE] = self.base
        env = make_env(ROBOT, 1, seed, **(trained | options))
        try:
            self.settle_in(env)
        except PolicyError:
            env.close()
            raise
        return env

    def settle_in(self, env: Env) -> None:
        """Before it acts there: refuses an environment that it does not fit.

        How cameras looked in a simulator says nothing of a robot's, so there it is forgotten.

        Raises:
            PolicyError: If it does not fit; the message lists how they differ.
        """
        self.require_fit(env)
        simulated = "robot" not in self.schema.contract and not self.origin.get(PRACTISED)
        if self._cameras is not None and simulated and isinstance(env, HasContract):
            self._cameras.forget()

    def require_fit(self, env: Env) -> None:
        """Refuses an environment that is not what the policy was trained for.

        Observation, action and rate must agree, and, of a policy that was trained on a robot,
        joints, rates, limits and frames of the contract.

        Raises:
            PolicyError: If they differ; the message lists how.
        """
        here = Schema.of(env)
        lines = replace(self.schema, env="").differences(replace(here, env=""))
        lines += robot_differences(self.schema, env)
        if lines:
            raise PolicyError(
                f"this policy was trained for {self.schema.env}, and what it shall act on differs:"
                + "".join(f"\n  {line}" for line in lines)
            )


def base_of(schema: Schema) -> Policy | None:
    """The policy that others with this schema correct, by the option that they were trained with.

    Raises:
        FileNotFoundError: If it is not there any more.
    """
    named = parse_options(schema.contract.get("options", ())).get(BASE)
    return Policy.load(Path(named)) if named else None


def _origin(run: Run, step: int) -> dict[str, Any]:
    facts = {"run": str(run.folder), "step": step, "git": run.facts["git"]}
    return facts | {"machine": describe_machine()}
