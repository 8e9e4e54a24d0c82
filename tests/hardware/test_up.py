"""What surrounds the processes of a robot: their environment, programs and introduction."""

import sys
from pathlib import Path

import pytest

from hardware.contract_file import load_contract
from hardware.dds_profile import PROFILE, VARIABLE
from hardware.discovery_range import RANGE
from hardware.graph import GraphSettings, processes
from hardware.up import environment_of, find_executable, introduction, up


def test_the_twin_stays_on_this_machine_and_frames_get_their_profile() -> None:
    environment = environment_of({"PATH": "/bin"}, twin=True)
    assert environment[RANGE] == "LOCALHOST"
    assert environment[VARIABLE] == str(PROFILE)
    assert environment["PATH"] == "/bin"


def test_a_real_robot_is_looked_for_as_far_as_ros_does_by_itself() -> None:
    assert RANGE not in environment_of({}, twin=False)


@pytest.mark.parametrize(
    "own", [{RANGE: "SUBNET"}, {VARIABLE: "mine.xml"}, {"PYTHONUNBUFFERED": ""}]
)
def test_what_the_user_has_set_stays(own: dict[str, str]) -> None:
    assert own.items() <= environment_of(own, twin=True).items()


def test_the_older_variable_for_staying_local_counts_as_well() -> None:
    assert RANGE not in environment_of({"ROS_LOCALHOST_ONLY": "1"}, twin=True)


def test_programs_of_our_own_installation_go_before_those_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("ours", "path"):
        program = tmp_path / folder / "robot-rl-arm-node"
        program.parent.mkdir()
        program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    ours, elsewhere = tmp_path / "ours" / "python", tmp_path / "elsewhere" / "python"
    assert find_executable("robot-rl-arm-node", ours) == str(ours.with_name("robot-rl-arm-node"))
    assert find_executable("robot-rl-arm-node", elsewhere) == str(
        tmp_path / "path" / "robot-rl-arm-node"
    )
    with pytest.raises(FileNotFoundError, match=r"no program robot-rl-safety-node .* install"):
        find_executable("robot-rl-safety-node", ours)


def test_the_introduction_has_full_names_and_says_how_to_join_and_to_stop() -> None:
    text = introduction(
        load_contract("twin"), "my.yaml", processes(GraphSettings()), "left", {RANGE: "LOCALHOST"}
    )
    for part in (
        "arm, twin_camera, safety",
        "/left/joint_states",
        "/left/wrist/image_raw",
        "/left/request",
        "/left/estop",
        "Ctrl-C",
        "robot-rl doctor --robot my.yaml --namespace left",
        "this machine only",
    ):
        assert part in text
    alone = introduction(load_contract("ur5e"), "ur5e", processes(GraphSettings("ur5e")), "", {})
    assert "cameras  none" in alone
    assert "this machine only" not in alone


def test_without_ros_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rclpy", None)
    with pytest.raises(ImportError, match=r"pip install 'robot-rl\[ros\]'"):
        up()


@pytest.mark.parametrize(
    ("wanted", "error", "message"),
    [
        ({"namespace": "/left"}, ValueError, "give a relative one, as 'left'"),
        ({"params_file": Path("none.yaml")}, FileNotFoundError, "no params_file none.yaml"),
        ({"robot": "panda"}, ValueError, "no robot and no file 'panda'"),
    ],
)
def test_nothing_starts_from_settings_that_make_no_sense(
    wanted: dict[str, object], error: type[Exception], message: str
) -> None:
    pytest.importorskip("rclpy")
    with pytest.raises(error, match=message):
        up(**wanted)  # pyright: ignore[reportArgumentType]
