"""Starts the demonstration: an arm in simulation learns to insert a peg. Needs no robot.

``ros2 launch ./launch/demo.launch.py`` from a checkout, or ``ros2 launch robot_rl_launch
demo.launch.py`` after ``colcon build``; ``robot-rl`` comes from the pip installation on the PATH.
"""

from launch import LaunchDescription
from launch.actions import ExecuteProcess


def generate_launch_description() -> LaunchDescription:
    demo = ExecuteProcess(cmd=["robot-rl", "demo"], output="screen", emulate_tty=True)
    return LaunchDescription([demo])
