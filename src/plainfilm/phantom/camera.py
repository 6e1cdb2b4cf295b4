"""The X-ray tube and the detector: the geometry of rays, and the projection to the film.

Pixel coordinates are those of image boxes: x right, y down, pixel (column j, row i) covers
[j, j + 1) × [i, i + 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from plainfilm.phantom.shapes import Array, Blob, Quadric, Solid, Strands, Tube

PixelBox = tuple[float, float, float, float]
"""(x0, y0, x1, y1)."""


@dataclass(frozen=True)
class Camera:
    """A point source and a flat detector of `width` × `height` pixels, in the patient's frame (mm).

    `origin` is the outer corner of the first pixel; `right` and `down` are the steps to the next column
    and the next row.
    """

    source: Array
    origin: Array
    right: Array
    down: Array
    width: int
    height: int

    @cached_property
    def matrix(self) -> Array:
        """The projection (3, 4) from homogeneous millimetres to homogeneous pixels."""
        basis = np.linalg.inv(np.stack([self.right, self.down, self.origin - self.source], axis=1))
        return np.concatenate([basis, -(basis @ self.source)[:, None]], axis=1)

    def project(self, points: Array) -> NDArray[np.float64]:
        """Pixel coordinates (N, 2) of `points` (N, 3)."""
        seen = np.atleast_2d(points) @ self.matrix[:, :3].T + self.matrix[:, 3]
        return seen[:, :2] / seen[:, 2:]

    def clip(self, box: PixelBox) -> PixelBox | None:
        """`box` clipped to the film; `None` if a side is shorter than a pixel."""
        x0, x1 = (float(np.clip(value, 0, self.width)) for value in (box[0], box[2]))
        y0, y1 = (float(np.clip(value, 0, self.height)) for value in (box[1], box[3]))
        return (x0, y0, x1, y1) if x1 - x0 >= 1.0 and y1 - y0 >= 1.0 else None

    def outline(self, shape: Solid | Tube | Strands | Blob) -> PixelBox:
        """The box around the silhouette of `shape`, not clipped to the film.

        Exact for an ellipsoid and for tubes and strands (as spheres along their paths); a solid of several
        parts gets the intersection of the boxes of its ellipsoids and of its block.
        """
        if isinstance(shape, Tube):
            return self._spheres_outline(shape.points, _at_joints(shape.radii))
        if isinstance(shape, Strands):
            ends = np.concatenate([shape.starts, shape.ends])
            return self._spheres_outline(ends, np.tile(shape.radii, 2))
        solid = shape.extent() if isinstance(shape, Blob) else shape
        boxes = [self._ellipsoid_outline(quadric) for quadric in solid.quadrics if _is_bounded(quadric)]
        if solid.planes or not boxes:
            boxes.append(self._block_outline(solid.low, solid.high))
        corners = np.array(boxes)
        low, high = corners[:, :2].max(axis=0), corners[:, 2:].min(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    def _block_outline(self, low: Array, high: Array) -> PixelBox:
        return _around(self.project(block_corners(low, high)))

    def _ellipsoid_outline(self, quadric: Quadric) -> PixelBox:
        # The dual of a quadric projects to the dual of its outline conic: C* = P Q* Pᵀ (Hartley and
        # Zisserman, Multiple View Geometry, 8.3). The tangents x = const give the extremes.
        frame = np.eye(4)
        frame[:3, :3], frame[:3, 3] = np.linalg.inv(quadric.matrix), quadric.centre
        projected = self.matrix @ frame
        conic = projected @ np.diag([1.0, 1.0, 1.0, -1.0]) @ projected.T
        spans = []
        for axis in (0, 1):
            root = np.sqrt(max(conic[axis, 2] ** 2 - conic[axis, axis] * conic[2, 2], 0.0))
            spans.append(sorted((conic[axis, 2] + sign * root) / conic[2, 2] for sign in (-1, 1)))
        return spans[0][0], spans[1][0], spans[0][1], spans[1][1]

    def _spheres_outline(self, points: Array, radii: Array) -> PixelBox:
        # A sphere is r² I around its centre c: its dual quadric is diag(r², r², r², 0) − c̃ c̃ᵀ.
        centres = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ self.matrix.T
        spread = self.matrix[:, :3] @ self.matrix[:, :3].T
        conics = radii[:, None, None] ** 2 * spread - centres[:, :, None] * centres[:, None, :]
        middle = conics[:, :2, 2] / conics[:, 2, 2, None]
        own = np.stack([conics[:, 0, 0], conics[:, 1, 1]], axis=1) / conics[:, 2, 2, None]
        reach = np.sqrt(np.maximum(middle**2 - own, 0.0))
        low, high = (middle - reach).min(axis=0), (middle + reach).max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _at_joints(radii: Array) -> Array:
    """The radius at each point (N,) of a tube with one radius per segment (N − 1,): the larger one."""
    return np.concatenate([radii[:1], np.maximum(radii[1:], radii[:-1]), radii[-1:]])


def union(boxes: list[PixelBox]) -> PixelBox:
    """The box around all `boxes`."""
    corners = np.array(boxes)
    low, high = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def block_corners(low: Array, high: Array) -> Array:
    """The eight corners (8, 3) of an upright block."""
    grid = np.meshgrid(*zip(low, high, strict=True), indexing="ij")
    return np.stack(grid, axis=-1).reshape(8, 3)


def _around(pixels: NDArray[np.float64]) -> PixelBox:
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _is_bounded(quadric: Quadric) -> bool:
    return bool(abs(np.linalg.det(quadric.matrix)) > 1e-12)
