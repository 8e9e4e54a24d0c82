"""ROS 2: the only modules that import rclpy and message packages; all else works without them."""
