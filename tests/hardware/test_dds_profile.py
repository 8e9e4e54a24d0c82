"""Our profile is used unless the user has one, and frames that need it are told of."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from hardware.dds_profile import (
    CONTROL,
    CONTROL_LOCAL,
    PROFILE,
    SHARED_MEMORY,
    VARIABLE,
    loss_of,
    use_dds_profile,
    without_shared_memory,
)
from hardware.discovery_range import LOCAL, RANGE

FRAME = 640 * 480 * 3


def test_our_profile_is_used_and_the_rest_stays() -> None:
    assert use_dds_profile({"HOME": "/root"}) == {"HOME": "/root", VARIABLE: str(PROFILE)}


@pytest.mark.parametrize("variable", [VARIABLE, "FASTRTPS_DEFAULT_PROFILES_FILE"])
def test_a_profile_of_the_user_goes_before_ours(variable: str) -> None:
    environment = {variable: "/etc/mine.xml"}
    assert use_dds_profile(environment) == environment


def test_our_profile_has_room_for_frames() -> None:
    sizes = [
        int(element.text or 0)
        for element in ElementTree.parse(PROFILE).iter()
        if element.tag.endswith("segment_size")
    ]
    assert sizes == [16 * 1024**2]


@pytest.mark.parametrize(
    ("size", "environment", "lost"),
    [
        (FRAME, {}, True),
        (SHARED_MEMORY, {}, False),
        (FRAME, {VARIABLE: str(PROFILE)}, False),
        (FRAME, {"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"}, False),
        (FRAME, {"RMW_IMPLEMENTATION": "rmw_fastrtps_cpp"}, True),
    ],
)
def test_large_frames_without_a_profile_are_lost(
    tmp_path: Path, size: int, environment: dict[str, str], lost: bool
) -> None:
    reason = loss_of(size, environment, tmp_path)
    assert (reason is not None) is lost
    if reason is not None:
        assert "900 KiB, more than the 512 KiB that Fast DDS passes on unharmed" in reason
        assert str(PROFILE) in reason


def test_a_profile_in_the_working_directory_counts(tmp_path: Path) -> None:
    (tmp_path / "DEFAULT_FASTDDS_PROFILES.xml").write_text("<dds/>")
    assert loss_of(FRAME, {}, tmp_path) is None


def test_nodes_that_move_the_arm_go_without_shared_memory() -> None:
    chosen = without_shared_memory({"HOME": "/root"})
    assert chosen == {"HOME": "/root", VARIABLE: str(CONTROL)}
    for profile in (CONTROL, CONTROL_LOCAL):
        kinds = [e.text for e in ElementTree.parse(profile).iter() if e.tag.endswith("}type")]
        assert kinds == ["UDPv4"]


@pytest.mark.parametrize("chosen", [{RANGE: "LOCALHOST"}, {LOCAL: "1", RANGE: "SUBNET"}])
def test_a_node_of_this_machine_stays_on_it_without_shared_memory(chosen: dict[str, str]) -> None:
    # The range LOCALHOST would add it, whatever the profile says.
    found = without_shared_memory(chosen)
    assert found == {VARIABLE: str(CONTROL_LOCAL), RANGE: "SUBNET", LOCAL: "0"}
    addresses = [
        e.text for e in ElementTree.parse(CONTROL_LOCAL).iter() if e.tag.endswith("}address")
    ]
    assert set(addresses) == {"127.0.0.1"}


def test_a_profile_of_the_user_stays_for_all_nodes() -> None:
    environment = {VARIABLE: "/etc/mine.xml", RANGE: "LOCALHOST"}
    assert without_shared_memory(environment) == environment
