"""The simulated arm with its cameras and its safety node.

ros2 launch robot_rl_launch twin.launch.py task:=peg_insert gap:=lab-1 namespace:=left
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            DeclareLaunchArgument("robot", default_value="twin", description="Contract of a twin."),
            DeclareLaunchArgument("driver", default_value="twin", description="Driver of the arm."),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(Path(__file__).with_name("robot.launch.py")))
            ),
        ]
    )
