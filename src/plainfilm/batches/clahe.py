"""Contrast-limited adaptive histogram equalisation (Zuiderveld, Graphics Gems IV, 1994), as in OpenCV.

Each of 8 x 8 tiles gets a grey-value curve from its own histogram, which is clipped at the limit; between the
tile centres the curves are interpolated linearly. Grey values equal those of OpenCV.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CLIP_LIMIT = 4.0
"""The largest limit of CXR-CLIP's training: clip count of a grey value relative to a uniform histogram."""

TILES = 8
_GREYS = 256


def equalise(
    film: NDArray[np.uint8], clip_limit: float = CLIP_LIMIT, tiles: int = TILES
) -> NDArray[np.uint8]:
    """Equalise the contrast of an image (H, W), H and W at least `tiles`, over `tiles` x `tiles` tiles."""
    height, width = film.shape
    padded = _padded(film, tiles)
    curves = _curves(padded, clip_limit, tiles)
    above, below, down = _neighbours(height, padded.shape[0] // tiles, tiles)
    before, after, right = _neighbours(width, padded.shape[1] // tiles, tiles)
    down, right = down[:, None], right[None, :]

    def by(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float32]:
        mixed: NDArray[np.float32] = curves[rows[:, None], columns[None, :], film]
        return mixed

    upper = by(above, before) * (1 - right) + by(above, after) * right
    lower = by(below, before) * (1 - right) + by(below, after) * right
    return np.rint(upper * (1 - down) + lower * down).astype(np.uint8)


def _padded(film: NDArray[np.uint8], tiles: int) -> NDArray[np.uint8]:
    """The image mirrored at its lower and right edge to a multiple of the tiles."""
    rest = [side % tiles for side in film.shape]
    if not any(rest):
        return film
    # If one axis needs padding, OpenCV pads both; a divisible axis grows by a pixel per tile.
    return np.pad(film, [(0, tiles - part) for part in rest], mode="reflect")


def _curves(padded: NDArray[np.uint8], clip_limit: float, tiles: int) -> NDArray[np.float32]:
    """The grey-value curve of every tile: (tiles, tiles, 256)."""
    height, width = padded.shape[0] // tiles, padded.shape[1] // tiles
    area = height * width
    cells = padded.reshape(tiles, height, tiles, width).transpose(0, 2, 1, 3).reshape(tiles * tiles, area)
    numbered = cells + np.arange(tiles * tiles)[:, None] * _GREYS
    counts = np.bincount(numbered.reshape(-1), minlength=tiles * tiles * _GREYS).reshape(-1, _GREYS)
    counts = _clipped(counts, max(int(clip_limit * area / _GREYS), 1))
    curves = np.rint(counts.cumsum(axis=1).astype(np.float32) * np.float32((_GREYS - 1) / area))
    return curves.clip(0, _GREYS - 1).reshape(tiles, tiles, _GREYS)


def _clipped(counts: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
    """Counts (N, 256) clipped at `limit`; the excess is spread evenly, the rest over every n-th value."""
    kept = np.minimum(counts, limit)
    batch, rest = np.divmod((counts - kept).sum(axis=1, keepdims=True), _GREYS)
    step = np.maximum(_GREYS // np.maximum(rest, 1), 1)
    place = np.arange(_GREYS)
    return kept + batch + ((place % step == 0) & (place // step < rest))


def _neighbours(
    length: int, size: int, tiles: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """For every pixel of an axis, the tiles whose centres enclose it, and the weight of the second."""
    place = np.arange(length, dtype=np.float32) * np.float32(1 / size) - np.float32(0.5)
    first = np.floor(place).astype(np.int64)
    share = (place - first).astype(np.float32)
    return first.clip(0, tiles - 1), (first + 1).clip(0, tiles - 1), share
