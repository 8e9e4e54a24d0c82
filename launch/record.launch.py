"""A robot, a person who moves it, and the recorder.

    ros2 launch robot_rl_launch record.launch.py robot:=twin dataset:=data/peg operator:=ann

Episodes begin and end by the recorder's services, and by buttons of the joystick.
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "dataset",
                description="Folder of the dataset; episodes are added to one that exists.",
            ),
            DeclareLaunchArgument(
                "teleop", default_value="True", description="Start the teleop node."
            ),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(Path(__file__).with_name("robot.launch.py")))
            ),
        ]
    )
