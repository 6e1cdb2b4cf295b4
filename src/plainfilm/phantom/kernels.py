"""Line integrals along every ray of a film: exact lengths of chords, compiled.

Each kernel takes a camera as its source and its `corner` (origin − source), `right` and `down` steps, so
that the ray through the middle of pixel (i, j) runs along corner + (j + ½) right + (i + ½) down.
Everything is exact for the shapes given; resolution only says how densely it is sampled.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from plainfilm.phantom.shapes import Array

_FAR = 1e12
_MOST_COVERS = 64


@njit(cache=True, fastmath=True, inline="always")
def _quadric_span(a0, a1, a2, w0, w1, w2):  # type: ignore[no-untyped-def]
    """The interval of t in which |w + t a| ≤ 1; an empty one is (1, 0)."""
    a = a0 * a0 + a1 * a1 + a2 * a2
    b = a0 * w0 + a1 * w1 + a2 * w2
    c = w0 * w0 + w1 * w1 + w2 * w2 - 1.0
    if a < 1e-14:
        return (-_FAR, _FAR) if c <= 0.0 else (1.0, 0.0)
    discriminant = b * b - a * c
    if discriminant <= 0.0:
        return (1.0, 0.0)
    root = np.sqrt(discriminant)
    return ((-b - root) / a, (-b + root) / a)


@njit(cache=True, fastmath=True)
def paint(corner, right, down, bounds, part_of, kinds, rays, materials, channels, total, lengths):  # type: ignore[no-untyped-def]
    """Adds the attenuation of solids painted over one another, the last on top.

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
    active = np.empty(len(bounds), np.int64)
    for i in range(height):
        count = 0
        for s in range(len(bounds) - 1, -1, -1):
            if bounds[s, 1] <= i < bounds[s, 3]:
                active[count] = s
                count += 1
        for j in range(width):
            norm = _norm(corner, right, down, i, j)
            covers = 0
            for s in active[:count]:
                if j < bounds[s, 0] or j >= bounds[s, 2]:
                    continue
                enter, leave = _span(part_of[s, 0], part_of[s, 1], kinds, rays, i, j)
                if leave <= enter:
                    continue
                seen, covers = _cover(starts, ends, covers, enter, leave)
                total[i, j] += materials[s] * seen * norm
                if channels[s] >= 0:
                    lengths[channels[s], i, j] += seen * norm


@njit(cache=True, fastmath=True)
def add(corner, right, down, bounds, part_of, kinds, rays, materials, total):  # type: ignore[no-untyped-def]
    """Adds the attenuation of solids to whatever lies there; arguments as for `paint`."""
    for s in range(len(bounds)):
        for i in range(bounds[s, 1], bounds[s, 3]):
            for j in range(bounds[s, 0], bounds[s, 2]):
                enter, leave = _span(part_of[s, 0], part_of[s, 1], kinds, rays, i, j)
                if leave > enter:
                    total[i, j] += materials[s] * (leave - enter) * _norm(corner, right, down, i, j)


@njit(cache=True, fastmath=True, inline="always")
def _norm(corner, right, down, i, j):  # type: ignore[no-untyped-def]
    """The length in mm of a unit of t along the ray through the middle of pixel (i, j)."""
    square = 0.0
    for k in range(3):
        square += (corner[k] + (j + 0.5) * right[k] + (i + 0.5) * down[k]) ** 2
    return np.sqrt(square)


@njit(cache=True, fastmath=True, inline="always")
def _span(first, last, kinds, rays, i, j):  # type: ignore[no-untyped-def]
    """The interval of t in which the ray through the middle of pixel (i, j) is inside every part."""
    u, v = j + 0.5, i + 0.5
    enter, leave = -_FAR, _FAR
    for k in range(first, last):
        part = rays[k]
        a0 = part[0, 0] + u * part[1, 0] + v * part[2, 0]
        if kinds[k] == 1:
            w0 = part[3, 0]
            if a0 > 1e-12:
                leave = min(leave, -w0 / a0)
            elif a0 < -1e-12:
                enter = max(enter, -w0 / a0)
            elif w0 > 0.0:
                return 1.0, 0.0
        else:
            a1 = part[0, 1] + u * part[1, 1] + v * part[2, 1]
            a2 = part[0, 2] + u * part[1, 2] + v * part[2, 2]
            low, high = _quadric_span(a0, a1, a2, part[3, 0], part[3, 1], part[3, 2])
            enter = max(enter, low)
            leave = min(leave, high)
        if leave <= enter:
            return 1.0, 0.0
    return enter, leave


@njit(cache=True, fastmath=True, inline="always")
def _cover(starts, ends, covers, enter, leave):  # type: ignore[no-untyped-def]
    """How much of [enter, leave] nothing covers yet; covers it. Covers stay disjoint."""
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


@njit(cache=True, fastmath=True)
def add_blobs(corner, right, down, rays, amounts, bounds, total):  # type: ignore[no-untyped-def]
    """Adds ∫ amount · exp(−½ |matrix (p − centre)|²) along each ray, in mm.

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
                a = b = c = 0.0
                for k in range(3):
                    slope = part[0, k] + (j + 0.5) * part[1, k] + (i + 0.5) * part[2, k]
                    a += slope * slope
                    b += slope * part[3, k]
                    c += part[3, k] * part[3, k]
                norm = _norm(corner, right, down, i, j)
                total[i, j] += amounts[n] * norm * np.sqrt(2.0 * np.pi / a) * np.exp(0.5 * (b * b / a - c))


@njit(cache=True, fastmath=True)
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


def blur(values: Array, sigma: float) -> Array:
    """`values` (H, W) under a Gaussian of `sigma` pixels, mirrored at the edges."""
    if sigma <= 0.05:
        return values
    reach = min(max(int(3.0 * sigma + 0.5), 1), min(values.shape) - 1)
    weights = np.exp(-0.5 * (np.arange(reach + 1) / sigma) ** 2)
    weights /= weights[0] + 2.0 * weights[1:].sum()
    across = np.empty_like(values)
    _blur_rows(values, weights, across)
    turned = np.ascontiguousarray(across.T)
    upright = np.empty_like(turned)
    _blur_rows(turned, weights, upright)
    return np.ascontiguousarray(upright.T)
