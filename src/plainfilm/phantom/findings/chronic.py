"""Chronic diseases of the lungs: emphysema, fibrosis, tuberculosis."""

from __future__ import annotations

import numpy as np

from plainfilm.phantom.anatomy import aerated_lung
from plainfilm.phantom.body import SIDES, Body, sign_of
from plainfilm.phantom.findings.lungs import site_centre
from plainfilm.phantom.materials import Materials
from plainfilm.phantom.shapes import Array, Blob, Scene, Strands, curve, ellipsoid, rotation, shifted, tube
from plainfilm.phantom.truth import Finding
from plainfilm.phantom.vessels import hilum


def _place_emphysema(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    """`shape.apply` changes the lungs themselves; severe disease has bullae in their upper parts."""
    for side in SIDES:
        scene.mark(finding.key, f"{side} lung")
        for _ in range(round(3.5 * max(finding.severity - 0.4, 0.0) + rng.uniform(-0.4, 0.4))):
            _add_bulla(scene, body, materials, side, rng)


def _add_bulla(scene: Scene, body: Body, materials: Materials, side: str, rng: np.random.Generator) -> None:
    centre = site_centre(body, side, str(rng.choice(["apical", "upper"])), rng)
    radii = rng.uniform(15, 27, 3) * body.size
    turn, lung = rotation(*rng.uniform(-40, 40, 3)), aerated_lung(body, side)
    # No vessel runs through a bulla and its wall is very thin, so both are drawn thicker than in reality.
    wall = ellipsoid(centre, radii, turn, materials.soft).within(lung)
    hollow = ellipsoid(centre, radii - 1.3, turn, -materials.soft - materials.lung * body.lung_tissue)
    scene.added += [wall, hollow.within(lung)]


def _place_fibrosis(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    """A net of threads under the pleura and at the bases, or, as interstitial disease, all over the lungs."""
    everywhere = finding.variant == "interstitial"
    for side in SIDES if finding.side is None else (finding.side,):
        count = round((300 + 800 * finding.severity) * (1.2 if everywhere else 1.0))
        points = _lung_points(body, side, count, None if everywhere else finding.severity, rng)
        net = _net(body, side, points, 0.7 + 0.35 * finding.severity, materials, rng)
        scene.strands.append(net)
        scene.mark(finding.key, net)
        if finding.severity > 0.45 and not everywhere:
            scene.strands.append(_honeycomb(body, points[: round(130 * finding.severity)], materials, rng))
        _veil(scene, body, side, points, (0.12 + 0.3 * finding.severity) * (1.0 if everywhere else 1.7), rng)
    scene.haze = max(scene.haze, finding.severity * (0.7 if everywhere else 0.35))


def _lung_points(
    body: Body, side: str, count: int, severity: float | None, rng: np.random.Generator
) -> Array:
    """Up to `count` points (N, 3) of a lung: near base and surface (higher up if severe), or anywhere."""
    lung, root = aerated_lung(body, side), hilum(body, side)
    points = rng.uniform(lung.low, lung.high, (22 * count, 3))
    inside = lung.contains(points)
    if severity is not None:
        outwards = points - root
        outwards /= np.linalg.norm(outwards, axis=1, keepdims=True)
        under_pleura = ~lung.contains(points + 15 * body.size * outwards)
        height = (points[:, 2] - body.dome_top(side)) / body.size
        top = 48.0 + 55.0 * severity
        basal = rng.random(len(points)) < np.exp(-np.clip(height, 0, None) / 46.0)
        inside &= (
            basal
            & (height > -18.0)
            & (height < top)
            & (under_pleura | (height < 22) & (rng.random(len(points)) < 0.35))
        )
    return points[inside][:count]


def _net(
    body: Body, side: str, points: Array, radius: float, materials: Materials, rng: np.random.Generator
) -> Strands:
    """Short threads from `points` (N, 3), each ending inside the lung."""
    ways = rng.normal(0, 1, points.shape)
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    ends = points + ways * rng.uniform(6, 15, (len(points), 1)) * body.size
    kept = aerated_lung(body, side).contains(ends)
    radii = radius * rng.uniform(0.6, 1.3, len(points))
    return Strands(points[kept], ends[kept], radii[kept], (materials.soft - materials.lung) * 2.2)


def _honeycomb(body: Body, points: Array, materials: Materials, rng: np.random.Generator) -> Strands:
    """Small rings (walls of cysts) around `points`, of six threads each, facing any way."""
    angles = np.linspace(0, 2 * np.pi, 7)
    axes = np.linalg.qr(rng.normal(0, 1, (len(points), 3, 3)))[0]
    radii = rng.uniform(3.0, 5.2, (len(points), 1, 1)) * body.size
    flat = np.stack([np.cos(angles), np.sin(angles), np.zeros(7)], axis=1)
    rings = points[:, None] + radii * np.einsum("kc,nac->nka", flat, axes)
    starts, ends = rings[:, :-1].reshape(-1, 3), rings[:, 1:].reshape(-1, 3)
    return Strands(starts, ends, np.full(len(starts), 0.85), (materials.soft - materials.lung) * 2.2)


def _veil(
    scene: Scene, body: Body, side: str, points: Array, amount: float, rng: np.random.Generator
) -> None:
    """Faint clouds where the threads are dense."""
    for centre in points[:: max(len(points) // 12, 1)][:12]:
        scene.blobs.append(Blob(centre, rng.uniform(13, 24, 3) * body.size, amount * rng.uniform(0.5, 1.0)))


def _place_tuberculosis(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    """Patches, small nodules and scars in an upper lobe, drawn to the hilum, with a cavity unless slight."""
    side, size, severity = finding.side or "right", body.size, finding.severity
    centre = site_centre(body, side, finding.site or "upper", rng)
    for _ in range(3 + round(3 * severity)):
        cloud = Blob(
            centre + rng.normal(0, 13, 3) * size, rng.uniform(8, 17, 3) * size, 0.45 + 0.5 * severity
        )
        scene.blobs.append(cloud)
        scene.mark(finding.key, cloud)
    for _ in range(6 + round(10 * severity)):
        spot = centre + rng.normal(0, 17, 3) * size
        extra = (materials.soft - materials.lung) * 2.4
        scene.added.append(ellipsoid(spot, rng.uniform(1.6, 3.2, 3) * size, None, extra))
    _add_scars(scene, body, materials, side, centre, rng)
    if severity > 0.3:
        _add_cavity(scene, materials, finding, centre, (8.5 + 9 * severity) * size, rng)


def _add_scars(
    scene: Scene, body: Body, materials: Materials, side: str, centre: Array, rng: np.random.Generator
) -> None:
    root = hilum(body, side)
    for _ in range(7):
        far = centre + rng.normal(0, 13, 3) * body.size + np.array([sign_of(side) * 4, 0, 12]) * body.size
        near = root + (far - root) * rng.uniform(0.1, 0.35)
        bend = shifted((near + far) / 2, *rng.normal(0, 4, 3))
        path = curve([near, bend, far], 6)
        extra = (materials.soft - materials.lung) * 1.6
        scene.tubes.append(tube(path, rng.uniform(0.8, 1.5) * body.size, extra))


def _add_cavity(
    scene: Scene,
    materials: Materials,
    finding: Finding,
    centre: Array,
    radius: float,
    rng: np.random.Generator,
) -> None:
    """A hollow with a thick wall."""
    radii, turn = radius * rng.uniform(0.85, 1.15, 3), rotation(*rng.uniform(-60, 60, 3))
    extra = (materials.soft - materials.lung) * 1.15
    wall = ellipsoid(centre, radii, turn, extra)
    hollow = ellipsoid(centre, radii - 0.27 * radius, turn, -extra - 0.55 * (materials.soft - materials.lung))
    scene.added += [wall, hollow]
    scene.mark(finding.key, wall)


PLACERS = {
    "emphysema": _place_emphysema,
    "fibrosis": _place_fibrosis,
    "tuberculosis": _place_tuberculosis,
}
"""The function for each kind of finding, by its name in `truth.OBSERVATIONS`."""
