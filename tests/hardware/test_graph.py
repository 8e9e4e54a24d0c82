"""Which processes a robot has, with which parameters, for both ways of starting them."""

import dataclasses
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from hardware import node_settings
from hardware.graph import GraphSettings, Process, Stage, processes, settings_from_texts
from hardware.node_settings import ArmSettings, CameraSettings, SafetySettings, TwinCameraSettings
from robot_rl.config import UpConfig

ROOT = Path(__file__).parents[2]
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


@pytest.fixture
def bench(tmp_path: Path) -> str:
    """A real robot with two cameras: the twin under another name."""
    twin = (ROOT / "hardware" / "robots" / "twin.yaml").read_text()
    path = tmp_path / "bench.yaml"
    path.write_text(twin.replace("name: twin\n", "name: bench\n"))
    return str(path)


def graph(**wanted: Any) -> dict[str, Process]:
    return {process.node: process for process in processes(GraphSettings(**wanted))}


def test_the_twin_is_an_arm_its_cameras_and_the_safety_node() -> None:
    twin = graph()
    assert list(twin) == ["arm", "twin_camera", "safety"]
    assert all(process.parameters == {} for process in twin.values())


def test_physics_and_cameras_of_the_twin_get_the_same_scene() -> None:
    twin = graph(task="push", gap="lab-1", seed=3)
    assert twin["arm"].parameters == {"task": "push", "gap": "lab-1", "seed": 3}
    assert twin["twin_camera"].parameters == twin["arm"].parameters
    assert twin["safety"].parameters == {}


def test_a_faster_twin_gives_all_nodes_its_clock() -> None:
    twin = graph(speed=4.0, teleop=True)
    assert twin["arm"].parameters["speed"] == 4.0
    assert all(process.parameters["use_sim_time"] for process in twin.values())


def test_of_a_real_robot_only_what_was_asked_for_is_started() -> None:
    assert list(graph(robot="ur5e")) == ["safety"]
    assert graph(robot="ur5e")["safety"].parameters == {"robot": "ur5e"}
    own = graph(robot="ur5e", driver="mine:Arm", teleop=True)
    assert list(own) == ["arm", "safety", "teleop"]
    assert own["arm"].parameters == {"robot": "ur5e", "driver": "mine:Arm"}


def test_each_camera_that_was_asked_for_has_a_node_of_its_own(bench: str) -> None:
    robot = graph(robot=bench, cameras=("front=/dev/video0", "wrist=frames/*.png"))
    assert list(robot) == ["front_camera", "wrist_camera", "safety"]
    assert robot["wrist_camera"].parameters == {
        "robot": bench,
        "camera": "wrist",
        "source": "frames/*.png",
    }


def test_a_command_mode_reaches_all_who_ask_and_answer() -> None:
    robot = graph(robot="ur5e", mode="joint_velocity", teleop=True)
    assert {process.parameters["mode"] for process in robot.values()} == {"joint_velocity"}


def test_poses_for_an_arm_that_takes_joints_go_through_our_controller() -> None:
    robot = graph(robot="twin_cartesian")
    assert list(robot) == ["arm", "twin_camera", "controller", "safety"]
    assert "robot" not in robot["arm"].parameters  # the arm itself takes joints, as twin says
    assert robot["safety"].parameters["robot"] == "twin_cartesian"


def test_what_is_recorded_is_said_to_the_recorder_which_gets_time_to_save_it() -> None:
    recorder = graph(dataset="data/peg", operator="ann")["recorder"]
    assert recorder.parameters == {"dataset": "data/peg", "task": "peg_insert", "operator": "ann"}
    assert recorder.grace > graph()["safety"].grace
    assert "task" not in graph(robot="ur5e", dataset="data")["recorder"].parameters
    named = graph(robot="ur5e", dataset="data", task="fold a towel")["recorder"]
    assert named.parameters["task"] == "fold a towel"


def test_a_policy_acts_on_the_task_that_stands_in_front_of_the_twin() -> None:
    twin = graph(policy="runs/push", task="push", seed=3, dataset="data/rollouts")
    assert twin["policy"].parameters == {"policy": "runs/push", "task": "push", "seed": 3}
    assert twin["recorder"].parameters["source"] == "real"
    real = graph(robot="ur5e", policy="runs/push")
    assert "task" not in real["policy"].parameters  # it knows what it was trained for


def test_a_person_has_a_teleop_node() -> None:
    twin = graph(person=0.8, task="push", seed=3)
    assert list(twin) == ["arm", "twin_camera", "safety", "teleop", "person"]
    assert twin["person"].parameters == {"task": "push", "seed": 3}  # 0.8 is what they have anyway
    assert graph(person=0.5)["person"].parameters == {"skill": 0.5}


def test_a_page_comes_with_who_moves_the_arm_for_it() -> None:
    twin = graph(page=True, page_port=8090)
    assert list(twin) == ["arm", "twin_camera", "safety", "teleop", "page"]
    assert twin["page"].parameters == {"port": 8090}


