"""Settings of policies that plan several steps; the string under a field is its help when typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from robot_rl.ranges import RangeError, above, at_least, check, each, multiple_of, within

FamilyName = Literal["diffusion", "flow"]
Behind = Literal["rest", "repeat"]
Backbone = Literal["unet", "transformer"]
Head = Literal["mean", "mixture"]


@dataclass(frozen=True)
class ChunkConfig:
    """What they have in common."""

    history: int = 2
    """Observations that a plan is made from."""
    horizon: int = 16
    """Actions in a plan."""
    steps: int = 8
    """Actions of it that are done before the next is made."""
    behind: Behind = "rest"
    """What stands behind the end of an episode: rest, 0 of all but a gripper, for actions that say
    how far to go; repeat, the last action, for those that say where to."""
    batch_size: int = 128
    """Stretches of episodes per update."""
    learning_rate: float = 3e-4
    """AdamW's step size after the warm-up; it falls to 0 (cosine)."""
    warmup: int = 500
    """Updates in which that step size rises."""
    weight_decay: float = 1e-6
    """AdamW's."""
    average_power: float = 0.75
    """How fast the running average of the weights, which acts, slows down."""
    average_limit: float = 0.9999
    """Share of itself that it keeps per update, at most."""

    def __post_init__(self) -> None:
        check(
            self,
            history=at_least(1),
            horizon=at_least(1),
            steps=within(1, self.horizon, "the horizon"),
            batch_size=at_least(1),
            learning_rate=above(0),
            warmup=at_least(0),
            weight_decay=at_least(0),
            average_power=above(0),
            average_limit=within(0, 1),
        )


@dataclass(frozen=True)
class DiffusionConfig(ChunkConfig):
    """Diffusion policy (Chi et al., 2023), or the same with rectified flow."""

    family: FamilyName = "diffusion"
    """diffusion predicts noise and samples by DDIM; flow predicts velocities, by Euler's steps."""
    evaluations: int = 10
    """Evaluations of the network for a plan."""
    eta: float = 0.0
    """diffusion: share of fresh noise in each of them; 1 with 100 of them is DDPM's sampler."""
    backbone: Backbone = "unet"
    """unet: convolutions over time; transformer: actions attend to observations."""
    film: bool = True
    """Whether the condition scales and moves the U-Net's channels, or is one more input."""
    widths: tuple[int, ...] = (64, 128, 256)
    """Channels of the U-Net's levels."""
    embedding: int = 64
    """Numbers that the time of the denoising becomes."""
    width: int = 128
    """Numbers of a token of the transformer."""
    layers: int = 4
    """Of the transformer."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(
            self,
            evaluations=within(1, 100),
            eta=within(0, 1),
            widths=each(multiple_of(8)),
            embedding=multiple_of(4),
            width=multiple_of(4),
            layers=at_least(1),
        )
        multiple = 2 ** (len(self.widths) - 1)
        if self.backbone == "unet" and self.horizon % multiple:
            raise RangeError(
                f"horizon is {self.horizon}, and {len(self.widths)} levels halve it; give a "
                f"multiple of {multiple}"
            )


@dataclass(frozen=True)
class RegressionConfig(ChunkConfig):
    """Plain behaviour cloning: one network from observations to the whole plan."""

    head: Head = "mean"
    """mean: of what was done (squared error); mixture: of Gaussians over the whole plan, of which
    one is drawn."""
    modes: int = 5
    """Gaussians in the mixture."""
    hidden: tuple[int, ...] = (512, 512, 512)
    """Widths of the hidden layers."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, modes=at_least(1), hidden=each(at_least(1)))
