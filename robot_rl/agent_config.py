"""Settings of the learners; the string under a field is its help when typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeVar

from robot_rl.ranges import ASCENDING, RangeError, above, at_least, check, each, within

Algorithm = Literal["sac", "drq", "drqv2", "residual"]
HeadName = Literal["scalar", "categorical"]
ActorValue = Literal["min", "mean"]
GripperName = Literal["continuous", "discrete"]
EncoderName = Literal["small", "drqv2", "resnet10", "resnet18"]


@dataclass(frozen=True)
class AgentConfig:
    """What all learners have in common. The defaults suit sparse rewards of 0 and 1."""

    discount: float = 0.97
    """Discount per step."""
    n_step: int = 1
    """Steps of reward in a target before critics guess the rest; fewer where a person takes over.
    """
    hidden: tuple[int, ...] = (256, 256)
    """Widths of the hidden layers of actor and critics."""
    layer_norm: bool = True
    """Whether the critics normalise what their hidden layers say."""
    head: HeadName = "categorical"
    """What a critic predicts: a number, or, where the range of returns is known, a histogram."""
    bins: int = 51
    """Bins of the histogram."""
    return_range: tuple[float, float] | None = None
    """Known range of discounted returns; targets are clipped to it. None asks the environment."""
    learning_rate: float = 3e-4
    """Adam's step size for actor and critics."""
    tau: float = 0.005
    """Share of the online critics that moves into the target critics per update."""
    batch_size: int = 256
    """Transitions per update."""
    utd_ratio: float = 2.0
    """Critic updates per environment step."""
    cloning_steps: int = 1500
    """Updates that clone the demonstrations into the actor before learning; 0 starts from noise."""
    critic_warmup: int = 1500
    """Updates of the critics before their word moves the cloned actor."""
    cloning_weight: tuple[float, float] = (5.0, 0.5)
    """How strongly the actor is drawn to the cloned policy: at first, and in the end."""
    cloning_decay: int = 6_000
    """Environment steps, after the warm-up, over which that weight falls (geometrically)."""
    imitation_bootstrap: bool = True
    """Act and bootstrap with the cloned action wherever the critics value it more (IBRL)."""

    def __post_init__(self) -> None:
        check(
            self,
            discount=above(0, up_to=1),
            n_step=at_least(1),
            hidden=each(at_least(1)),
            bins=at_least(2),
            return_range=ASCENDING,
            learning_rate=above(0),
            tau=above(0, up_to=1),
            batch_size=at_least(2),
            utd_ratio=above(0),
            cloning_steps=at_least(0),
            critic_warmup=at_least(0),
            cloning_weight=each(above(0)),
            cloning_decay=at_least(1),
        )


ConfigT = TypeVar("ConfigT", bound=AgentConfig)


@dataclass(frozen=True)
class SacConfig(AgentConfig):
    """Soft actor-critic with demonstrations."""

    ensemble: int = 2
    """Number of critics (REDQ and RLPD: 10)."""
    subset: int = 2
    """Critics whose minimum is the target, drawn anew for each update."""
    actor_value: ActorValue = "min"
    """What the actor climbs: the smallest critic, which is steady, or their mean, as in RLPD."""
    actor_tau: float = 0.002
    """Share of the actor that moves into its running average, which acts, per update of it."""
    critic_updates_per_actor_update: int = 2
    """SERL uses 4, HIL-SERL 2."""
    initial_temperature: float = 0.01
    """Weight of the entropy at the start; 1 would drown a sparse reward."""
    temperature_learning_rate: float = 3e-3
    """Adam's step size for the temperature."""
    target_entropy: float | None = None
    """Entropy that the temperature aims at [nats]; None takes -action dimension / 2."""
    entropy_backup: bool = False
    """Whether the target value counts the entropy of the next action."""
    gripper: GripperName = "continuous"
    """Discrete: close, keep or open, chosen by a critic of its own (HIL-SERL)."""
    gripper_penalty: float = 0.02
    """Discrete gripper: what a command costs that changes what the gripper was told."""
    gripper_epsilon: float = 0.05
    """Discrete gripper: share of the choices that are drawn where there is exploration."""
    gripper_open: float = 0.6
    """Discrete gripper: opening, 0 to 1, from which it counts as open. What it grasps must be
    narrower."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(
            self,
            ensemble=at_least(1),
            subset=within(1, self.ensemble, "the ensemble"),
            actor_tau=above(0, up_to=1),
            critic_updates_per_actor_update=at_least(1),
            initial_temperature=above(0),
            temperature_learning_rate=above(0),
            gripper_penalty=at_least(0),
            gripper_epsilon=within(0, 1),
            gripper_open=within(0, 1),
        )
        if self.gripper == "discrete" and self.n_step > 1:
            raise RangeError(
                f"n_step is {self.n_step}, and a discrete gripper pays for each step on its own; "
                "choose n_step 1, or the continuous gripper"
            )


@dataclass(frozen=True)
class PixelConfig(AgentConfig):
    """What learners from cameras have in common."""

    encoder: EncoderName = "small"
    """small: four convolutions of stride 2; drqv2; resnet10, resnet18."""
    frozen: bool = False
    """Whether the encoder stays as it begins, as a file or a policy has it. With a shift of 0 what
    it sees is kept in memory, for each picture of the replay a map of half precision."""
    features: int = 64
    """Numbers that each camera is reduced to."""
    shift: int = 4
    """Pixels by which images are moved at most while it learns; 0 leaves them."""
    self_prediction: float = 0.0
    """Weight of a loss by which what is seen now and the action tell what is seen next, or after
    n_step steps (SPR)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, features=at_least(1), shift=at_least(0), self_prediction=at_least(0))


