"""A gripper that is told to close, to stay as it is, or to open (HIL-SERL: Luo et al., 2024).

What it was last told shows in its observed opening: above ``gripper_open`` it was told to open,
below it to close, and fingers that a grasped object keeps apart count as closed. ``KEEP`` repeats
that, for to command the opening as observed would take the force out of a grasp. So the opening
must be measured, and fingers that move for several steps count as closed below it.

The value of a choice depends on the state alone, as in HIL-SERL, not on what the arm does beside
it: one pass gives all three, and neither waits for the other.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from robot_rl.agent_config import SacConfig
from robot_rl.batch import Batch
from robot_rl.env import STATE, ArraySpec, Observation
from robot_rl.networks import ChoiceCritic, ScalarHead, make_head

NAME = "gripper"
"""Of the element of the action, -1 closed to 1 open, and of the state, 0 closed to 1 open."""
CLOSE, KEEP, OPEN = CHOICES = range(3)
_CLONED = "cloned."


class Gripper(nn.Module):
    """What acts: the averaged critic of the choices, and their clone from the demonstrations.

    Args:
        state: Spec of the vector that is observed.
        action: Spec of the whole action.
        config: Settings of the learner.

    Raises:
        ValueError: If state or action has no element called gripper.
    """

    preference: Tensor
    """By how much more the cloned choice counts than its value says; infinite: it alone."""

    def __init__(self, state: ArraySpec, action: ArraySpec, config: SacConfig) -> None:
        super().__init__()
        self._element, self._column = _find(state, "states"), _find(action, "actions")
        self._arm = [i for i in range(action.shape[0]) if i != self._column]
        self._open, self._epsilon = config.gripper_open, config.gripper_epsilon
        inputs, choices = state.shape[0], len(CHOICES)
        head = make_head(config, return_range(config))
        self.critic = ChoiceCritic(inputs, config.hidden, choices, head).requires_grad_(False)
        self.cloned = ChoiceCritic(inputs, config.hidden, choices, ScalarHead())
        self.register_buffer("preference", torch.zeros(()))

    def act(self, observation: Observation, state: Tensor, greedy: bool | np.ndarray) -> Tensor:
        """Commands of -1 or 1; where not greedy, a share of the choices is drawn (epsilon-greedy).

        Args:
            observation: As measured. Arrays of shape (batch, ...).
            state: Normalised. Shape (batch, s).
            greedy: For all, or by row, shape (batch,).

        Returns:
            Shape (batch,).
        """
        choice = self.choose(self.critic.value(state), state)
        if greedy is not True:
            free = ~torch.as_tensor(greedy).expand(len(choice))
            drawn = torch.rand(len(choice)) < self._epsilon
            choice = torch.where(free & drawn, torch.randint_like(choice, len(CHOICES)), choice)
        return _command(choice, self.told(observation))

    def act_cloned(self, observation: Observation, state: Tensor) -> Tensor:
        """Commands of the cloned demonstrations alone. Shape (batch,)."""
        return _command(self.cloned.value(state).argmax(-1), self.told(observation))

    def choose(self, values: Tensor, state: Tensor) -> Tensor:
        """The choice of the highest value, the cloned one preferred.

        Shapes (batch, 3), (batch, s) -> (batch,).
        """
        cloned = self.cloned.value(state).argmax(-1, keepdim=True)
        return values.scatter_add(1, cloned, self.preference.expand(cloned.shape)).argmax(-1)

    def told(self, observation: Observation) -> Tensor:
        """What the gripper was last told, -1 or 1, by its observed opening. Shape (batch,)."""
        return _sign(torch.as_tensor(observation[STATE][:, self._element]) - self._open)

    def sent(self, batch: Batch) -> Tensor:
        """What it was told in each transition, the nearer of -1 and 1. Shape (batch,)."""
        return _sign(torch.as_tensor(batch.action[:, self._column]))

    def equivalent(self, batch: Batch) -> Tensor:
        """Which choices are the command that was sent: to open what is open is to keep it.

        Shape (batch, 3), bool.
        """
        told, sent = self.told(batch.observation), self.sent(batch)
        commands = [_command(torch.full_like(told, choice), told) for choice in CHOICES]
        return torch.stack(commands, dim=-1) == sent[:, None]

    def toggles(self, batch: Batch) -> Tensor:
        """Transitions whose command was not what the gripper had been told. Shape (batch,)."""
        return self.told(batch.observation) != self.sent(batch)

    def load_clone(self, state: dict[str, Tensor]) -> None:
        """Takes the cloned choices alone from the ``state_dict`` of another gripper."""
        cloned = {k: v for k, v in state.items() if k.startswith(_CLONED)}
        self.cloned.load_state_dict({k.removeprefix(_CLONED): v for k, v in cloned.items()})

    def without(self, action: Tensor) -> Tensor:
        """What the arm does of an action. Shape (batch, a + 1) -> (batch, a)."""
        return action[:, self._arm]

    def join(self, arm: Tensor, command: Tensor) -> Tensor:
        """Inverse of ``without``. Shapes (batch, a), (batch,) -> (batch, a + 1)."""
        before, after = arm[:, : self._column], arm[:, self._column :]
        return torch.cat([before, command[:, None], after], dim=-1)


def return_range(config: SacConfig) -> tuple[float, float] | None:
    """The range of returns, less the penalties of one who toggles for ever."""
    if config.return_range is None:
        return None
    low, high = config.return_range
    return low - config.gripper_penalty / max(1 - config.discount, _LEAST), high


_LEAST = 0.01
"""A discount nearer to 1 would let the penalties widen the histogram without end."""


def _command(choice: Tensor, told: Tensor) -> Tensor:
    return torch.where(choice == KEEP, told, choice - 1.0)


def _sign(x: Tensor) -> Tensor:
    return torch.where(x < 0, -1.0, 1.0)


def _find(spec: ArraySpec, kind: str) -> int:
    if NAME not in spec.names:
        raise ValueError(
            f"gripper is 'discrete', which takes states and actions with an element {NAME!r}; "
            f"these {kind} are {', '.join(spec.names) or 'without names'}; "
            "choose 'continuous', or name it in their ArraySpec"
        )
    return spec.names.index(NAME)
