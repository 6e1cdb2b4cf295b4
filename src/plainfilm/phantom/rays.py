"""Computes the attenuation along every ray from a scene and a camera: flattens shapes for the kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plainfilm.phantom import kernels
from plainfilm.phantom.camera import Camera
from plainfilm.phantom.shapes import Array, Blob, Scene, Solid, Strands, Tube


@dataclass(frozen=True)
class Exposure:
    """The measurements along the rays of one film.

    `attenuation` (H, W) is the line integral without the soft clouds; `cloud` (H, W) is the length in mm of
    airless lung in them (not yet limited to the lung); `lengths` holds, by channel, the visible length in mm.
    """

    attenuation: Array
    cloud: Array
    lengths: dict[str, Array]


@dataclass(frozen=True)
class _Parts:
    bounds: NDArray[np.int64]
    part_of: NDArray[np.int64]
    kinds: NDArray[np.int64]
    rays: Array


def expose(scene: Scene, camera: Camera) -> Exposure:
    """The line integrals of `scene` on every pixel of `camera`."""
    names = scene.channels()
    total = np.zeros((camera.height, camera.width))
    cloud = np.zeros_like(total)
    lengths = np.zeros((len(names), *total.shape))
    steps = (camera.origin - camera.source, camera.right, camera.down)
    parts = _solid_parts(scene.solids, camera)
    materials = np.array([solid.attenuation for solid in scene.solids], dtype=np.float64)
    channels = np.array(
        [names.index(solid.channel) if solid.channel else -1 for solid in scene.solids], np.int64
    )
    kernels.paint(
        *steps, parts.bounds, parts.part_of, parts.kinds, parts.rays, materials, channels, total, lengths
    )
    _add_solids(scene.added, camera, total)
    _add_tubes(scene, camera, total)
    _add_blobs(scene.blobs, camera, cloud)
    return Exposure(total, cloud, dict(zip(names, lengths, strict=True)))


def _add_solids(solids: Sequence[Solid], camera: Camera, total: Array) -> None:
    if solids:
        parts = _solid_parts(solids, camera)
        materials = np.array([solid.attenuation for solid in solids], dtype=np.float64)
        _add(parts, materials, camera, total)


def _add(parts: _Parts, materials: Array, camera: Camera, total: Array) -> None:
    steps = (camera.origin - camera.source, camera.right, camera.down)
    kernels.add(*steps, parts.bounds, parts.part_of, parts.kinds, parts.rays, materials, total)


def _solid_parts(solids: Sequence[Solid], camera: Camera) -> _Parts:
    lows = np.array([solid.low for solid in solids]).reshape(-1, 3)
    highs = np.array([solid.high for solid in solids]).reshape(-1, 3)
    kinds: list[int] = []
    rays: list[Array] = []
    part_of: list[tuple[int, int]] = []
    for solid in solids:
        first = len(kinds)
        for quadric in solid.quadrics:
            kinds.append(0)
            rays.append(_quadric_rays(quadric.matrix, quadric.centre, camera))
        for normal, offset in solid.planes:
            kinds.append(1)
            rays.append(_plane_rays(normal, offset, camera))
        part_of.append((first, len(kinds)))
    return _Parts(
        _bounds(lows, highs, camera),
        np.array(part_of, np.int64).reshape(-1, 2),
        np.array(kinds, np.int64),
        np.array(rays).reshape(-1, 4, 3),
    )


def _quadric_rays(matrix: Array, centre: Array, camera: Camera) -> Array:
    vectors = np.empty((4, 3))
    vectors[0], vectors[1], vectors[2] = camera.origin - camera.source, camera.right, camera.down
    vectors[3] = camera.source - centre
    return vectors @ matrix.T


def _plane_rays(normal: Array, offset: float, camera: Camera) -> Array:
    rays = np.zeros((4, 3))
    rays[:, 0] = _quadric_rays(normal[None], np.zeros(3), camera)[:, 0]
    rays[3, 0] -= offset
    return rays


def _bounds(lows: Array, highs: Array, camera: Camera) -> NDArray[np.int64]:
    """Pixel rectangles (N, 4) around upright blocks, cut to the film."""
    corners = np.stack(
        [np.where([x, y, z], highs, lows) for x in (0, 1) for y in (0, 1) for z in (0, 1)], axis=1
    )
    pixels = camera.project(corners.reshape(-1, 3)).reshape(len(lows), 8, 2)
    limits = np.array([camera.width, camera.height])
    first = np.clip(np.floor(pixels.min(axis=1)), 0, limits)
    last = np.clip(np.ceil(pixels.max(axis=1)), 0, limits)
    return np.concatenate([first, last], axis=1).astype(np.int64)


def _add_tubes(scene: Scene, camera: Camera, total: Array) -> None:
    pieces = [_tube_stretches(item) for item in scene.tubes] + [
        _strand_stretches(item) for item in scene.strands
    ]
    if pieces:
        start, end, first, last, radius, material = (
            np.concatenate(part) for part in zip(*pieces, strict=True)
        )
        _add(_stretch_parts(start, end, first, last, radius, camera), material, camera, total)


def _tube_stretches(item: Tube) -> tuple[Array, ...]:
    """Starts, ends, the normals of the cuts at both, radii and attenuations of a tube's stretches."""
    normals = _mitres(item.points)
    material = np.full(len(item.radii), item.attenuation)
    return item.points[:-1], item.points[1:], normals[:-1], normals[1:], item.radii, material


