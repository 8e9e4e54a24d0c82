"""Draws of torch that disturb nobody else's."""

from __future__ import annotations

import torch

from robot_rl.own_noise import OwnNoise, own_noise


def test_a_stream_goes_on_whatever_is_drawn_in_between() -> None:
    torch.manual_seed(3)
    whole = torch.rand(4)
    stream = OwnNoise(3)
    parts = []
    for other in (5, 7):
        torch.manual_seed(other)
        with stream.drawn():
            parts.append(torch.rand(2))
        assert torch.initial_seed() == other
    torch.testing.assert_close(torch.cat(parts), whole)


def test_others_draw_as_if_nothing_had_been_drawn() -> None:
    torch.manual_seed(5)
    whole = torch.rand(2)
    torch.manual_seed(5)
    first = torch.rand(1)
    with own_noise(0), OwnNoise(1).drawn():
        torch.rand(9)
    torch.testing.assert_close(torch.cat([first, torch.rand(1)]), whole)
