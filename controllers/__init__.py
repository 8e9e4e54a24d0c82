"""Frames, kinematics, control laws, trajectories and the safety filter of an arm."""
