"""What one process is told reaches another by its command line as it was."""

from pathlib import Path

import pytest
import tyro

from robot_rl.command_line import words_of
from robot_rl.config import DrqConfig, SacConfig, TrainConfig

USUAL = TrainConfig()


@pytest.mark.parametrize(
    "settings",
    [
        USUAL,
        TrainConfig(steps=7, sac=SacConfig(hidden=(64, 32, 16), return_range=(-1.5, 0.0))),
        TrainConfig(sac=SacConfig(entropy_backup=True, imitation_bootstrap=False)),
        TrainConfig(sac=SacConfig(gripper="discrete", target_entropy=-3.5, learning_rate=1e-3)),
        TrainConfig(
            algorithm="drq", drq=DrqConfig(frozen=True), encoder_file=Path("some/eyes.weights")
        ),
    ],
)
def test_settings_survive_the_way_through_a_command_line(settings: TrainConfig) -> None:
    assert tyro.cli(TrainConfig, args=list(words_of(settings, USUAL))) == settings


def test_what_is_usual_needs_no_words() -> None:
    assert list(words_of(USUAL, USUAL)) == []
    words = words_of(TrainConfig(sac=SacConfig(batch_size=64)), USUAL)
    assert list(words) == ["--sac.batch-size", "64"]
