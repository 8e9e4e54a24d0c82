"""A robot and the policy that moves it.

ros2 launch robot_rl_launch deploy.launch.py robot:=twin policy:=runs/demo/simulator
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "policy", description="Saved policy, or the folder of the run that trained it."
            ),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(Path(__file__).with_name("robot.launch.py")))
            ),
        ]
    )
