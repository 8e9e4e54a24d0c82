"""Both families against formulas worked out by hand, and on data with two modes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from robot_rl.denoising import Diffusion, Family, Flow

MODES = torch.tensor([-0.6, 0.6])
SPREAD = 0.03
_UPDATES = 1500


def test_the_schedule_is_the_squared_cosine() -> None:
    def share(time: int) -> float:
        return math.cos((time / 100 + 0.008) / 1.008 * math.pi / 2) ** 2

    signal = Diffusion().signal
    assert len(signal) == 100
    for time in (0, 10, 49, 90):
        assert signal[time].item() == pytest.approx(share(time + 1) / share(0), rel=1e-4)
    assert 0 < signal[99] < 1e-5
    assert signal[99] / signal[98] == pytest.approx(0.001, rel=1e-3)  # Its beta is clipped.


class Told:
    """A network that knows what the data are, and tells the noise or the velocity to it."""

    def __init__(self, data: Tensor, family: Family) -> None:
        self._data, self._family = data, family
        self.asked: list[float] = []

    def __call__(self, x: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        self.asked.append(time[0].item())
        if isinstance(self._family, Diffusion):
            signal = self._family.signal[int(time[0])]
            return (x - signal.sqrt() * self._data) / (1 - signal).sqrt()
        return (self._data - x) / (1 - time[0] / 100)


@pytest.mark.parametrize("family", [Diffusion(), Diffusion(eta=1.0), Flow()])
@pytest.mark.parametrize("steps", [1, 2, 5, 10])
def test_whoever_knows_the_data_arrives_there(family: Family, steps: int) -> None:
    torch.manual_seed(0)
    data = torch.rand(3, 8, 2) * 1.8 - 0.9
    told = Told(data, family)
    found = family.sample(told, torch.randn_like(data), torch.zeros(3, 1), steps)
    torch.testing.assert_close(found, data, atol=1e-3, rtol=0)
    assert len(told.asked) == steps


def test_times_are_spread_evenly_each_once_and_begin_where_something_is_left() -> None:
    diffusion = Diffusion()
    assert diffusion.times(100) == list(range(99, -1, -1))
    for steps in (1, 3, 10, 50, 93):
        times = diffusion.times(steps)
        assert len(times) == len(set(times)) == steps
        assert times == sorted(times, reverse=True)
        assert diffusion.signal[times[0]] >= 0.01 > diffusion.signal[times[0] + 1]
        assert np.ptp(np.diff([*times, -1])) <= 1
    data = torch.zeros(1, 4, 1)
    told = Told(data, flow := Flow())
    flow.sample(told, torch.randn_like(data), torch.zeros(1, 1), 4)
    assert told.asked == [0, 25, 50, 75]


@pytest.mark.parametrize("eta", [0.0, 1.0])
@pytest.mark.parametrize("steps", [50, 100])
def test_normal_data_come_out_with_their_spread(eta: float, steps: int) -> None:
    """What the noise is on average is known for data that are normal: no network has to learn."""
    spread, diffusion = 0.2, Diffusion(eta)

    def tell(x: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        signal = diffusion.signal[int(time[0])]
        return (1 - signal).sqrt() * x / (signal * spread**2 + 1 - signal)

    torch.manual_seed(0)
    found = diffusion.sample(tell, torch.randn(4000, 1, 1), torch.zeros(4000, 1), steps)
    assert found.mean().item() == pytest.approx(0, abs=0.02)
    assert found.std().item() == pytest.approx(spread, rel=0.15)


def test_a_step_of_ddpm_has_the_mean_and_the_spread_of_the_posterior() -> None:
    """Ho et al. (2020), equations 6 and 7, for the last step but one of a hundred."""
    diffusion, data, asked = Diffusion(eta=1.0), 0.3, list[float]()

    def tell(x: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        signal = diffusion.signal[int(time[0])]
        if int(time[0]) == 0:  # Whatever is told there, this keeps x as it is.
            asked.append(float(x.std()))
            asked.append(float(x.mean()))
        return (x - signal.sqrt() * data) / (1 - signal).sqrt()

    torch.manual_seed(0)
    diffusion.sample(tell, torch.randn(20_000, 1, 1), torch.zeros(20_000, 1), 100)
    # From time 1 to 0, x of time 1 is spread itself; of x of time 0 both are known in closed form.
    assert asked[1] == pytest.approx(diffusion.signal[0].sqrt().item() * data, abs=2e-3)
    assert asked[0] == pytest.approx((1 - diffusion.signal[0]).sqrt().item(), rel=0.02)


def test_rectified_flow_of_normal_data_comes_out_with_their_spread() -> None:
    spread = 0.2

    def tell(x: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        t = float(time[0]) / 100
        return x * (t * spread**2 - (1 - t)) / (t**2 * spread**2 + (1 - t) ** 2)

    torch.manual_seed(0)
    found = Flow().sample(tell, torch.randn(4000, 1, 1), torch.zeros(4000, 1), 100)
    assert found.std().item() == pytest.approx(spread, rel=0.1)


def test_the_noise_alone_decides_unless_more_is_drawn() -> None:
    torch.manual_seed(0)
    network, condition = _Small(), torch.zeros(4, 1)
    noise = torch.randn(4, 1, 1)
    for family, same in ((Diffusion(), True), (Flow(), True), (Diffusion(eta=1.0), False)):
        first, second = (family.sample(network, noise, condition, 10) for _ in range(2))
        assert torch.equal(first, second) == same


def test_the_losses_are_those_of_the_papers() -> None:
    data = torch.rand(64, 4, 2) - 0.5

    def nothing(x: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        return torch.zeros_like(x)

    torch.manual_seed(0)
    noise = Diffusion().loss(nothing, data, torch.zeros(64, 1))
    assert noise.shape == (64,)
    assert noise.mean().item() == pytest.approx(1, abs=0.15)  # The variance of the noise.
    velocity = Flow().loss(nothing, data, torch.zeros(64, 1))
    assert velocity.mean().item() == pytest.approx(1 + data.square().mean().item(), abs=0.15)
    for family in (Diffusion(), Flow()):
        exact = family.loss(_knowing(data, family), data, torch.zeros(64, 1))
        assert exact.max().item() < 1e-6


def _knowing(data: Tensor, family: Family):  # noqa: ANN202
    """Told, at times that differ from row to row."""

    def tell(x: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        when = time[:, None, None]
        if isinstance(family, Diffusion):
            signal = family.signal[time.long()][:, None, None]
            return (x - signal.sqrt() * data) / (1 - signal).sqrt()
        return (data - x) / (1 - when / 100)

    return tell


class _Small(nn.Module):
    """Of one number."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2, 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU(), nn.Linear(128, 1)
        )

    def forward(self, x: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        return self.layers(torch.cat([x[:, 0], time[:, None] / 50 - 1], 1))[:, None]


@pytest.mark.parametrize("family", [Diffusion(), Flow()], ids=["diffusion", "flow"])
def test_two_modes_stay_two(family: Family) -> None:
    torch.manual_seed(0)
    network = _Small()
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _UPDATES)
    for _ in range(_UPDATES):
        data = MODES[torch.randint(2, (256,))] + SPREAD * torch.randn(256)
        loss = family.loss(network, data[:, None, None], torch.zeros(256, 1)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        found = family.sample(network, torch.randn(500, 1, 1), torch.zeros(500, 1), 20).flatten()
    near = (found[:, None] - MODES).abs() < 0.15
    assert near.any(1).float().mean() > 0.9
    assert near.float().mean(0).min() > 0.35
