"""The real arm: drivers, stamped streams aligned to observations, robot contracts and ROS 2 nodes.

The first module to come is the environment of a real arm, under the same contract as the simulators
(``robot_rl.env``). Drivers load with their own module, never with the package.
"""
