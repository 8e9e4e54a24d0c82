"""What a robot shows of itself and of its task, as observations have it."""

from __future__ import annotations

from typing import Any

import numpy as np

from controllers.proprioception import LEAD, PROPRIOCEPTION, proprioception
from controllers.tool_control import ToolAim
from hardware.contract import Camera, Contract
from hardware.endpoints import IMAGES
from hardware.link import Link
from hardware.robot_config import RobotConfig
from hardware.streams import Aligned
from hardware.task import RobotTask, Upright, as_worlds
from hardware.tool_reader import Arm, ToolReader
from robot_rl.crop import WHOLE, crops_of, shrunk
from robot_rl.env import ArraySpec, Observation

WAIT = 1.0
"""How long a set of streams may fail to come together before it is an error [s]."""


class RobotView:
    """The newest aligned set of streams, read as the simulators' observations are.

    Args:
        contract: The robot.
        link: Its topics.
        reader: Reads the arm.
        aim: Has the frame of actions and observations.
        task: Whose objects are observed.
        config: What is observed.

    Attributes:
        arm: As of the last ``look``.
        crops: What is kept of pictures, by camera.

    Raises:
        ValueError: If the contract lacks a camera, or has one of smaller pictures than are asked.
    """

    arm: Arm

    def __init__(
        self,
        contract: Contract,
        link: Link,
        reader: ToolReader,
        aim: ToolAim,
        task: RobotTask | None,
        config: RobotConfig,
    ) -> None:
        contract.require_cameras(config.cameras)
        self._cameras = {camera.name: camera for camera in contract.cameras}
        self.crops = crops_of(config.crop, self._cameras)
        for name in config.cameras:
            _require_pixels(self._cameras[name], self._shape(name), config.image_size)
        self._name, self._link, self._reader, self._aim = contract.name, link, reader, aim
        self._task, self._config = task, config
        # Whoever judges by pictures alone must not make the policy see the arm as late as they are.
        observed = () if config.apart else config.cameras
        self._apart = {IMAGES + name for name in self._cameras if name not in observed}
        self._lookout = 0.1 / contract.rates.policy
        self._aligned: Aligned

    @property
    def spec(self) -> dict[str, ArraySpec]:
        """``state`` and one ``images/<camera>`` per camera."""
        names = (*PROPRIOCEPTION, *(LEAD if self._config.leash else ()))
        if self._task is not None and self._config.privileged:
            names = (*names, *self._task.observation_names)
        specs = {"state": ArraySpec((len(names),), names=names)}
        for camera in self._config.cameras:
            size = self._config.image_size
            shape = (size, size, 3) if size else (*self._shape(camera), 3)
            crop = self.crops.get(camera, ())
            specs[IMAGES + camera] = ArraySpec(shape, "uint8", 0, 255, crop=crop)
        return specs

    @property
    def ages(self) -> dict[str, np.ndarray]:
        """Age of each stream when it was looked at. Shape (1,) [s]."""
        return {name: np.array([age]) for name, age in self._aligned.ages.items()}

    @property
    def measured(self) -> dict[str, np.ndarray]:
        """The last look as the streams have it, by their names; no images."""
        samples = self._aligned.samples.items()
        return {name: sample.value for name, sample in samples if not name.startswith(IMAGES)}

    def forget(self) -> None:
        """A new episode: what was before tells no velocity."""
        self._reader.forget()

    def look(self) -> Arm:
        """Takes the newest whole set.

        Raises:
            ConnectionError: If the streams do not come together within a second.
        """
        end = self._link.now() + WAIT
        while not (aligned := self._link.streams.align(self._link.now(), self._apart)).whole:
            if self._link.now() > end:
                faults = "; ".join(aligned.faults.values())
                raise ConnectionError(f"{self._name} cannot be observed: {faults}")
            self._link.sleep_until(self._link.now() + self._lookout)
        self._aligned = aligned
        self.arm = self._reader.read(aligned, self._link.gripper())
        return self.arm

    def observation(self, elapsed: int, lead: np.ndarray) -> Observation:
        """Of the last look.

        Args:
            elapsed: Steps since the episode began.
            lead: As ``ToolAction`` has it; observed with a leash. Shape (1, 6).
        """
        arm = self.arm
        frame = self._aim.frame(arm.tool.rotation)
        felt = arm.tool, arm.twist, arm.wrench, arm.opening
        parts = [proprioception(*felt, frame, self._aim.level)]
        if self._config.leash:
            parts.append(lead)
        if self._task is not None and self._config.privileged:
            parts.append(self._task.observe(self.worlds(elapsed)))
        observation = {"state": np.hstack(parts).astype(np.float32)}
        for key, image in self.images(self._config.cameras).items():
            size = self._config.image_size
            observation[key] = (shrunk(image[0], size) if size else image[0].copy())[None]
        return observation

    def images(self, cameras: tuple[str, ...]) -> Observation:
        """Of the last look, cropped, by ``images/<camera>``. Shape (1, height, width, 3) each."""
        samples = self._aligned.samples
        seen = {camera: samples[IMAGES + camera].value for camera in cameras}
        return {
            IMAGES + camera: self.crops.get(camera, WHOLE).of(image)[None]
            for camera, image in seen.items()
        }

    def image_stamps(self, cameras: tuple[str, ...]) -> dict[str, np.ndarray]:
        """When they were taken. Arrays of shape (1,) [s]."""
        keys = [IMAGES + camera for camera in cameras]
        return {key: np.array([self._aligned.samples[key].stamp]) for key in keys}

    def worlds(self, elapsed: int) -> Any:
        """The measured world as the task sees it."""
        arm, objects = self.arm, self._objects()
        poses = {name: Upright.of(pose) for name, pose in objects.items()}
        return as_worlds(
            tool_position=arm.tool.position,
            tool_rotation=arm.tool.rotation,
            twist=arm.twist,
            opening=arm.opening,
            # From xyzw to MuJoCo's wxyz, which tasks are written with.
            bodies={n: np.r_[p[:3], np.roll(p[3:], 1)][None] for n, p in objects.items()},
            draw={} if self._task is None else self._task.locate(poses),
            elapsed=np.array([elapsed]),
        )

    def _shape(self, name: str) -> tuple[int, int]:
        """Height and width of the camera's pictures, cropped [pixels]."""
        camera = self._cameras[name]
        kept = self.crops.get(name, WHOLE).of(np.empty((camera.height, camera.width)))
        return kept.shape[0], kept.shape[1]

    def _objects(self) -> dict[str, np.ndarray]:
        names = () if self._task is None else self._task.objects
        return {name: self._aligned.samples[f"extra/{name}"].value for name in names}


def _require_pixels(camera: Camera, shape: tuple[int, int], size: int) -> None:
    if size > min(shape):
        whole, kept = (camera.height, camera.width), f"{shape[0]} x {shape[1]}"
        crop = f", of which crop keeps {kept}" if shape != whole else ""
        raise ValueError(
            f"image_size is {size}, and camera {camera.name} gives pictures of {whole[0]} x "
            f"{whole[1]} pixels{crop}; choose a size that is no larger, a camera with larger "
            "pictures, or train with such pictures"
        )
