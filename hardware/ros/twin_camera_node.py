"""``robot-rl-twin-camera-node``: draws the twin's cameras beside its physics."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import JointState

from hardware.contract_file import load_contract
from hardware.health import Health
from hardware.node_settings import TwinCameraSettings
from hardware.ros import convert
from hardware.ros.arm_node import SCENE
from hardware.ros.camera_publisher import CameraPublisher
from hardware.ros.diagnostics import report_health
from hardware.ros.parameters import declare
from hardware.ros.process import run
from hardware.ros.qos import profile
from hardware.topics import SENSOR
