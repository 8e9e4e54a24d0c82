"""The doctor knows the usual faults of ROS, network, clocks and contracts by their looks."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from controllers.reason import Reason
from hardware.contract import Contract, Model
from hardware.contract_file import load_contract
from hardware.dds_profile import PROFILE, VARIABLE
from hardware.discovery_range import RANGE
from hardware.endpoints import Subscription
from hardware.finding import Finding
from hardware.heard import Heard
from hardware.robot_doctor import describe, examine_robot, room
from hardware.ros_installation import explain, installation, probe_ros, sourced
from hardware.ros_network import discovery_remedy, frames, network
from hardware.safety import report_names, request_names, unwatched
from hardware.safety_report import safety_finding
from hardware.topics import SENSOR

STREAM = Subscription("joint_states", "state", "joint_states", "JointState", SENSOR, 100.0, 0.1)
START = 1.8e9
"""A time of these years [s]."""
ALONE = {"ROS_DOMAIN_ID": "62", RANGE: "OFF"}
"""Nodes that nobody hears."""


@pytest.fixture
def twin() -> Contract:
    return load_contract("twin")


def heard(
    rate: float = 100.0, seconds: float = 3.0, offset: float = 0.001, start: float = START
) -> Heard:
    """A stream whose messages came evenly, each ``offset`` [s] after its stamp."""
    stream = Heard(STREAM)
    for index in range(round(rate * seconds)):
        received = start + index / rate
        stream.push(received - offset, received, None)
    return stream


def test_a_stream_as_declared_is_ok_and_its_figures_are_told() -> None:
    finding = heard().judge("/joint_states by /arm", START + 3.0)
    assert (finding.status, finding.remedy) == ("ok", "")
    assert finding.detail == (
        "/joint_states by /arm: 100.0 of 100 Hz, newest 11.0 ms old, stamps 1.0 ms behind our "
        "clock, 0 dropped"
    )


@pytest.mark.parametrize(
    ("offset", "side", "remedy"),
    [
        (2.5, "2.5 s behind our clock", "chrony or ptp"),
        (-2.5, "2.5 s ahead of our clock", "chrony or ptp"),
        (-0.2, "200.0 ms ahead of our clock", "chrony or ptp"),
        (START - 12.0, "behind our clock", "use_sim_time"),
        (12.0 - START, "ahead of our clock", "use_sim_time"),
    ],
)
def test_an_offset_between_clocks_is_told_from_silence_and_named_with_its_remedy(
    offset: float, side: str, remedy: str
) -> None:
    finding = heard(offset=offset).judge("/joint_states", START + 3.0)
    assert finding.status == "problem"
    assert side in finding.detail
    assert "100.0 of 100 Hz" in finding.detail
    assert remedy in finding.remedy


def test_stamps_of_zero_are_a_fault_of_the_driver() -> None:
    stream = Heard(STREAM)
    for index in range(100):
        stream.push(0.0, START + index / 100, None)
    assert "zero" in stream.judge("/joint_states", START + 1.0).remedy


@pytest.mark.parametrize(
    ("rate", "later", "wrong"),
    [(80.0, 0.0, "slower than declared"), (100.0, 0.5, "silent for 5"), (95.0, 0.0, "")],
)
def test_a_slow_stream_and_one_that_fell_silent_are_problems(
    rate: float, later: float, wrong: str
) -> None:
    finding = heard(rate).judge("/joint_states", START + 3.0 + later)
    assert finding.status == ("problem" if wrong else "ok")
    assert wrong in finding.detail
    assert bool(finding.remedy) == bool(wrong)


def test_the_rate_of_a_stream_is_not_judged_by_less_than_three_periods() -> None:
    slow = Heard(STREAM._replace(rate=1.0, max_age=3.0))
    slow.push(START, START, None)
    assert slow.judge("/pose", START + 2.9).status == "ok"
    assert slow.judge("/pose", START + 3.0).status == "problem"


def test_what_came_before_simulated_time_began_does_not_count() -> None:
    stream = heard(seconds=1.0)
    stream.push(11.0, 0.0, None)  # the clock is not there yet
    for index in range(100):
        stream.push(12.0 + index / 100, 12.001 + index / 100, None)
    finding = stream.judge("/joint_states", 13.0)
    assert finding.status == "ok"
    assert "100.0 of 100 Hz" in finding.detail


def test_an_older_libstdcxx_is_recognised_and_the_one_of_conda_named() -> None:
    said = (
        "ImportError: /home/me/miniconda3/envs/rl/bin/../lib/libstdc++.so.6: version "
        "`GLIBCXX_3.4.30' not found (required by /opt/ros/humble/lib/librclcpp.so)\n"
        "The C extension '/opt/ros/humble/lib/_rclpy_pybind11.so' failed to be imported"
    )
    finding = explain(said, {})
    assert finding.status == "problem"
    assert "lacks GLIBCXX_3.4.30, which librclcpp.so needs" in finding.detail
    assert "conda install -c conda-forge 'libstdcxx-ng" in finding.remedy
    system = explain(said.replace("/home/me/miniconda3/envs/rl/bin/..", "/usr"), {})
    assert "conda" not in system.remedy


@pytest.mark.parametrize(
    "said",
    [
        "[rcl]: Error getting RMW implementation identifier / RMW implementation not installed "
        "(expected identifier of 'rmw_zenoh_cpp'), with error message 'failed to load shared "
        "library 'librmw_zenoh_cpp.so' due to dlopen error: librmw_zenoh_cpp.so: cannot open "
        "shared object file: No such file or directory', exiting with 1.",
        "[rcl]: Expected RMW implementation identifier of 'rmw_zenoh_cpp' but instead found "
        "'rmw_fastrtps_cpp', exiting with 102.",
    ],
)
def test_a_middleware_that_is_not_installed_is_recognised(said: str) -> None:
    finding = explain(said, {"ROS_DISTRO": "jazzy"})
    assert "RMW_IMPLEMENTATION is rmw_zenoh_cpp" in finding.detail
    assert finding.remedy == ("unset RMW_IMPLEMENTATION, or apt install ros-jazzy-rmw-zenoh-cpp")


def test_a_scrubbed_library_path_is_recognised() -> None:
    said = "ImportError: librcl_action.so: cannot open shared object file: No such file"
    wheels = explain(said, {"_ROS_WHEELS_BOOTSTRAP_COMPLETE": "1"})
    assert wheels.remedy.startswith("unset _ROS_WHEELS_BOOTSTRAP_COMPLETE")
    assert "setup.bash" in explain(said, {}).remedy


def test_what_nobody_knows_is_repeated_without_colours() -> None:
    finding = explain("Traceback\n\x1b[31mRCLError: no memory\x1b[m, at /src/x.c:49\n\n", {})
    assert finding.detail == "RCLError: no memory"
    assert finding.remedy


def with_ros(root: Path, python: str, source: str) -> dict[str, str]:
    """The environment of a terminal that has sourced a ROS 2 whose rclpy is ``source``."""
    folder = root / "lib" / f"python{python}" / "site-packages"
    (folder / "rclpy").mkdir(parents=True)
    (folder / "rclpy" / "__init__.py").write_text(source)
    return {**os.environ, "PYTHONPATH": str(folder), "AMENT_PREFIX_PATH": str(root)}


def test_a_sourced_ros_of_another_python_is_named_with_both_versions(tmp_path: Path) -> None:
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    for python, remedy in (("3.10", "a terminal that has sourced no"), ("3.99", "python3.99 -m")):
        environment = with_ros(tmp_path / python, python, "import rclpy._rclpy_pybind11")
        probe = probe_ros(environment)
        assert not probe.found
        (finding,) = installation(probe, environment)
        assert f"this is Python {ours}, and the sourced ROS 2 is for Python {python}" in (
            finding.detail
        )
        assert finding.remedy.startswith(remedy)
    assert [ros.python for ros in sourced(environment)] == ["3.99"]


def test_without_ros_the_doctor_says_how_to_get_one(tmp_path: Path) -> None:
    source = "raise ModuleNotFoundError(\"No module named 'rclpy'\")"
    environment = with_ros(tmp_path, "3", source)
    (finding,) = installation(probe_ros(environment), environment)
    assert finding.status == "problem"
    assert finding.detail.startswith("no rclpy for Python")
    assert finding.remedy.startswith("source /opt/ros/")
    assert 'pip install -e ".[ros]"' in finding.remedy


def test_a_missing_message_package_is_named() -> None:
    said = "ModuleNotFoundError: No module named 'trajectory_msgs'"
    assert explain(said, {}).remedy == 'pip install -e ".[ros]"'
    sourced_one = explain(said, {"ROS_DISTRO": "jazzy"})
    assert sourced_one.remedy == "apt install ros-jazzy-trajectory-msgs"


def test_a_whole_ros_tells_version_origin_and_middleware() -> None:
    pytest.importorskip("rclpy")
    environment = os.environ | ALONE
    rclpy, middleware = installation(probe_ros(environment), environment)
    assert (rclpy.status, middleware.status) == ("ok", "ok")
    assert "site-packages" in rclpy.detail or "dist-packages" in rclpy.detail
    assert middleware.detail.startswith("rmw_")


def test_a_middleware_that_ends_the_process_does_not_end_the_doctor() -> None:
    pytest.importorskip("rclpy")
    environment = os.environ | ALONE | {"RMW_IMPLEMENTATION": "rmw_nonsense"}
    (finding,) = installation(probe_ros(environment), environment)
    assert (finding.subject, finding.status) == ("middleware", "problem")
    assert "rmw_nonsense" in finding.detail


def test_a_profile_that_fast_dds_cannot_read_is_a_problem(tmp_path: Path, twin: Contract) -> None:
    pytest.importorskip("rclpy")
    environment = os.environ | ALONE | {VARIABLE: str(tmp_path / "nowhere.xml")}
    finding = frames(twin, probe_ros(environment).said, environment)
    assert finding.status == "problem"
    assert "nowhere.xml" in finding.detail
    assert str(PROFILE) in finding.remedy


@pytest.mark.parametrize(
    ("environment", "subject", "status", "told"),
    [
        ({}, "domain", "ok", "0"),
        ({"ROS_DOMAIN_ID": "7"}, "domain", "ok", "7"),
        ({"ROS_DOMAIN_ID": "lab"}, "domain", "problem", "'lab'"),
        ({"ROS_DOMAIN_ID": "150"}, "domain", "problem", "150"),
        ({}, "discovery", "ok", "SUBNET"),
        ({RANGE: "LOCALHOST"}, "discovery", "ok", "this machine only"),
        ({"ROS_LOCALHOST_ONLY": "1", RANGE: "SUBNET"}, "discovery", "ok", "this machine only"),
        ({"ROS_STATIC_PEERS": "10.0.0.2"}, "discovery", "ok", "10.0.0.2"),
        ({RANGE: "OFF"}, "discovery", "problem", "OFF"),
        ({RANGE: "NEARBY"}, "discovery", "problem", "'NEARBY'"),
    ],
)
def test_domain_and_discovery_range_are_judged(
    environment: dict[str, str], subject: str, status: str, told: str
) -> None:
    found = {finding.subject: finding for finding in network(environment)}[subject]
    assert found.status == status
    assert told in found.detail
    assert bool(found.remedy) == (status == "problem")


def test_who_finds_nobody_is_told_to_start_it_or_to_look_elsewhere() -> None:
    assert discovery_remedy("ur5e").startswith("robot-rl up --robot ur5e")
    assert RANGE in discovery_remedy("ur5e")


def test_frames_that_get_lost_are_foreseen(twin: Contract) -> None:
    large = replace(twin, cameras=tuple(replace(c, width=640, height=480) for c in twin.cameras))
    assert frames(twin, "", {}).status == "ok"
    assert frames(large, "", {}).status == "problem"
    assert f"{VARIABLE}={PROFILE}" in frames(large, "", {}).remedy
    assert frames(large, "", {VARIABLE: str(PROFILE)}) == Finding("dds profile", "ok", str(PROFILE))


def test_room_is_told_in_hours_of_recording(twin: Contract) -> None:
    rate = 20 * (2 * 3 * 128 * 128 + 8 * 8 * 7)
    assert "2.0 h of recording" in room(twin, 2.05 * 3600 * rate).detail
    assert room(twin, 2.05 * 3600 * rate).status == "ok"
    assert room(twin, 0.2 * 3600 * rate).status == "problem"


def test_a_contract_whose_model_is_missing_is_a_problem(twin: Contract) -> None:
    assert describe(twin).status == "ok"
    lost = describe(replace(twin, model=Model("sim:lost.xml", "tcp")))
    assert lost.status == "problem"
    assert "sim:lost.xml" in lost.detail
    assert lost.remedy


def test_a_contract_that_its_model_does_not_fit_is_a_problem(twin: Contract) -> None:
    assert twin.model is not None
    elsewhere = describe(replace(twin, model=replace(twin.model, tool_site="hand")))
    assert elsewhere.status == "problem"
    assert "hand" in elsewhere.detail
    joints = replace(twin.joints, arm=(*twin.joints.arm[:6], "joint8"))
    misnamed = describe(replace(twin, joints=joints))
    assert misnamed.status == "problem"
    assert "joint8" in misnamed.detail


def test_limits_that_nobody_can_keep_are_told(twin: Contract) -> None:
    gap = unwatched(replace(twin, model=None))
    assert gap is not None
    assert "workspace, speed and angular_speed of the tool" in gap
    assert unwatched(twin) is None
    cartesian = load_contract("twin_cartesian")
    assert unwatched(replace(cartesian, model=None)) is None
    ur5e = next(found for found in examine_robot("ur5e", seconds=0.1) if found.subject == "limits")
    assert (ur5e.status, ur5e.remedy) == (
        "absent",
        "give model.file and model.tool_site in the contract",
    )


def test_a_home_that_the_safety_node_would_keep_the_arm_from_is_a_problem(twin: Contract) -> None:
    low = replace(twin.limits, workspace_upper=np.array([0.3, 0.5, 0.2]))
    outside = describe(replace(twin, limits=low))
    assert outside.status == "problem"
    assert "at home.q the tool is at [" in outside.detail
    assert "workspace" in outside.remedy


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("twim",), "did you mean 'twin'"),
        (("twin", "/left"), "namespace is '/left'"),
        (("so101", "", 0.5, "cartesian_twist"), "takes no 'cartesian_twist'"),
    ],
)
def test_a_robot_that_is_none_is_a_finding_with_the_choices(
    arguments: tuple[str, ...], told: str
) -> None:
    last = list(examine_robot(*arguments))[-1]  # pyright: ignore[reportArgumentType]
    assert (last.subject, last.status) == ("contract", "problem")
    assert told in last.detail
    assert last.remedy


def report(contract: Contract, latched: Reason = Reason.NONE) -> tuple[list[str], list[float]]:
    size = len(request_names(contract))
    numbers = [0.1] * size + [float("nan")] * size + [float(Reason.SILENCE), float(latched), 0.0]
    return report_names(request_names(contract)), numbers


def test_a_stopped_robot_is_told_with_what_frees_it(twin: Contract) -> None:
    free = safety_finding(twin, *report(twin), 100.0, "/left/reset")
    assert free.status == "ok"
    assert "100 reports a second; not stopped, commands the arm (SILENCE)" in free.detail
    stopped = safety_finding(twin, *report(twin, Reason.STOP), 100.0, "/left/reset")
    assert stopped.status == "problem"
    assert "STOP" in stopped.detail
    assert "call the service /left/reset (std_srvs/srv/Trigger)" in stopped.remedy


def test_the_safety_node_of_another_robot_is_recognised(twin: Contract) -> None:
    other = safety_finding(load_contract("ur5e"), *report(twin), 100.0, "/reset")
    assert other.status == "problem"
    assert "it commands joint1, " in other.detail
    assert "the contract shoulder_pan_joint, " in other.detail
