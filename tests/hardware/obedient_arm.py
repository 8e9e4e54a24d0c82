"""An arm that is at once where it is asked to be; time is a number."""

from collections.abc import Callable, Collection, Mapping

import numpy as np

from hardware.contract import Contract
from hardware.contract_file import load_contract
from hardware.environments import observing
from hardware.keys import Key
from hardware.link import Report
from hardware.streams import Streams
from hardware.task import load_task

TASK = load_task("peg_insert")
ROBOT = observing(load_contract("twin"), TASK)
HOME = np.array(ROBOT.home.q)
BLOCK = np.array([0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0])


class ObedientArm:
    """A ``Link`` whose arm stands where it was asked to; nobody arranges its objects.

    Args:
        robot: Whose streams it has.
        q: Where it stands first, in the contract's mode.
    """

    block = BLOCK

    def __init__(self, robot: Contract = ROBOT, q: np.ndarray = HOME + 0.1) -> None:
        self.streams = Streams.of(robot, cameras=False)
        self.asked: list[np.ndarray] = []
        self.announced: list[bool] = []
        self.time, self.q = 100.0, q
        self.told: float | None = None
        self.sleep_until(self.time)

    def measured(self) -> dict[str, np.ndarray]:
        """What the streams say now, by name."""
        fingers = np.zeros(len(ROBOT.joints.gripper))
        joints = np.stack([np.r_[self.q, fingers], np.zeros(len(self.q) + len(fingers))])
        return {"joint_states": joints, "wrench": np.zeros(6), "extra/block": self.block}

    def now(self) -> float:
        return self.time

    def sleep_until(self, when: float) -> None:
        self.time, values = when, self.measured()
        for name in self.streams.names:
            self.streams[name].push(when, when, values[name])

    def connect(self, timeout: float) -> None:
        pass

    def request(self, target: np.ndarray, gripper: float | None) -> float:
        self.q, self.told = target, gripper
        self.asked.append(target)
        return self.time

    def reports(self, since: float) -> list[Report]:
        return [Report(self.time, self.q, self.q, 0, 0, False)]

    def gripper(self) -> float | None:
        return self.told

    def place(self, name: str, pose: np.ndarray) -> bool:
        return False

    def pressed(self, keys: Collection[Key]) -> list[Key]:
        return []

    def scene(self) -> np.ndarray | None:
        return None

    def announce(self, running: bool) -> None:
        self.announced.append(running)

    def open_latch(self) -> None:
        pass

    def tell(self, values: Mapping[str, float]) -> None:
        pass

    def offer_pause(self) -> Callable[[], bool]:
        return lambda: False

    def close(self) -> None:
        pass

    def was_home(self) -> bool:
        """Whether the arm was at its home since the last question."""
        found = any(np.abs(q - HOME).max() < 0.01 for q in self.asked)
        self.asked.clear()
        return found