def test_only_drivers_are_started_again_and_never_what_holds_a_state() -> None:
    robot = graph(robot="so101", driver="mine:Arm", cameras=("wrist=0",), teleop=True)
    assert [node for node, process in robot.items() if process.respawn] == ["arm", "wrist_camera"]
    assert [node for node, process in graph().items() if process.respawn] == ["twin_camera"]


@pytest.mark.parametrize(
    "wanted",
    [{}, {"robot": "twin_cartesian", "teleop": True}, {"robot": "ur5e", "teleop": True}],
)
def test_sources_end_before_the_safety_node_and_the_arm_last(wanted: dict[str, Any]) -> None:
    stages = [process.stage for process in graph(**wanted).values()]
    assert stages == sorted(stages)
    assert {stage for stage in stages if stage > Stage.SAFETY} == (
        {Stage.SOURCE} if wanted.get("teleop") else set()
    )


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"robot": "panda"}, "no robot and no file 'panda'"),
        ({"robot": "ur5e", "gap": "lab-1"}, "gap is 'lab-1', and only the twin has one"),
        ({"robot": "so101", "cameras": ("front",)}, "'front' is no camera; write name=source"),
        ({"robot": "so101", "cameras": ("top=0",)}, "no camera 'top'; choose from wrist"),
        ({"robot": "ur5e", "controller": True}, "ur5e has no work for the controller node"),
        ({"robot": "ur5e", "person": 0.8}, "nobody knows what ur5e does; give task"),
    ],
)
def test_what_does_not_fit_the_robot_is_refused(wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        graph(**wanted)


def test_every_executable_is_a_console_script() -> None:
    everything = {
        process.executable
        for wanted in (
            {"robot": "twin_cartesian", "teleop": True, "policy": "runs/a", "dataset": "data"},
            {"robot": "so101", "cameras": ("wrist=0",)},
            {"person": 0.8},
        )
        for process in graph(**wanted).values()
    }
    assert everything <= set(SCRIPTS)


def test_parameters_have_the_types_that_the_nodes_declare() -> None:
    robot = graph(task="push", gap="lab-1", seed=3, speed=2.0) | graph(
        robot="so101", cameras=("wrist=0",)
    )
    for node, settings in {
        "arm": ArmSettings,
        "twin_camera": TwinCameraSettings,
        "wrist_camera": CameraSettings,
        "safety": SafetySettings,
    }.items():
        own = dict(robot[node].parameters)
        own.pop("use_sim_time", None)
        declared = {field.name: type(field.default) for field in dataclasses.fields(settings)}
        assert {name: type(value) for name, value in own.items()} == {
            name: declared[name] for name in own
        }


def test_strings_stay_strings_on_the_command_line() -> None:
    process = Process("robot-rl-camera-node", "front", {"source": "0", "loop": True}, Stage.ARM)
    arguments = process.ros_arguments("left", Path("mine.yaml"), "debug")
    given = dict(rule.split(":=") for flag, rule in pairs(arguments) if flag == "-p")
    assert {name: yaml.safe_load(value) for name, value in given.items()} == process.parameters
    assert ("-r", "__ns:=/left") in pairs(arguments)
    assert ("-r", "__node:=front") in pairs(arguments)
    assert arguments.index("--params-file") < arguments.index("-p")  # the later one counts


def test_texts_of_a_launch_file_become_settings() -> None:
    texts = {"seed": "3", "speed": "2", "teleop": "True", "cameras": "front=0,wrist=1", "other": ""}
    assert settings_from_texts(texts) == GraphSettings(
        seed=3, speed=2.0, teleop=True, cameras=("front=0", "wrist=1")
    )


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [("seed", "few", "seed is 'few'; give a number"), ("teleop", "on", "choose from true, false")],
)
def test_texts_that_mean_nothing_are_refused(name: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        settings_from_texts({name: text})


def test_the_command_up_has_every_setting_with_the_same_default_and_order() -> None:
    up = {field.name: field.default for field in dataclasses.fields(UpConfig)}
    for field in dataclasses.fields(GraphSettings):
        assert up[field.name] == field.default
    assert set(up) - {field.name for field in dataclasses.fields(GraphSettings)} == {
        "namespace",
        "params_file",
        "log_level",
    }


def test_the_example_of_parameters_names_real_ones_with_their_defaults() -> None:
    example = yaml.safe_load((ROOT / "launch" / "config" / "nodes.yaml").read_text())
    for key, section in example.items():
        name = "".join(word.title() for word in key.removeprefix("/**/").split("_"))
        settings = getattr(node_settings, f"{name}Settings")
        defaults = {field.name: field.default for field in dataclasses.fields(settings)}
        for parameter, value in section["ros__parameters"].items():
            assert (tuple(value) if isinstance(value, list) else value) == defaults[parameter]


def test_the_graph_is_known_without_ros() -> None:
    code = "import sys, hardware.graph; print(*{name.partition('.')[0] for name in sys.modules})"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"rclpy", "launch", "launch_ros", "torch", "mujoco"} & set(done.stdout.split())


def pairs(arguments: tuple[str, ...]) -> list[tuple[str, str]]:
    return list(pairwise(arguments))
