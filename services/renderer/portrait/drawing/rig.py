"""The rig: where a point of the sculpture is in the frame, and textures bent to follow a pose."""

import math

import cv2
import numpy as np
import skia
from numpy.typing import NDArray

from services.renderer.portrait.acting.pose import Pose
from services.renderer.portrait.layers.baking import CELL
from services.renderer.portrait.paint.placement import LIFT, PIVOT
from services.renderer.portrait.paint.raster import SIZE, Pixels

_BAND = 8
"""Rows of cells that are warped at a time: their map stays in the processor's cache."""


class Stance:
    """The head's place for one pose: turned about its pivot, seen in parallel."""

    def __init__(self, pose: Pose, zoom: float) -> None:
        yaw, pitch, roll = math.radians(pose.yaw), math.radians(pose.pitch), math.radians(pose.roll)
        self.sin_yaw, self.cos_yaw = math.sin(yaw), math.cos(yaw)
        self.sin_pitch, self.cos_pitch = math.sin(pitch), math.cos(pitch)
        self.sin_roll, self.cos_roll = math.sin(roll) * zoom, math.cos(roll) * zoom
        self.x = PIVOT[0] + pose.dx
        self.y = PIVOT[1] + LIFT + pose.dy - pose.breath
        self.zoom = zoom

    def place(self, x: float, y: float, z: float) -> tuple[float, float]:
        """A point of the sculpture -> the frame."""
        across = (x - PIVOT[0]) * self.cos_yaw + (z - PIVOT[2]) * self.sin_yaw
        down = (y - PIVOT[1]) * self.cos_pitch + (z - PIVOT[2]) * self.sin_pitch
        return (
            self.x + across * self.cos_roll - down * self.sin_roll,
            self.y + across * self.sin_roll + down * self.cos_roll,
        )

    def tangent(self, x: float, y: float, z: float, slope_x: float, slope_y: float) -> skia.Matrix:
        """Affine map of the surface around a point whose depth has these slopes."""
        o, a, b = self.place(x, y, z), self.place(x + 1, y, z + slope_x), self.place(x, y + 1, z + slope_y)
        return skia.Matrix.MakeAll(a[0] - o[0], b[0] - o[0], o[0], a[1] - o[1], b[1] - o[1], o[1], 0, 0, 1)


class BentLayer:
    """A texture that follows the head, and the face's muscles where `muscles` is set.

    Every frame asks, on a coarse grid, which point of the sculpture is seen in a cell (two fixed-point steps on the
    depth), and interpolates the answer to a map for the whole box.
    """

    def __init__(
        self, box: tuple[int, int, int, int], density: float, table: NDArray[np.float32], *, muscles: bool
    ) -> None:
        x0, y0, x1, y1 = self.box = box
        self._width, self._height = x1 - x0, y1 - y0
        self._density, self._table, self._muscles = density, table, muscles
        at_x = x0 + CELL * np.arange(self._width // CELL, dtype=np.float32) + CELL / 2
        at_y = y0 + CELL * np.arange(self._height // CELL, dtype=np.float32) + CELL / 2
        self._x, self._y = np.meshgrid(at_x, at_y)
        self._map = np.zeros(((_BAND + 2) * CELL, self._width, 2), np.float32)
        self.bent: Pixels = np.zeros((self._height, self._width, 4), np.uint8)

    def bend(self, texture: Pixels, pose: Pose, stance: Stance) -> Pixels:
        """The layer as it lies in its box; the array is reused."""
        x, y = self._seen(pose, stance)
        x0, y0 = self.box[:2]
        coarse = np.dstack(((x - x0) * self._density - 0.5, (y - y0) * self._density - 0.5)).astype(np.float32)
        coarse = np.asarray(cv2.copyMakeBorder(coarse, 1, 1, 0, 0, cv2.BORDER_REPLICATE))
        rows = self._height // CELL
        for first in range(0, rows, _BAND):
            count = min(_BAND, rows - first)
            fine = self._map[: (count + 2) * CELL]
            cv2.resize(coarse[first : first + count + 2], fine.shape[1::-1], dst=fine, interpolation=cv2.INTER_LINEAR)
            out = self.bent[first * CELL : (first + count) * CELL]
            inner = fine[CELL : (count + 1) * CELL]
            cv2.remap(texture, inner, None, cv2.INTER_LINEAR, dst=out)  # type: ignore[call-overload]  # map2: none needed
        return self.bent

    def _seen(self, pose: Pose, stance: Stance) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        dx, dy = self._x - stance.x, self._y - stance.y
        scale = 1 / (stance.zoom * stance.zoom)
        across = (dx * stance.cos_roll + dy * stance.sin_roll) * scale
        down = (dy * stance.cos_roll - dx * stance.sin_roll) * scale
        x, y = PIVOT[0] + across, PIVOT[1] + down
        for _ in range(2):
            z = self._look(x, y)[..., 0] - PIVOT[2]
            x = PIVOT[0] + (across - z * stance.sin_yaw) / stance.cos_yaw
            y = PIVOT[1] + (down - z * stance.sin_pitch) / stance.cos_pitch
        if self._muscles:
            pull = self._look(x, y)
            jaw, corners, cheeks = pull[..., 1], pull[..., 2], pull[..., 3]
            side = np.tanh((x - SIZE / 2) * 0.06)
            y = y - jaw * (pose.jaw * 17) + cheeks * (pose.smile * 6.5)
            apart = pose.wide * 2 + pose.smile * 3 - pose.pucker * 4.5
            x = x - side * (corners * apart + cheeks * (pose.smile * 1.5) - jaw * (pose.jaw * 1.5))
        return x, y

    def _look(self, x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
        at_x, at_y = (x - CELL / 2) * (1 / CELL), (y - CELL / 2) * (1 / CELL)
        flags = cv2.INTER_LINEAR
        return np.asarray(cv2.remap(self._table, at_x, at_y, flags, borderMode=cv2.BORDER_REPLICATE), np.float32)
