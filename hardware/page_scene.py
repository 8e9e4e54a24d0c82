"""The arm in 3-D on a page: its bodies, its tool, the box it may work in, and objects."""

from __future__ import annotations

import numpy as np
import viser

from hardware.arm_shapes import ArmShapes
from hardware.contract import Contract

_BOX, _FLOOR, _LINES = (70, 84, 106), (38, 40, 44), (58, 61, 66)
_STILL = 2e-4
"""A smaller change is not drawn: each one makes every browser draw the whole scene [m]."""


class PageScene:
    """Draws with a server's scene; without a model the tool's frame alone.

    Args:
        server: Of the page.
        contract: The robot.
        arm: What it looks like, or None.
    """

    def __init__(
        self, server: viser.ViserServer, contract: Contract, arm: ArmShapes | None
    ) -> None:
        self._scene = server.scene
        self._scene.configure_default_lights(cast_shadow=False)
        self._scene.add_grid(
            "/floor", 2.0, 2.0, cell_size=0.1, cell_color=_FLOOR, section_color=_LINES
        )
        self._draw_workspace(contract)
        self._bodies = {} if arm is None else self._draw_arm(arm)
        self._tool = self._scene.add_frame("/tool", axes_length=0.08, axes_radius=0.004)
        self._objects = {
            pose.name: self._scene.add_frame(
                f"/objects/{pose.name}", axes_length=0.05, axes_radius=0.003, visible=False
            )
            for pose in contract.extra
        }
        for name in self._objects:
            self._scene.add_label(f"/objects/{name}/label", name)
        self._look(server, contract)
        self._shown = np.empty(0)

    def show_arm(self, poses: np.ndarray) -> None:
        """Moves the bodies and the tool to what ``ArmShapes.pose`` returns."""
        if self._shown.shape == poses.shape and np.abs(poses - self._shown).max() < _STILL:
            return
        self._shown = poses
        for body, frame in self._bodies.items():
            frame.position, frame.wxyz = poses[body, :3], poses[body, 3:]
        self._tool.position, self._tool.wxyz = poses[-1, :3], poses[-1, 3:]

    def show_tool(self, pose: np.ndarray) -> None:
        """Moves the tool alone to ``x y z qx qy qz qw``, shape (7,)."""
        self._tool.position, self._tool.wxyz = pose[:3], pose[[6, 3, 4, 5]]

    def show_object(self, name: str, pose: np.ndarray) -> None:
        """Moves an object to ``x y z qx qy qz qw``, shape (7,)."""
        frame = self._objects[name]
        frame.position, frame.wxyz, frame.visible = pose[:3], pose[[6, 3, 4, 5]], True

    def _draw_arm(self, arm: ArmShapes) -> dict[int, viser.FrameHandle]:
        frames = {
            body: self._scene.add_frame(f"/arm/{body}", show_axes=False)
            for body in sorted({shape.body for shape in arm.shapes})
        }
        for i, shape in enumerate(arm.shapes):
            self._scene.add_mesh_simple(
                f"/arm/{shape.body}/{i}",
                shape.vertices,
                shape.faces,
                color=(255 * shape.rgba[:3]).astype(np.uint8),
                opacity=None if shape.rgba[3] >= 1 else float(shape.rgba[3]),
            )
        return frames

    def _draw_workspace(self, contract: Contract) -> None:
        lower, upper = contract.limits.workspace_lower, contract.limits.workspace_upper
        corners = np.array(np.meshgrid(*zip(lower, upper, strict=True), indexing="ij"))
        points = corners.reshape(3, 8).T
        edges = [
            (points[i], points[j])
            for i in range(8)
            for j in range(i)
            if np.count_nonzero(points[i] != points[j]) == 1
        ]
        if np.isfinite(points).all():
            self._scene.add_line_segments(
                "/workspace", np.array(edges), colors=_BOX, thickness=0.003
            )

    def _look(self, server: viser.ViserServer, contract: Contract) -> None:
        lower, upper = contract.limits.workspace_lower, contract.limits.workspace_upper
        middle = 0.5 * np.nan_to_num(np.add(lower, upper), posinf=0, neginf=0)
        target = middle * [0.7, 1, 0.9]
        server.initial_camera.look_at = target
        server.initial_camera.position = target + np.array([1.0, -0.95, 0.45])
