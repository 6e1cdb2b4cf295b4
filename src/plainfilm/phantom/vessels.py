"""The branching vessels of the lungs, grown from the hila outwards."""

from __future__ import annotations

import numpy as np

from plainfilm.phantom.anatomy import aerated_lung, heart_parts, pleural_cavity
from plainfilm.phantom.body import SIDES, Body, sign_of
from plainfilm.phantom.materials import Materials
from plainfilm.phantom.shapes import Array, Scene, Solid, Strands, ellipsoid, shifted, tube

_LEVELS = 4
_ROOTS = 11
_THINNEST = 0.4
"""The smallest radius (mm) of a drawn vessel in destroyed lung tissue."""


def hilum(body: Body, side: str) -> Array:
    """The centre of a lung root (mm)."""
    sign, size = sign_of(side), body.size
    return np.array(
        [sign * 40 * size + body.mediastinal_shift_mm, -12.0, (-24 if side == "right" else -14) * size]
    )


def add_vessels(scene: Scene, body: Body, materials: Materials, rng: np.random.Generator) -> None:
    """Add both lungs' vessels and the shadows of the hila. Wider towards the base unless congested."""
    for side in SIDES:
        root = hilum(body, side)
        lung = aerated_lung(body, side)
        extra = materials.soft - materials.lung
        starts, ends, radii = _grow(body, side, root, lung, rng)
        seen = np.ones(len(ends), dtype=bool)
        for part in scene.airless:
            seen &= ~part.contains(ends)
        if body.lung_tissue < 1.0:
            radii = _pruned(radii, np.linalg.norm(ends - root, axis=1) / body.size, body.lung_tissue)
            seen &= radii > _THINNEST
        scene.strands.append(Strands(starts[seen], ends[seen], radii[seen], extra))
        _add_hilum(scene, body, side, root, extra)


def _pruned(radii: Array, distances: Array, tissue: float) -> Array:
    """Radii of vessels that taper quickly towards the periphery in destroyed lung tissue."""
    taper: Array = np.clip(1.0 - (1.0 - tissue) * distances / 65.0, 0.0, 1.0)
    return radii * taper


def _add_hilum(scene: Scene, body: Body, side: str, root: Array, extra: float) -> None:
    sign, size = sign_of(side), body.size
    grow = 1.0 + 0.35 * body.congestion
    artery = tube(
        [
            shifted(root, sign * -14, 4, 14),
            shifted(root, sign * 2, 0, 0),
            shifted(root, sign * 10, -6, -34 * size),
        ],
        np.array([9.0, 7.5]) * size * grow,
        extra * 0.75,
    )
    upper = tube([root, shifted(root, sign * 14, 6, 26 * size)], 5.6 * size * grow, extra * 0.75)
    scene.tubes += [artery, upper]
    scene.region(
        f"{side} hilar structures", ellipsoid(shifted(root, sign * 4, 0, -4), np.array([20, 20, 34]) * size)
    )


def _grow(
    body: Body, side: str, root: Array, lung: Solid, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Starts (N, 3), ends (N, 3) and radii (N,) of one lung's tree, inside `lung` and outside the heart."""
    sign, size = sign_of(side), body.size
    fan = np.linspace(-0.48 * np.pi, 0.42 * np.pi, _ROOTS) + rng.normal(0, 0.08, _ROOTS)
    depth = rng.uniform(-0.75, 0.75, _ROOTS)
    heading = np.stack([sign * np.cos(fan), depth, np.sin(fan)], axis=1)
    heading /= np.linalg.norm(heading, axis=1, keepdims=True)
    base = np.where(heading[:, 2] < 0, 4.0, 2.8 + 1.5 * body.congestion) * size * (1 + 0.25 * body.congestion)
    start, radius = np.repeat(root[None], _ROOTS, axis=0) + heading * 6, base
    cavity = pleural_cavity(body, side)
    hearts = heart_parts(body)
    levels = []
    for level in range(_LEVELS):
        length = rng.uniform(23, 40, len(start)) * size * 0.9**level
        end = start + heading * length[:, None]
        keep = lung.contains(end) & cavity.contains(start + heading * (length * 1.2)[:, None])
        for part in hearts:
            keep &= ~part.contains(end)
        start, end, heading, radius = start[keep], end[keep], heading[keep], radius[keep]
        levels.append((start, end, radius))
        start, heading, radius = _fork(end, heading, radius, rng)
    starts, ends, radii = (np.concatenate(part) for part in zip(*levels, strict=True))
    return starts, ends, radii


def _fork(end: Array, heading: Array, radius: Array, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    count = len(end)
    turn = rng.normal(0, 0.26, (2, count, 3))
    turn[1] -= turn[0] * 0.8
    turn[1] += rng.normal(0, 0.12, (count, 3))
    headings = heading[None] + turn
    headings /= np.linalg.norm(headings, axis=2, keepdims=True)
    narrower = np.stack([radius * 0.82, radius * 0.64])
    return np.concatenate([end, end]), headings.reshape(-1, 3), np.maximum(narrower.reshape(-1), 0.45)
