"""What the demo types can be typed, and its page tells what came of it."""

import json
import shlex
import socket
from pathlib import Path

import numpy as np
import pytest

from robot_rl.actor import Acted
from robot_rl.classifier import SuccessClassifier
from robot_rl.classifier_network import SuccessNetwork
from robot_rl.cli import parse
from robot_rl.config import DemoConfig, TrainConfig
from robot_rl.demo import COMMANDS, free_port, make_room
from robot_rl.demo_report import Chapter, Story, write_demo_report
from robot_rl.deployment import Deployed
from robot_rl.finetune import ROBOTS, Finetuned
from robot_rl.log import Log
from robot_rl.run import Run
from robot_rl.video import write_video

VALUES = {**vars(DemoConfig()), "robot_steps": 3000, "port": 8080}


@pytest.mark.parametrize("typed", COMMANDS.values(), ids=lambda typed: typed.split()[0])
def test_every_command_of_the_story_is_one(typed: str) -> None:
    settings = parse(shlex.split(typed.format(**VALUES)))
    assert getattr(settings, "robot", "twin_light") == "twin_light"
    assert getattr(settings, "seed", 0) in (0, 12345)


def test_only_a_demo_is_replaced(tmp_path: Path) -> None:
    make_room(tmp_path / "new")
    (tmp_path / "new" / "old.txt").touch()
    make_room(tmp_path / "new")
    assert not (tmp_path / "new" / "old.txt").exists()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").touch()
    with pytest.raises(FileExistsError, match="holds something else than a demo"):
        make_room(tmp_path / "other")
    assert (tmp_path / "other" / "mine.txt").exists()


def test_a_port_that_is_taken_is_left_to_who_has_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert free_port(taken) != taken
    assert free_port(taken) == taken


def test_the_page_tells_what_the_robot_could_do_before_and_after(tmp_path: Path) -> None:
    films = (tmp_path / "before.webp", tmp_path / "after.webp")
    for film in films:
        write_video(film, [np.zeros((24, 32, 3), np.uint8)] * 2, 20)
    story = _story(tmp_path)
    page = write_demo_report(tmp_path, story, DemoConfig()).read_text(encoding="utf-8")
    told = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert told["summary"]["success on the robot, simulator's policy"] == "25% (5% to 70%)"
    assert told["summary"]["after 2.5 minutes of learning on it"] == "100% (51% to 100%)"
    assert told["summary"]["held-out failures that it pays"] == "0/4"
    [success, length, *_] = told["curves"]
    assert success["curves"][0]["x"] == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.5])
    assert success["curves"][0]["y"] == pytest.approx([0, 0.5, 1 / 3, 0.5, 0.6])
    assert success["curves"][1]["y"] == [0.25, 1.0]
    assert length["curves"][0]["y"][-1] == pytest.approx(600)
    assert told["table"][-1]["seconds"] == 75
    assert page.count("<img") == 2


def _story(folder: Path) -> Story:
    simulated = Run.create(folder / "simulator", TrainConfig(), 0)
    with Log(simulated.folder) as log:
        for step, success in ((0, 0.8), (1000, 0.9)):
            log.write(step, _evaluated("greedy", success) | _evaluated("sampled", success))
    with Log(folder / "robot" / ROBOTS / "twin_light") as log:
        for episode, success in enumerate((False, True, False, True, True), start=1):
            log.write(600 * episode, {"success": success, "length": 600})
    classifier = SuccessClassifier(SuccessNetwork(("front",), 64), 64)
    classifier.card = {"held_out": {"paid": 3, "succeeded": 4, "false": 0, "failed": 4}}
    before, after = (
        Deployed(success, [90] * 4, [20.0], [0.04])
        for success in ([True, False, False, False], [True] * 4)
    )
    finetuned = Finetuned(folder / "robot", Acted(steps=3000), 0.05)
    chapters = [Chapter("one", "robot-rl train", 25.0), Chapter("two", "robot-rl up", 50.0)]
    return Story(simulated, classifier, before, finetuned, after, chapters)


def _evaluated(name: str, success: float) -> dict[str, float]:
    return {
        f"{name}_success": success,
        f"{name}_success_low": success - 0.1,
        f"{name}_success_high": success + 0.1,
        f"{name}_length": 40.0,
        "seconds": 30.0,
    }