@dataclass(frozen=True)
class DrqConfig(PixelConfig, SacConfig):
    """The same from cameras. What sees changes all the time, so the actor is not averaged."""

    # Fields that all learners have come from PixelConfig, with the defaults of AgentConfig: what
    # SacConfig changes of these has to be repeated here.

    batch_size: int = 128
    """Transitions per update."""
    utd_ratio: float = 1.0
    """Critic updates per environment step."""
    actor_tau: float = 1.0
    """Share of the actor that moves into its running average, which acts, per update of it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.gripper == "discrete":
            raise RangeError(
                "gripper is discrete, which algorithm sac alone can learn; choose continuous"
            )


@dataclass(frozen=True)
class ResidualConfig(SacConfig):
    """Corrections of a base, which the environment's option of that name says."""

    scale: tuple[float, float, float] = (0.3, 0.3, 0.3)
    """How far a correction may go, as a share of a full action: translation, rotation, gripper."""
    progressive_steps: int = 3_000
    """Environment steps over which corrections come into exploration: one in so many at first."""
    cloning_steps: int = 0
    """There is nothing to clone: the base can do it already."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, scale=each(above(0)), progressive_steps=at_least(1), cloning_steps=within(0, 0))
        if self.gripper == "discrete":
            raise RangeError(
                "gripper is discrete, which algorithm sac alone can learn; choose continuous"
            )


@dataclass(frozen=True)
class DrqV2Config(PixelConfig):
    """DrQ-v2 with its published values; demonstrations, where there are any, are imitated."""

    discount: float = 0.99
    """Discount per step."""
    n_step: int = 3
    """Steps of reward in a target before critics guess the rest; fewer where a person takes over.
    """
    hidden: tuple[int, ...] = (1024, 1024)
    """Widths of the hidden layers of actor and critics."""
    layer_norm: bool = False
    """Whether the critics normalise what their hidden layers say."""
    head: HeadName = "scalar"
    """What a critic predicts: a number, or, where the range of returns is known, a histogram."""
    learning_rate: float = 1e-4
    """Adam's step size for actor, critics and encoder."""
    tau: float = 0.01
    """Share of the online critics that moves into the target critics per update."""
    utd_ratio: float = 0.5
    """Updates per environment step."""
    encoder: EncoderName = "drqv2"
    """small: four convolutions of stride 2; drqv2; resnet10, resnet18."""
    features: int = 50
    """Numbers that each camera is reduced to."""
    noise: tuple[float, float] = (1.0, 0.1)
    """Standard deviation of the exploration noise: at first, and in the end; the last from the
    start where demonstrations, or another policy, were cloned."""
    noise_steps: int = 100_000
    """Environment steps over which it falls (linearly); 500,000 for hard tasks."""
    noise_clip: float = 0.3
    """Noise on the actions that updates draw, at most."""
    imitation_weight: float = 1.0
    """How strongly the actor is drawn to the demonstrated actions of each batch."""
    imitation_trains_encoder: bool = True
    """Whether what is demonstrated trains the encoder as well, beside the critics: else what a
    cloned actor sees by changes under it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(
            self,
            noise=each(at_least(0)),
            noise_steps=at_least(1),
            noise_clip=at_least(0),
            imitation_weight=at_least(0),
        )
