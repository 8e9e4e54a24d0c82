"""``robot-rl-twin-camera-node``: draws the twin's cameras beside its physics."""

from __future__ import annotations
