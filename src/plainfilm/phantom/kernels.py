"""Line integrals along every ray of a film: exact chord lengths, compiled.

Each kernel takes a camera as its source and its `corner` (origin − source), `right` and `down` steps, so that
the ray through the centre of pixel (i, j) runs along corner + (j + ½) right + (i + ½) down. Results are exact
for the given shapes; the resolution only sets the sampling density.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from plainfilm.compiled import njit

_FAR = 1e12
_TINY = 1e-14
_MOST_COVERS = 64


@njit(fastmath=True)
def _row_spans(first, last, rays, kinds, i, left, right, enter, leave):  # type: ignore[no-untyped-def]
    """The intervals of t in which rays of row i are inside parts [first, last), for columns [left, right).

    Where a ray misses, `enter` is not below `leave`. The loops have no branches, so that they process several
    columns at once: divisors are kept away from zero instead, and a ray along a cylinder or a plane gets an
    infinite or empty interval, as it should.
    """
    for j in range(left, right):
        enter[j] = -_FAR
        leave[j] = _FAR
    v = i + 0.5
    for k in range(first, last):
        part = rays[k]
        x, dx, w0 = part[0, 0] + v * part[2, 0], part[1, 0], part[3, 0]
        if kinds[k] == 1:
            for j in range(left, right):
                slope = x + (j + 0.5) * dx
                slope = max(slope, _TINY) if slope >= 0.0 else min(slope, -_TINY)
                crossing = -w0 / slope
                leave[j] = min(leave[j], crossing if slope > 0.0 else _FAR)
                enter[j] = max(enter[j], crossing if slope < 0.0 else -_FAR)
            continue
        y, dy, w1 = part[0, 1] + v * part[2, 1], part[1, 1], part[3, 1]
        z, dz, w2 = part[0, 2] + v * part[2, 2], part[1, 2], part[3, 2]
        c = w0 * w0 + w1 * w1 + w2 * w2 - 1.0
        for j in range(left, right):
            u = j + 0.5
            a0, a1, a2 = x + u * dx, y + u * dy, z + u * dz
            a = max(a0 * a0 + a1 * a1 + a2 * a2, _TINY)
            b = a0 * w0 + a1 * w1 + a2 * w2
            discriminant = b * b - a * c
            root = np.sqrt(max(discriminant, 0.0))
            inverse = 1.0 / a
            enter[j] = max(enter[j], (-b - root) * inverse if discriminant > 0.0 else _FAR)
            leave[j] = min(leave[j], (-b + root) * inverse)


@njit(fastmath=True)
def paint(corner, right, down, bounds, part_of, kinds, rays, materials, channels, total, lengths):  # type: ignore[no-untyped-def]
    """Add the attenuation of solids painted over one another, the last on top.

    Args:
        bounds: (S, 4) whole pixel rectangles that hold each solid, cut to the film.
        part_of: (S, 2) first and one past the last of each solid's parts in `kinds` and `rays`.
        kinds: (K,) 0 for a quadric, 1 for a half-space.
        rays: (K, 4, 3) matrix·corner, matrix·right, matrix·down, matrix·(source − centre); a half-space
            keeps normal·corner, normal·right, normal·down, normal·source − offset in [:, 0].
        materials, channels: (S,) attenuation and channel per solid; channel −1 is none.
        total: (H, W), added to.
        lengths: (C, H, W); the visible length of each channel's solids is added.
    """
    height, width = total.shape
    starts, ends = np.empty(_MOST_COVERS), np.empty(_MOST_COVERS)
    enter, leave = np.empty((len(bounds), width)), np.empty((len(bounds), width))
    active = np.empty(len(bounds), np.int64)
    for i in range(height):
        count = 0
        for s in range(len(bounds) - 1, -1, -1):
            if i < bounds[s, 1] or i >= bounds[s, 3]:
                continue
            active[count] = s
            count += 1
            enter[s], leave[s] = _FAR, -_FAR
            first, last = part_of[s]
            _row_spans(first, last, rays, kinds, i, bounds[s, 0], bounds[s, 2], enter[s], leave[s])
        for j in range(width):
            norm = _norm(corner, right, down, i, j)
            met = _stack(
                active[:count], enter, leave, starts, ends, materials, channels, norm, (i, j), lengths
            )
            total[i, j] += met * norm


@njit(fastmath=True, inline="always")
def _stack(order, enter, leave, starts, ends, materials, channels, norm, pixel, lengths):  # type: ignore[no-untyped-def]
    """Accumulate one ray through solids painted in `order`, the first on top, per unit of t."""
    i, j = pixel
    covers = 0
    met = 0.0
    for s in order:
        first, last = enter[s, j], leave[s, j]
        if first >= last:
            continue
        seen, covers = _cover(starts, ends, covers, first, last)
        met += materials[s] * seen
        if channels[s] >= 0:
            lengths[channels[s], i, j] += seen * norm
    return met


@njit(fastmath=True)
def add(corner, right, down, bounds, part_of, kinds, rays, materials, total):  # type: ignore[no-untyped-def]
    """Add the attenuation of solids to the existing one; arguments as for `paint`."""
    enter, leave = np.empty(total.shape[1]), np.empty(total.shape[1])
    for s in range(len(bounds)):
        first, last = part_of[s]
        for i in range(bounds[s, 1], bounds[s, 3]):
            _row_spans(first, last, rays, kinds, i, bounds[s, 0], bounds[s, 2], enter, leave)
            for j in range(bounds[s, 0], bounds[s, 2]):
                inside = max(leave[j] - enter[j], 0.0)
                total[i, j] += materials[s] * inside * _norm(corner, right, down, i, j)


@njit(fastmath=True, inline="always")
def _norm(corner, right, down, i, j):  # type: ignore[no-untyped-def]
    """The length in mm of a unit of t along the ray through the middle of pixel (i, j)."""
    square = 0.0
    for k in range(3):
        square += (corner[k] + (j + 0.5) * right[k] + (i + 0.5) * down[k]) ** 2
    return np.sqrt(square)


@njit(fastmath=True, inline="always")
def _cover(starts, ends, covers, enter, leave):  # type: ignore[no-untyped-def]
    """The uncovered length of [enter, leave], which is then covered. Covers stay disjoint."""
    hidden = 0.0
    low, high = enter, leave
    kept = 0
    for k in range(covers):
        start, end = starts[k], ends[k]
        if end < enter or start > leave:
            starts[kept], ends[kept] = start, end
            kept += 1
        else:
            hidden += min(end, leave) - max(start, enter)
            low, high = min(low, start), max(high, end)
    if kept < _MOST_COVERS:
        starts[kept], ends[kept] = low, high
        kept += 1
    return leave - enter - hidden, kept


@njit(fastmath=True)
def add_blobs(corner, right, down, rays, amounts, bounds, total):  # type: ignore[no-untyped-def]
    """Add ∫ amount · exp(−½ |matrix (p − centre)|²) along each ray, in mm.

    Args:
        rays: (B, 4, 3) as in `paint`.
        amounts: (B,).
        bounds: (B, 4) whole pixel rectangles, already cut to the film.
        total: (H, W), added to.
    """
    for n in range(len(rays)):
        part = rays[n]
        for i in range(bounds[n, 1], bounds[n, 3]):
            for j in range(bounds[n, 0], bounds[n, 2]):
                along, nearest = _gaussian(part, i, j)
                norm = _norm(corner, right, down, i, j)
                total[i, j] += amounts[n] * norm * np.sqrt(2.0 * np.pi / along) * np.exp(-0.5 * nearest)


@njit(fastmath=True, inline="always")
def _gaussian(part, i, j):  # type: ignore[no-untyped-def]
    """|a|² along the ray, and the least squared distance from the centre, both in deviations."""
    a = b = c = 0.0
    for k in range(3):
        slope = part[0, k] + (j + 0.5) * part[1, k] + (i + 0.5) * part[2, k]
        a += slope * slope
        b += slope * part[3, k]
        c += part[3, k] * part[3, k]
    return a, c - b * b / a


@njit(fastmath=True)
def _blur_rows(values, weights, out):  # type: ignore[no-untyped-def]
    height, width = values.shape
    reach = len(weights) - 1
    for i in range(height):
        for j in range(width):
            value = weights[0] * values[i, j]
            for k in range(1, reach + 1):
                left = j - k if j >= k else k - j
                over = j + k if j + k < width else 2 * width - 2 - j - k
                value += weights[k] * (values[i, max(left, 0)] + values[i, max(over, 0)])
            out[i, j] = value


def blur(values: NDArray[Any], sigma: float) -> NDArray[Any]:
    """`values` (H, W) with a Gaussian blur of `sigma` pixels, mirrored at the edges."""
    if sigma <= 0.05:
        return values
    reach = min(max(int(3.0 * sigma + 0.5), 1), min(values.shape) - 1)
    weights = np.exp(-0.5 * (np.arange(reach + 1) / sigma) ** 2)
    weights /= weights[0] + 2.0 * weights[1:].sum()
    weights = weights.astype(values.dtype)
    across = np.empty_like(values)
    _blur_rows(values, weights, across)
    turned = np.ascontiguousarray(across.T)
    upright = np.empty_like(turned)
    _blur_rows(turned, weights, upright)
    return np.ascontiguousarray(upright.T)
