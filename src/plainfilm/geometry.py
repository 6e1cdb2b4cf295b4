"""Boxes, and the map of an image's pixels to a model's input. Function names contain the box formats."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]
"""Shape (N, 4)."""


def box_xywh_to_xyxy(boxes_xywh: Boxes) -> Boxes:
    """Corner and size (COCO) to two corners; (N, 4), same unit in and out."""
    boxes = np.asarray(boxes_xywh, dtype=np.float64).reshape(-1, 4)
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def box_xyxy_to_xywh(boxes_xyxy: Boxes) -> Boxes:
    """Two corners to corner and size (COCO); (N, 4), same unit in and out."""
    boxes = np.asarray(boxes_xyxy, dtype=np.float64).reshape(-1, 4)
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def scale_boxes_xyxy(boxes_xyxy: Boxes, from_size: tuple[int, int], to_size: tuple[int, int]) -> Boxes:
    """Convert boxes of an image of `from_size` (width, height) to the same image resized to `to_size`."""
    boxes = np.asarray(boxes_xyxy, dtype=np.float64).reshape(-1, 4)
    factor = np.array([to_size[0] / from_size[0], to_size[1] / from_size[1]] * 2)
    return boxes * factor


def clip_boxes_xyxy(boxes_xyxy: Boxes, size: tuple[int, int]) -> Boxes:
    """Clip boxes to an image of `size` (width, height); a box wholly outside gets zero area."""
    boxes = np.asarray(boxes_xyxy, dtype=np.float64).reshape(-1, 4)
    limits = np.array([size[0], size[1]] * 2, dtype=np.float64)
    return np.clip(boxes, 0.0, limits)


def box_area_xyxy(boxes_xyxy: Boxes) -> NDArray[np.float64]:
    """Areas (N,) in the squared unit of the boxes; zero for an inverted box."""
    boxes = np.asarray(boxes_xyxy, dtype=np.float64).reshape(-1, 4)
    sides = np.clip(boxes[:, 2:] - boxes[:, :2], 0.0, None)
    return sides[:, 0] * sides[:, 1]


def box_iou_xyxy(first_xyxy: Boxes, second_xyxy: Boxes) -> NDArray[np.float64]:
    """Intersection over union of every pair: (N, 4), (M, 4) → (N, M) in [0, 1]; 0 if both are empty."""
    first = np.asarray(first_xyxy, dtype=np.float64).reshape(-1, 1, 4)
    second = np.asarray(second_xyxy, dtype=np.float64).reshape(1, -1, 4)
    low, high = np.maximum(first[..., :2], second[..., :2]), np.minimum(first[..., 2:], second[..., 2:])
    inter = np.prod(np.clip(high - low, 0.0, None), axis=-1)
    union = box_area_xyxy(first[:, 0])[:, None] + box_area_xyxy(second[0])[None, :] - inter
    return np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)


@dataclass(frozen=True)
class Geometry:
    """The map of an image's pixels to the square input of a model.

    The image is padded, rotated, cropped, scaled and mirrored, in this order. Coordinates are those of pixel
    edges: the first pixel reaches from 0 to 1, its centre is at 0.5.

    film: width and height in pixels. size: side of the square in pixels. box: (left, top, right, bottom) in
    the padded image, the part that becomes the square. padding: black columns and rows before the image.
    angle: degrees counter-clockwise about the centre of the box. mirrored: whether left and right are
    swapped.
    """

    film: tuple[int, int]
    size: int
    box: tuple[float, float, float, float]
    padding: tuple[int, int] = (0, 0)
    angle: float = 0.0
    mirrored: bool = False

    @cached_property
    def matrix(self) -> NDArray[np.float64]:
        """(3, 3): maps (x, y, 1) of the image to (x, y, 1) of the square."""
        left, top, right, bottom = self.box
        middle = ((left + right) / 2, (top + bottom) / 2)
        turn = math.radians(self.angle)
        cos, sin = math.cos(turn), math.sin(turn)
        padded = _shift(*self.padding)
        turned = _shift(*middle) @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
        turned = turned @ _shift(-middle[0], -middle[1])
        scale = np.diag([self.size / (right - left), self.size / (bottom - top), 1.0])
        flip = np.array([[-1, 0, self.size], [0, 1, 0], [0, 0, 1]]) if self.mirrored else np.eye(3)
        return flip @ scale @ _shift(-left, -top) @ turned @ padded

    def boxes_to_square(self, boxes_xyxy: Boxes) -> Boxes:
        """Convert boxes (N, 4) from pixels of the image to pixels of the square, clipped to it; a box wholly
        outside gets zero area."""
        return clip_boxes_xyxy(_moved(boxes_xyxy, self.matrix), (self.size, self.size))

    def boxes_to_film(self, boxes_xyxy: Boxes) -> Boxes:
        """Convert boxes (N, 4) from pixels of the square to pixels of the image, clipped to it."""
        return clip_boxes_xyxy(_moved(boxes_xyxy, np.linalg.inv(self.matrix).astype(np.float64)), self.film)

    def visible(self, boxes_xyxy: Boxes) -> NDArray[np.float64]:
        """(N,) the share, 0 to 1, of each box of the image inside the square."""
        whole = box_area_xyxy(_moved(boxes_xyxy, self.matrix))
        kept = box_area_xyxy(self.boxes_to_square(boxes_xyxy))
        return np.divide(kept, whole, out=np.zeros_like(kept), where=whole > 0)

    def grid_on_film(self, grid: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values (G, G) of equal cells of the square at every pixel of the image: (height, width).

        Bilinear between the centres of cells, that of the nearest cell beyond the outer ones, and NaN where a
        pixel's centre lies outside the square.
        """
        from scipy import ndimage

        width, height = self.film
        # Of (row, column, 1) at the centres of pixels and cells instead of (x, y, 1) at their edges.
        swap = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
        to_square = swap @ self.matrix @ swap @ _shift(0.5, 0.5)
        cells = np.asarray(grid, dtype=np.float32)
        to_cells = _shift(-0.5, -0.5) @ np.diag([len(cells) / self.size] * 2 + [1.0]) @ to_square
        values = ndimage.affine_transform(
            cells, to_cells, output_shape=(height, width), order=1, mode="nearest"
        )
        rows, columns = np.arange(height)[:, None], np.arange(width)[None, :]
        for a, b, c in to_square[:2]:
            place = (a * rows + b * columns + c).astype(np.float32)
            values[(place < 0) | (place >= self.size)] = np.nan
        return values

    def of_larger(self, width: int, height: int) -> Geometry:
        """The geometry of the same image before it was scaled from (`width`, `height`) to `film`; exact if
        both sides were scaled by the same factor."""
        return _Scaled(
            (width, height), self.size, self.box, self.padding, self.angle, self.mirrored, self.film
        )


@dataclass(frozen=True)
class _Scaled(Geometry):
    """A geometry whose image is first scaled to `scaled`."""

    scaled: tuple[int, int] = (1, 1)

    @cached_property
    def matrix(self) -> NDArray[np.float64]:
        """(3, 3): maps (x, y, 1) of the image to (x, y, 1) of the square."""
        inner = Geometry(self.scaled, self.size, self.box, self.padding, self.angle, self.mirrored)
        factors = [small / large for small, large in zip(self.scaled, self.film, strict=True)]
        return inner.matrix @ np.diag([*factors, 1.0])


def _shift(x: float, y: float) -> NDArray[np.float64]:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def _moved(boxes_xyxy: Boxes, matrix: NDArray[np.float64]) -> Boxes:
    """The bounding boxes of the images of boxes (N, 4) under `matrix`."""
    boxes = np.asarray(boxes_xyxy, dtype=np.float64).reshape(-1, 4)
    corners = boxes[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]
    moved = corners @ matrix[:2, :2].T + matrix[:2, 2]
    return np.concatenate([moved.min(axis=1), moved.max(axis=1)], axis=1)
