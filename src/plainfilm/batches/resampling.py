"""Resizes images with the arithmetic of Pillow, torch, OpenCV and scikit-image.

Pillow and torch are called, torch also for OpenCV's filters without antialiasing. Plainfilm does not install
the other libraries: their filters are implemented as a matrix of weights for each axis, (pixels after, pixels
before), which `tests/batches` compares with the libraries.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from plainfilm.io.preprocessing import Resampling

Film: TypeAlias = "NDArray[np.uint8]"
"""(H, W), 0 black .. 255 white."""
Square: TypeAlias = "NDArray[np.uint8 | np.float32]"
"""(H, W) on the same scale; floats may lie between grey values and, for bicubic filters, beyond 0 and 255."""
Box: TypeAlias = "tuple[float, float, float, float]"
"""(x0, y0, x1, y1) in pixels from the top left corner of an image."""

_PILLOW = {
    "area": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_GAUSSIAN_REACH = 4.0
"""Standard deviations at which scipy, and with it scikit-image, truncates a Gaussian."""


def resample(
    film: Square, width: int, height: int, how: Resampling, box: Box | None = None, beyond: float = 0.0
) -> Square:
    """The part `box` of an image (H, W), by default all of it, resized to (height, width).

    Only Pillow samples a box with fractional edges; for the others it is rounded to whole pixels. `beyond` is
    the grey value outside the image, for libraries that use one.
    """
    rows, columns = film.shape
    left, top, right, bottom = box or (0.0, 0.0, float(columns), float(rows))
    if how.library == "pillow":
        image = Image.fromarray(whole_grey(film))
        return np.asarray(image.resize((width, height), _PILLOW[how.filter], box=(left, top, right, bottom)))
    part = film[
        round(top) : max(round(bottom), round(top) + 1), round(left) : max(round(right), round(left) + 1)
    ]
    if how.library == "scikit_image" or how.filter == "area":
        values: Square = _by_weights(part, width, height, how, beyond)
    else:
        values = _by_torch(whole_grey(part) if how.library == "torch_uint8" else part, width, height, how)
    return whole_grey(values) if how.rounded else values.astype(np.float32)


def whole_grey(film: Square) -> Film:
    """`film` in uint8, rounded and within 0 to 255."""
    if film.dtype == np.uint8:
        return film.view(np.uint8)
    return np.clip(np.rint(film), 0, 255).astype(np.uint8)


def _by_torch(film: Square, width: int, height: int, how: Resampling) -> Square:
    pixels = torch.from_numpy(np.array(film))[None, None]  # a copy: cached images are read only
    scaled = torch.nn.functional.interpolate(
        pixels if how.library == "torch_uint8" else pixels.float(),
        size=(height, width),
        mode=how.filter,
        align_corners=False,
        antialias=how.antialias,
    )
    values: Square = scaled[0, 0].numpy()
    return values


def _by_weights(film: Square, width: int, height: int, how: Resampling, beyond: float) -> NDArray[np.float32]:
    rows, columns = film.shape
    weights = _blurred if how.antialias else _linear
    if how.library == "opencv":
        weights = _area if rows >= height and columns >= width else _enlarged
    down, across = weights(rows, height), weights(columns, width)
    values = down @ (film.astype(np.float64) - beyond) @ across.T + beyond
    return np.clip(values, film.min(), film.max()).astype(np.float32)


@lru_cache(maxsize=16)
def _area(before: int, after: int) -> NDArray[np.float64]:
    """Means over exact areas: OpenCV's INTER_AREA if neither side grows."""
    edges = np.arange(after + 1) * (before / after)
    pixels = np.arange(before)
    low, high = np.maximum(edges[:-1, None], pixels), np.minimum(edges[1:, None], pixels + 1)
    return np.clip(high - low, 0.0, None) * (after / before)


@lru_cache(maxsize=16)
def _enlarged(before: int, after: int) -> NDArray[np.float64]:
    """OpenCV's INTER_AREA if a side grows: two neighbours, the second weighted by the pixel's overlap with
    it."""
    weights = np.zeros((after, before))
    for place in range(after):
        first = int(place * before / after)
        reach = place + 1 - (first + 1) * after / before
        share = reach - np.floor(reach) if reach > 0 else 0.0
        weights[place, first] += 1 - share
        weights[place, min(first + 1, before - 1)] += share
    return weights


@lru_cache(maxsize=16)
def _linear(before: int, after: int) -> NDArray[np.float64]:
    """Between the two nearest centres; what lies beyond the outermost ones has no weight."""
    return _between(before, after, np.ones(1))


@lru_cache(maxsize=16)
def _blurred(before: int, after: int) -> NDArray[np.float64]:
    """`_linear` after a Gaussian of (before / after - 1) / 2 pixels: the reduction of scikit-image."""
    sigma = (before / after - 1) / 2
    if sigma <= 0:
        return _linear(before, after)
    reach = int(_GAUSSIAN_REACH * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return _between(before, after, kernel / kernel.sum())


def _between(before: int, after: int, kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Between the two nearest centres of pixels that `kernel` (odd length) was applied to."""
    reach = len(kernel) // 2
    places = (np.arange(after) + 0.5) * (before / after) - 0.5
    first = np.floor(places).astype(int)
    weights = np.zeros((after, before))
    for pixel, share in ((first, first + 1 - places), (first + 1, places - first)):
        share = np.where((pixel >= 0) & (pixel < before), share, 0.0)
        distance = np.arange(before) - pixel[:, None]
        near = np.abs(distance) <= reach
        weights += np.where(near, kernel[np.clip(distance + reach, 0, 2 * reach)], 0.0) * share[:, None]
    return weights
