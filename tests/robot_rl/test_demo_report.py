"""The page of the demo says what each part came to, and shows its films."""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from robot_rl.actor import Acted
from robot_rl.config import DemoConfig
from robot_rl.demo_report import Story, write_demo_report
from robot_rl.deployment import Deployed
from robot_rl.finetune import Finetuned
from robot_rl.run import Run


def deployed(successes: int, length: int) -> Deployed:
    success = [i < successes for i in range(20)]
    return Deployed(success, [length] * 20, [20.0] * 20, [0.042] * 20)


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(path)


def test_the_page_has_success_before_and_after_with_intervals_and_minutes(
    tmp_path: Path, source: Path
) -> None:
    films = [tmp_path / "films" / f"{name}.webp" for name in ("before", "after")]
    plots = [tmp_path / "plots" / f"{name}.png" for name in ("roc", "worst")]
    simulator = shutil.copytree(source, tmp_path / "simulator")
    for path in (*films, *plots, simulator / "videos" / "00000040.webp"):
        picture(path)
    acted = Acted(
        steps=3000, success=[False] * 20 + [True] * 40, length=[50] * 60, greedy=[True] * 60
    )
    story = Story(
        DemoConfig(tmp_path),
        Run.open(simulator),
        tmp_path / "plots",
        deployed(10, 70),
        Finetuned(tmp_path / "robot", acted, 0.05, 234.0),
        deployed(18, 50),
        {"shown": 2.0, "practised": 4.0},
    )
    page = write_demo_report(story).read_text(encoding="utf-8")
    for text in ("50% (30% to 70%)", "90% (70% to 97%)", "2.5", "3.9", "42 ms", "6.0", "practised"):
        assert f">{text}<" in page, text
    assert page.count("data:image/webp") == 3
    assert page.count("data:image/png") == 2
