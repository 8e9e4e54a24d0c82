"""Presets hold, and a contract that does not is answered by file, key and choices."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from controllers.limits import PANDA
from hardware.contract import Contract
from hardware.contract_file import (
    ContractError,
    from_values,
    load_contract,
    robots,
    to_values,
)
from hardware.endpoints import MESSAGES, publications, subscriptions
from hardware.topics import Qos
from sim import panda

TWIN = to_values(load_contract("twin"))
UR5E = to_values(load_contract("ur5e"))


def changed(key: str, value: Any, values: dict[str, Any] = TWIN) -> dict[str, Any]:
    """A copy with one value changed; ``key`` as an error writes it, but with dots alone."""
    copied = copy.deepcopy(values)
    *way, last = key.split(".")
    part: Any = copied
    for step in way:
        part = part[int(step) if isinstance(part, list) else step]
    part[int(last) if isinstance(part, list) else last] = value
    return copied


@pytest.mark.parametrize("robot", robots())
def test_a_preset_is_named_as_its_file_and_says_where_its_numbers_are_from(robot: str) -> None:
    contract = load_contract(robot)
    assert contract.name == robot
    assert contract.sources
    assert contract.description


@pytest.mark.parametrize("robot", robots())
def test_a_contract_survives_the_way_through_yaml_unchanged(robot: str, tmp_path: Path) -> None:
    values = to_values(load_contract(robot))
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(values))
    assert to_values(load_contract(path)) == values


TWINS = ("twin", "twin_cartesian", "twin_depth", "twin_light", "twin_sharp")


def test_the_presets_are_six_arms_and_kinds_of_the_twin() -> None:
    assert robots() == ("fr3", "gen3", "so101", *TWINS, "ur5e", "xarm7")


def test_only_the_twins_count_as_verified() -> None:
    folder = Path(__file__).parents[2] / "hardware" / "robots"
    unverified = {p.stem for p in folder.glob("*.yaml") if "ot verified on" in p.read_text()}
    assert unverified == set(robots()) - set(TWINS)


def test_the_twin_is_our_panda() -> None:
    twin = load_contract("twin")
    assert twin.joints.arm == panda.ARM_JOINTS
    assert twin.joints.gripper == panda.FINGER_JOINTS
    harder = replace(PANDA, force=twin.limits.force, torque=twin.limits.torque)
    assert to_values(twin.limits) == to_values(harder), "all but what contact may be like"
    np.testing.assert_allclose(twin.home.q, panda.Q_READY, atol=1e-6)
    assert twin.gripper is not None
    assert twin.gripper.open == panda.FINGER_TRAVEL
    assert twin.model is not None
    assert twin.model.path == panda.MODEL_FILE
    assert twin.model.tool_site == panda.TOOL_SITE


def test_behind_its_controller_the_twin_is_the_same_arm() -> None:
    twin, poses = load_contract("twin"), load_contract("twin_cartesian")
    joints = poses.with_mode("joint_position")
    assert to_values(joints.command) == to_values(twin.command)
    for name in ("joints", "limits", "frames", "cameras", "extra", "gripper", "home", "model"):
        assert to_values(getattr(poses, name)) == to_values(getattr(twin, name))


def test_a_file_that_extends_another_holds_what_differs(tmp_path: Path) -> None:
    (tmp_path / "arm.xml").write_text("<mujoco/>")
    (tmp_path / "base.yaml").write_text(
        "extends: fr3\nname: base\nmodel: {file: arm.xml, tool_site: tool}\n"
    )
    mine = tmp_path / "deeper" / "mine.yaml"
    mine.parent.mkdir()
    mine.write_text("extends: ../base.yaml\nname: mine\nlimits: {speed: 0.1}\ncameras: []\n")
    fr3, found = load_contract("fr3"), load_contract(mine)
    assert (found.name, found.limits.speed, found.cameras) == ("mine", 0.1, ())
    assert found.model is not None
    assert found.model.path.samefile(tmp_path / "arm.xml")
    assert to_values(replace(found.limits, speed=fr3.limits.speed)) == to_values(fr3.limits)
    assert to_values(found.command) == to_values(fr3.command)


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("fr33", r"mine\.yaml: extends: no robot and no file 'fr33' \(did you mean 'fr3'\?\)"),
        ("mine.yaml", r"mine\.yaml extends itself; name another robot"),
        ("5", r"mine\.yaml: extends: extends is 5; give a string"),
    ],
)
def test_what_cannot_be_extended_is_answered(tmp_path: Path, base: str, message: str) -> None:
    (tmp_path / "mine.yaml").write_text(f"extends: {base}\nname: mine\n")
    with pytest.raises(ContractError, match=message):
        load_contract(tmp_path / "mine.yaml")


def test_every_message_type_of_every_preset_has_a_full_name() -> None:
    for robot in robots():
        contract = load_contract(robot)
        for endpoint in (*subscriptions(contract), *publications(contract)):
            assert MESSAGES[endpoint.type].endswith(f"/msg/{endpoint.type}")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("rates.streem", 500, r"rates has no key 'streem' \(did you mean 'stream'\?\); valid are "),
        ("colour", "red", r"the contract has no key 'colour'; valid are name, joints, limits"),
        ("joints.arm.1", "joint1", r"joints\.arm\[1\] is 'joint1', as is arm\[0\]; name each"),
        ("joints.gripper.0", "joint3", r"joints\.gripper\[0\] is 'joint3', as is arm\[2\]"),
        ("joints.arm", [], r"joints\.arm is empty; name the joints"),
        ("limits.dq", [2.0] * 6, r"limits\.dq has shape \(6,\), but \(7,\) is needed"),
        ("joints.arm", ["a", "b"], r"limits has 7 values per key, but joints\.arm names 2.*: a, b"),
        ("home.q", [0.0] * 6, r"home\.q has 6 values, but joints\.arm names 7 joints: joint1"),
        ("limits.q_upper.0", 166.0, r"limits\.q_upper\[0\] is 166 rad, which looks like degrees"),
        ("limits.q_lower.2", -166, r"limits\.q_lower\[2\] is -166 rad, which looks like degrees"),
        ("home.q.3", -135, r"home\.q\[3\] is -135 rad, which looks like degrees; give rad"),
        ("limits.dq.6", 150.0, r"limits\.dq\[6\] is 150 rad/s, which looks like degrees"),
        ("limits.angular_speed", 90, r"limits\.angular_speed is 90 rad/s, which looks like deg"),
        ("limits.workspace_upper.0", 800, r"limits\.workspace_upper\[0\] is 800 m, which .* mill"),
        ("limits.workspace_lower.1", -500, r"workspace_lower\[1\] is -500 m, which .* millimetres"),
        ("limits.speed", 250, r"limits\.speed is 250 m/s, which looks like millimetres"),
        ("limits.force", -1.0, r"limits\.force is -1\.0, but must be above zero"),
        ("limits.force", float("inf"), r"limits\.force is inf; give a finite number"),
        ("home.q.1", 2.5, r"home\.q\[1\] is 2\.5 rad, beyond .* joint2; give -1\.7628 to 1\.7628"),
        ("command.type", "Twist", r"command\.type is 'Twist', which cannot carry .*joint_position"),
        ("command.type", "Float32", r"command\.type is 'Float32'.*choose from Float64MultiArray"),
        ("command.mode", "cartesian_pose", r"cannot carry mode 'cartesian_pose'.*PoseStamped"),
        (
            "command.topic",
            "/arm/commands",
            r"command\.topic is '/arm/commands', an absolute.*as 'a",
        ),
        ("command.topic", "~/commands", r"command\.topic is '~/commands', an absolute or private"),
        ("command.topic", "arm//x y", r"command\.topic is 'arm//x y', no name of ROS"),
        ("command.topic", "wrench", r"command\.topic is 'wrench', as is state\.wrench\.topic"),
        (
            "gripper.topic",
            "arm/commands",
            r"gripper\.topic is 'arm/commands', as is command\.topic",
        ),
        ("cameras.1.topic", "front/image_raw", r"cameras\[1\]\.topic is .*as is cameras\[0\]\.top"),
        ("cameras.1.name", "front", r"cameras\[1\]\.name is 'front', as is cameras\[0\]\.name"),
        ("cameras.0.name", "front camera", r"cameras\[0\]\.name is 'front camera'; give one word"),
        ("cameras.0.width", 0, r"cameras\[0\]\.width is 0 pixels; give 1 to 8192 pixels"),
        ("cameras.0.height", -128, r"cameras\[0\]\.height is -128 pixels"),
        ("cameras.0.width", 128.0, r"cameras\[0\]\.width is 128\.0; give a whole number"),
        ("cameras.0.rate", 0, r"cameras\[0\]\.rate is 0 Hz"),
        ("cameras.0.max_age", 20.0, r"cameras\[0\]\.max_age is 20 s; give 0\.001 to 10 s"),
        ("cameras.0.type", "jpeg", r"cameras\[0\]\.type is 'jpeg'; choose from raw, compressed"),
        (
            "cameras.0.type",
            "depth",
            r"cameras\[0\]\.type is 'depth' of camera 'front'; give depth",
        ),
        ("cameras.0.name", "front_depth", r"cameras\[0\]\.type is 'raw' of camera 'front_depth'"),
        ("cameras", "front", r"cameras is 'front'; give a list"),
        ("extra.0.name", "the block", r"extra\[0\]\.name is 'the block'; give one word"),
        ("extra.0.topic", "/block", r"extra\[0\]\.topic is '/block', an absolute"),
        ("rates.policy", 0, r"rates\.policy is 0 Hz; give 1 to 100 Hz"),
        ("rates.stream", 1000, r"rates\.stream is 1000 Hz; give 100 to 500 Hz"),
        ("rates.stream", "5e2", r"rates\.stream is the text '5e2'; give a number, with point"),
        ("rates.stream", True, r"rates\.stream is True; give a number"),
        ("rates.state", 5, r"rates\.state is 5 Hz; give 10 to 1000 Hz"),
        ("rates.command_timeout", 0.001, r"rates\.command_timeout is 0\.001 s; give 0\.004 to 2 s"),
        ("state.wrench.max_age", 0, r"state\.wrench\.max_age is 0 s"),
        ("state.wrench.rate", 5000, r"state\.wrench\.rate is 5000 Hz"),
        ("state.joint_states.qos.depth", 0, r"state\.joint_states\.qos\.depth is 0 messages"),
        (
            "command.qos.reliability",
            "best_efort",
            r"qos\.reliability is 'best_efort' \(did you mean 'best_eff",
        ),
        ("gripper.closed", 0.04, r"gripper\.open is 0\.04, and so is closed; give two values"),
        ("home.duration", 0.0, r"home\.duration is 0 s; give 0\.5 to 60 s"),
        ("name", "my arm", r"name is 'my arm'; give one word"),
        ("name", 7, r"name is 7; give a string"),
        ("frames", None, r"frames is None; give keys"),
    ],
)
def test_what_does_not_hold_is_named_with_its_key(key: str, value: Any, message: str) -> None:
    with pytest.raises(ContractError, match=rf"mine\.yaml: .*{message}"):
        from_values(changed(key, value), "mine.yaml")


@pytest.mark.parametrize("key", ["stream", "policy"])
def test_a_missing_key_is_named_with_those_that_are_needed(key: str) -> None:
    values = copy.deepcopy(TWIN)
    del values["rates"][key]
    message = rf"mine: rates lacks {key}; needed are policy, stream, state"
    with pytest.raises(ContractError, match=message):
        from_values(values, "mine")


def test_an_alternative_needs_a_topic_of_its_own() -> None:
    topic = "forward_position_controller/commands"
    with pytest.raises(ContractError, match=rf"alternatives\[0\]\.topic is '{topic}', as is comm"):
        from_values(changed("alternatives.0.topic", topic, UR5E))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [twin", r"own\.yaml is no YAML that can be read: line 1, column 12: expected"),
        ("name: twin\n\tq: 1", r"line 2, column 1: found character '\\t'"),
        ("name: twin\nname: other", r"line 2, column 1: the key 'name' is given twice"),
        ("q: !degrees 90", r"own\.yaml is no YAML.*\n?.*!degrees"),
        ("", r"own\.yaml: the contract is None; give keys"),
        ("- a\n- b", r"own\.yaml: the contract is \['a', 'b'\]; give keys"),
    ],
)
def test_a_file_that_is_no_contract_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(ContractError, match=message):
        load_contract(path)


def test_an_unknown_robot_is_answered_with_the_choices() -> None:
    message = r"'twinn' \(did you mean 'twin'\?\); choose from fr3, .*, or give the path"
    with pytest.raises(ContractError, match=message):
        load_contract("twinn")


def test_a_namespace_goes_before_every_topic_and_nothing_else() -> None:
    for robot in robots():
        plain = load_contract(robot)
        moved = plain.in_namespace("cell/left")
        topics = [e.topic for e in (*subscriptions(plain), *publications(plain))]
        there = [e.topic for e in (*subscriptions(moved), *publications(moved))]
        assert there == [f"cell/left/{topic}" for topic in topics]
        assert moved.joints == plain.joints
        assert moved.limits is plain.limits
    with pytest.raises(ValueError, match="namespace is '/left', an absolute"):
        load_contract("twin").in_namespace("/left")


def test_a_robot_can_be_commanded_in_another_of_its_modes() -> None:
    ur5e = load_contract("ur5e")
    fast = ur5e.with_mode("joint_velocity")
    assert fast.command.topic == "forward_velocity_controller/commands"
    assert [command.mode for command in fast.alternatives] == ["joint_position"]
    assert to_values(fast.with_mode("joint_position")) == to_values(ur5e)
    with pytest.raises(ValueError, match="no 'cartesian_pose'; choose from joint_position, joint_"):
        ur5e.with_mode("cartesian_pose")


def test_sensors_are_heard_best_effort_and_commands_sent_reliably() -> None:
    for robot in robots():
        contract: Contract = load_contract(robot)
        assert {s.qos.reliability for s in subscriptions(contract)} == {"best_effort"}
        assert {p.qos for p in publications(contract)} == {Qos("reliable", 1, "volatile")}


def test_streams_have_their_own_rate_and_limit() -> None:
    streams = {s.name: s for s in subscriptions(load_contract("fr3"))}
    assert streams["joint_states"].rate == 100
    assert streams["wrench"].rate == 1000
    assert (streams["gripper"].rate, streams["gripper"].max_age) == (15, 0.5)
    twin = {s.name: s for s in subscriptions(load_contract("twin"))}
    assert twin["images/front"].max_age == pytest.approx(3 / 20)
    assert twin["extra/block"].type == "PoseStamped"


def test_a_gripper_by_trajectory_needs_names() -> None:
    values = changed("gripper.type", "JointTrajectory")
    values["joints"]["gripper"] = []
    with pytest.raises(ContractError, match=r"'JointTrajectory', and joints\.gripper names no jo"):
        from_values(values)


def test_a_compressed_camera_speaks_another_type() -> None:
    contract = from_values(changed("cameras.0.type", "compressed"))
    assert [s.type for s in subscriptions(contract)][-2:] == ["CompressedImage", "Image"]


def test_a_depth_camera_sends_images_of_two_bytes_a_pixel() -> None:
    contract = load_contract("twin_depth")
    assert [s.type for s in subscriptions(contract)][-3:] == ["Image"] * 3
    assert [camera.bytes for camera in contract.cameras] == [12288, 12288, 8192]


def test_a_model_lies_beside_its_contract(tmp_path: Path) -> None:
    (tmp_path / "own.urdf").write_text("<robot/>")
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(changed("model.file", "own.urdf")))
    model = load_contract(tmp_path / "own.yaml").model
    assert model is not None
    assert model.path == tmp_path / "own.urdf"


@pytest.mark.parametrize("file", ["nowhere.xml", "sim:nowhere.xml", "no_such_package:arm.xml"])
def test_a_model_that_is_not_there_is_named(file: str) -> None:
    model = from_values(changed("model.file", file)).model
    assert model is not None
    with pytest.raises(FileNotFoundError, match=f"model.file is '{file}', and nothing is there"):
        _ = model.path
