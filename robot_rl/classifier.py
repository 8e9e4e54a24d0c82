"""A classifier of success as a file: weights, cameras, threshold, calibration, and a card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from robot_rl import weights_file
from robot_rl.classifier_network import SuccessNetwork, shrunk

FORMAT = 1
"""Version of the file."""
_BATCH = 256


class ClassifierError(ValueError):
    """A classifier that does not fit; the message says why."""


@dataclass
class SuccessClassifier:
    """Sees success in images of one moment."""

    network: SuccessNetwork
    size: int
    """Height and width of what the network sees [pixels]; images of others are shrunk."""
    threshold: float = 0.5
    """Calibrated probability from which a frame counts as success."""
    frames: int = 3
    """Frames in a row that the threshold was chosen for."""
    temperature: float = 1.0
    """Divides the logits (Guo et al., 2017), so that scores are probabilities."""
    bias: float = 0.0
    """Added then: it learns from batches half of which are successes, and sees fewer of them."""
    contrast: dict[str, float] = field(default_factory=dict)
    """By camera: standard deviation over an image below which the camera counts as covered."""
    crops: dict[str, tuple[float, ...]] = field(default_factory=dict)
    """By camera: what it has seen of the camera's pictures, as ``robot_rl.crop.Crop``."""
    card: dict[str, Any] = field(default_factory=dict)
    """Where it came from and how good it was, as JSON values."""

    @property
    def cameras(self) -> tuple[str, ...]:
        """Cameras that it looks at."""
        return self.network.cameras

    def logits(self, images: Mapping[str, Tensor]) -> np.ndarray:
        """Calibrated, of shrunk images, shape (batch, 3, size, size), uint8. Shape (batch,)."""
        return self.raw_logits(images) / self.temperature + self.bias

    @torch.no_grad()
    def raw_logits(self, images: Mapping[str, Tensor]) -> np.ndarray:
        """As the network has them."""
        self.network.eval()
        count = len(images[self.cameras[0]])
        parts = [
            self.network({c: images[c][at : at + _BATCH] / 255 for c in self.cameras})
            for at in range(0, count, _BATCH)
        ]
        return torch.cat(parts).double().numpy()

    def score(self, images: Mapping[str, np.ndarray]) -> np.ndarray:
        """Probability of success.

        Args:
            images: By camera. Shape (batch, height, width, 3), uint8.

        Returns:
            Shape (batch,).
        """
        small = {camera: shrunk(images[camera], self.size) for camera in self.cameras}
        return probability(self.logits(small))

    def covered(self, images: Mapping[str, np.ndarray]) -> np.ndarray:
        """Whether a camera sees next to nothing. Shape (batch,), bool."""
        spreads = {c: spread(shrunk(images[c], self.size)) for c in self.cameras}
        each = [spreads[c] < self.contrast.get(c, 0.0) for c in self.cameras]
        return np.logical_or.reduce(each)

    def save(self, path: Path) -> Path:
        """Writes all of it into one file, which cannot run code when it is loaded."""
        content = {
            "format": FORMAT,
            "cameras": list(self.cameras),
            "size": self.size,
            "threshold": self.threshold,
            "frames": self.frames,
            "temperature": self.temperature,
            "bias": self.bias,
            "contrast": self.contrast,
            "crops": {camera: list(crop) for camera, crop in self.crops.items()},
            "card": json.dumps(self.card),
            "state": self.network.state_dict(),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        weights_file.write(path, content, "make room and train again")
        return path

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads what ``save`` wrote.

        Raises:
            FileNotFoundError: If there is no such file.
            CheckpointError: If it is damaged.
            ClassifierError: If it is no classifier, or one of another version.
        """
        if not path.is_file():
            raise FileNotFoundError(
                f"no classifier {path}; `robot-rl classifier train DATASET --output {path}` makes "
                "one"
            )
        content = weights_file.read(path)
        if content.get("format") != FORMAT or "contrast" not in content:
            raise ClassifierError(f"{path} is no classifier of format {FORMAT}; train it again")
        network = SuccessNetwork(content["cameras"], content["size"])
        network.load_state_dict(content["state"])
        kept = ("size", "threshold", "frames", "temperature", "bias", "contrast")
        chosen = {name: content[name] for name in kept}
        crops = {camera: tuple(crop) for camera, crop in content.get("crops", {}).items()}
        return cls(network, crops=crops, card=json.loads(content["card"]), **chosen)


def probability(logits: np.ndarray) -> np.ndarray:
    """The logistic function, which overflows for no argument."""
    return 0.5 * (1 + np.tanh(logits / 2))


def spread(images: Tensor) -> np.ndarray:
    """Standard deviation of the brightness over each image. Shape (batch,), of 255."""
    return images.float().mean(1).flatten(1).std(1).double().numpy()
