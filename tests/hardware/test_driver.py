"""The seam to an arm's own library: what does not fit is said before anybody relies on it."""

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hardware.contract import Contract
from hardware.contract_file import load_contract
from hardware.driver import Reading, check_reading, make_driver
from hardware.topics import StateTopic

TWIN = load_contract("twin")
Q = np.r_[TWIN.home.q, 0.0, 0.0]


class Whole:
    """Stands still."""

    said: Reading | None = None

    def __init__(self, contract: Contract) -> None: ...
    def connect(self) -> None: ...
    def time(self) -> float:
        return time.monotonic()

    def read(self) -> Reading:
        return self.said or reading()

    def send(self, command: np.ndarray) -> None: ...
    def grip(self, value: float) -> None: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...


class NoStop(Whole):
    stop = None  # pyright: ignore[reportAssignmentType]


class NoContract(Whole):
    def __init__(self) -> None: ...


def reading(**changes: Any) -> Reading:
    whole = Reading(time.monotonic(), Q, np.zeros(9), np.zeros(6))
    return whole._replace(**changes)


def _driver(name: str) -> Any:
    return make_driver(f"{__name__}:{name}", TWIN)


def test_a_whole_driver_is_taken() -> None:
    check_reading(TWIN, _driver("Whole"))


def test_a_driver_that_could_not_stop_is_refused() -> None:
    with pytest.raises(TypeError, match="lacks stop; a driver has connect, time, read"):
        _driver("NoStop")


def test_a_driver_is_called_with_its_contract() -> None:
    with pytest.raises(TypeError, match=r"NoContract.*it is called with its contract"):
        _driver("NoContract")


def test_a_driver_that_is_not_on_the_path_says_where_it_belongs() -> None:
    with pytest.raises(ImportError, match=r"No module named 'foo'; put its folder on PYTHONPATH"):
        make_driver("foo:Bar", TWIN)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"q": Q[:5]}, r"Reading\.q is \(5,\); report an array of shape \(9,\): joint1, "),
        ({"q": Q.tolist()}, r"Reading\.q is list; report an array"),
        ({"dq": np.full(9, np.nan)}, r"Reading\.dq is \[nan.*report finite numbers"),
        ({"q": np.degrees(Q)}, r"joint2 is at -45.* rad, which looks like degrees"),
        ({"wrench": None}, r"state\.wrench and the driver reports none.*or take state\.wrench out"),
        ({"stamp": 1e9}, r"s old by the driver's own time\(\); take Reading\.stamp from"),
    ],
)
def test_what_a_driver_reports_wrongly_is_named(changes: dict[str, Any], told: str) -> None:
    driver = _driver("Whole")
    driver.said = reading(**changes)
    with pytest.raises(ValueError, match=told):
        check_reading(TWIN, driver)


def test_a_driver_that_is_to_tell_the_pose_of_its_tool_must() -> None:
    contract = replace(TWIN, state=replace(TWIN.state, current_pose=StateTopic("current_pose")))
    driver = _driver("Whole")
    with pytest.raises(ValueError, match=r"state\.current_pose .*; report Reading\.pose_base_tool"):
        check_reading(contract, driver)
    driver.said = reading(pose_base_tool=np.array([0.5, 0, 0.3, 1, 0, 0, 0]))
    check_reading(contract, driver)
