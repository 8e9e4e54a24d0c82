"""DrQ-v2 as its paper writes it down (Yarats et al., 2022): what the speed of ours stands beside.

Everything in float32 with the channels first; images move by bilinear sampling; the critics collect
gradients while the actor is updated, too. Nothing of ``robot_rl`` is used.
"""

from __future__ import annotations

import copy
import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DISCOUNT, TAU, RATE, NOISE, CLIP, PAD = 0.99, 0.01, 1e-4, 0.2, 0.3, 4


class PlainDrqV2:
    """Encoder, actor and two critics.

    Args:
        channels: Of the images.
        size: Their height and width.
        actions: Numbers in an action.
    """

    def __init__(self, channels: int, size: int, actions: int) -> None:
        self.encoder = _encoder(channels)
        inputs = self.encoder(torch.zeros(1, channels, size, size)).shape[1]
        self.actor = nn.Sequential(_trunk(inputs), *_layers(50, actions))
        self.critic = _Critic(inputs, actions)
        self.target = copy.deepcopy(self.critic)
        self._optimizers = [
            torch.optim.Adam(part.parameters(), RATE)
            for part in (self.encoder, self.critic, self.actor)
        ]

    def update(
        self, seen: Tensor, action: Tensor, reward: Tensor, discount: Tensor, after: Tensor
    ) -> None:
        """One update.

        Args:
            seen: Shape (batch, channels, size, size), uint8.
            action: Shape (batch, a).
            reward: Shape (batch, 1).
            discount: Of the value of what came after. Shape (batch, 1).
            after: As ``seen``.
        """
        features = self.encoder(plain_shift(seen.float()))
        with torch.no_grad():
            following = self.encoder(plain_shift(after.float()))
            target = reward + discount * self.target(following, self._noisy(following))
        first, second = self.critic.both(features, action)
        for_encoder, for_critic, for_actor = self._optimizers
        for optimizer in (for_encoder, for_critic):
            optimizer.zero_grad(set_to_none=True)
        (F.mse_loss(first, target) + F.mse_loss(second, target)).backward()
        for_critic.step()
        for_encoder.step()
        features = features.detach()
        for_actor.zero_grad(set_to_none=True)
        (-self.critic(features, self._noisy(features)).mean()).backward()
        for_actor.step()
        for slow, fast in zip(self.target.parameters(), self.critic.parameters(), strict=True):
            slow.data.copy_(TAU * fast.data + (1 - TAU) * slow.data)

    def _noisy(self, features: Tensor) -> Tensor:
        mean = torch.tanh(self.actor(features))
        noise = (NOISE * torch.randn_like(mean)).clamp(-CLIP, CLIP)
        inside = (mean + noise).clamp(-1 + 1e-6, 1 - 1e-6)
        return mean + (inside - mean).detach()


class _Critic(nn.Module):
    """Two of them on one trunk."""

    def __init__(self, inputs: int, actions: int) -> None:
        super().__init__()
        self.trunk = _trunk(inputs)
        self.first, self.second = (nn.Sequential(*_layers(50 + actions, 1)) for _ in range(2))

    def both(self, features: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        joined = torch.cat([self.trunk(features), action], dim=-1)
        return self.first(joined), self.second(joined)

    def forward(self, features: Tensor, action: Tensor) -> Tensor:
        return torch.min(*self.both(features, action))


class _Centred(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x / 255.0 - 0.5


def _encoder(channels: int) -> nn.Sequential:
    layers: list[nn.Module] = [_Centred()]
    widths = itertools.pairwise((channels, 32, 32, 32, 32))
    for (inputs, outputs), stride in zip(widths, (2, 1, 1, 1), strict=True):
        layers += [nn.Conv2d(inputs, outputs, 3, stride), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten())


def _trunk(inputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, 50), nn.LayerNorm(50), nn.Tanh())


def _layers(inputs: int, outputs: int) -> list[nn.Module]:
    hidden = [nn.Linear(inputs, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU()]
    return [*hidden, nn.Linear(1024, outputs)]


def plain_shift(images: Tensor) -> Tensor:
    """Each image moved by up to four pixels, by bilinear sampling of a padded copy.

    Shape (batch, channels, size, size), float32.
    """
    count, _, _, size = images.shape
    padded = F.pad(images, (PAD, PAD, PAD, PAD), "replicate")
    whole = size + 2 * PAD
    line = torch.linspace(-1 + 1 / whole, 1 - 1 / whole, whole)[:size]
    column, row = line.expand(size, size), line[:, None].expand(size, size)
    base = torch.stack([column, row], dim=-1).expand(count, size, size, 2)
    offset = torch.randint(0, 2 * PAD + 1, (count, 1, 1, 2)).float() * 2 / whole
    return F.grid_sample(padded, base + offset, padding_mode="zeros", align_corners=False)
