"""The real arm: drivers, stamped streams aligned to observations, robot contracts and ROS 2 nodes.

``contract_file`` reads the contract of a robot, ``streams`` aligns what it reports, ``guard``
decides what is sent to it. Drivers load with their own module, never with the package.
"""
