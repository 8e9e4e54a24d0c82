"""Settings of everything a user starts; the string under a field is its help on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HeadName = Literal["scalar", "categorical"]


@dataclass(frozen=True)
class SacConfig:
    """Soft actor-critic with demonstrations. The defaults suit sparse rewards of 0 and 1."""

    discount: float = 0.97
    """Discount per step."""
    hidden: tuple[int, ...] = (256, 256)
    """Widths of the hidden layers of actor and critics."""
    ensemble: int = 2
    """Number of critics (REDQ and RLPD: 10)."""
    subset: int = 2
    """Critics whose minimum is the target, drawn anew for each update."""
    head: HeadName = "categorical"
    """What a critic predicts: a number, or a histogram of the return (HL-Gauss)."""
    bins: int = 51
    """Bins of the histogram."""
    return_range: tuple[float, float] | None = (0.0, 1.0)
    """Known range of discounted returns; targets are clipped to it."""
    learning_rate: float = 3e-4
    """Adam's step size for actor, critics and temperature."""
    tau: float = 0.005
    """Share of the online critics that moves into the target critics per update."""
    batch_size: int = 256
    """Transitions per update."""
    utd_ratio: float = 2.0
    """Critic updates per environment step."""
    critic_updates_per_actor_update: int = 2
    """SERL uses 4, HIL-SERL 2."""
    initial_temperature: float = 0.01
    """Weight of the entropy at the start; 1 would drown a sparse reward."""
    target_entropy: float | None = None
    """Entropy that the temperature aims at [nats]; None takes -action dimension / 2."""
    entropy_backup: bool = False
    """Whether the target value counts the entropy of the next action."""
    cloning_steps: int = 0
    """Updates of behaviour cloning on the demonstrations before learning starts."""
    cloning_weight: float = 0.0
    """Weight of the cloning loss on demonstrations in the actor's loss."""
    cloning_filter: bool = True
    """Clone only where the critics prefer the demonstrated action (Nair et al., 2018)."""
    critic_warmup: int = 0
    """Critic updates before the first actor update; the cloned actor acts meanwhile."""
    imitation: bool = False
    """IBRL"""
    ref_weight: float = 0.0
    """reg"""
    ref_end: float = 0.0
    """reg"""
    ref_decay: float = 10000.0
    """updates"""
    margin: float = 0.0
    """m"""
    actor_min: bool = False
    """min"""