def _strand_stretches(item: Strands) -> tuple[Array, ...]:
    along = item.ends - item.starts
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    return item.starts, item.ends, along, along, item.radii, np.full(len(item.radii), item.attenuation)


def _mitres(points: Array) -> Array:
    """Normals (N, 3) of the planes between the segments of a path, which halve each bend."""
    along = np.diff(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-12
    normals = np.concatenate([along[:1], along[:-1] + along[1:], along[-1:]])
    return normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12)


def _stretch_parts(
    start: Array, end: Array, first: Array, last: Array, radius: Array, camera: Camera
) -> _Parts:
    count = len(start)
    axis = (end - start) / (np.linalg.norm(end - start, axis=1, keepdims=True) + 1e-12)
    across = (np.eye(3) - axis[:, :, None] * axis[:, None, :]) / radius[:, None, None]
    steps = np.stack([camera.origin - camera.source, camera.right, camera.down])
    rays = np.zeros((count, 3, 4, 3))
    rays[:, 0, :3] = np.einsum("nab,sb->nsa", across, steps)
    rays[:, 0, 3] = np.einsum("nab,nb->na", across, camera.source - start)
    for part, normal, point in ((1, -first, start), (2, last, end)):
        rays[:, part, :3, 0] = normal @ steps.T
        rays[:, part, 3, 0] = (normal * (camera.source - point)).sum(axis=1)
    part_of = np.stack([np.arange(count) * 3, np.arange(count) * 3 + 3], axis=1)
    # Mitred ends reach only slightly past the end points: the bends used here are gentle.
    reach = 1.2 * radius[:, None]
    bounds = _bounds(np.minimum(start, end) - reach, np.maximum(start, end) + reach, camera)
    return _Parts(bounds, part_of, np.tile([0, 1, 1], count), rays.reshape(-1, 4, 3))


def _add_blobs(blobs: Sequence[Blob], camera: Camera, cloud: Array) -> None:
    if not blobs:
        return
    matrices = [np.diag(1.0 / blob.sigmas) @ blob.turn.T for blob in blobs]
    rays = np.array([_quadric_rays(m, blob.centre, camera) for m, blob in zip(matrices, blobs, strict=True)])
    amounts = np.array([blob.amount for blob in blobs])
    extents = [blob.extent(3.5) for blob in blobs]
    bounds = _bounds(np.array([e.low for e in extents]), np.array([e.high for e in extents]), camera)
    steps = (camera.origin - camera.source, camera.right, camera.down)
    kernels.add_blobs(*steps, rays, amounts, bounds, cloud)
