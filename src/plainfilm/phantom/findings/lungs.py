"""Findings in the lungs and on the pleura: clouds, nodules, airless lobes, plates, plaques."""

from __future__ import annotations

import numpy as np

from plainfilm.phantom.anatomy import aerated_lung
from plainfilm.phantom.body import SIDES, Body, sign_of
from plainfilm.phantom.materials import Materials
from plainfilm.phantom.shapes import Array, Blob, Scene, Solid, Strands, curve, ellipsoid, rotation, tube
from plainfilm.phantom.truth import Finding
from plainfilm.phantom.vessels import hilum

SITES = ("upper", "mid", "lower")
_HEIGHTS = {"apical": 62.0, "upper": 28.0, "mid": -38.0, "lower": -92.0, "basal": -118.0}


def site_centre(body: Body, side: str, site: str, rng: np.random.Generator) -> Array:
    """A point (mm) of the lung of `side` at `site`, a possible centre of a finding."""
    sign, size = sign_of(side), body.size
    z = _HEIGHTS[site] * size + rng.normal(0, 7)
    z = max(z, body.dome_top(side) + 12 * size)
    wide, deep = body.at_height(z)
    x = sign * wide * rng.uniform(0.48, 0.74)
    y = body.chest_centre[1] + deep * (rng.uniform(-0.6, 0.1) if site != "mid" else rng.uniform(-0.2, 0.6))
    return np.array([x, y, z])


def paint(scene: Scene, body: Body, materials: Materials, finding: Finding) -> None:
    """Paints an airless lobe, cut off at a fissure, over the lung."""
    if finding.kind != "consolidation" or finding.variant != "lobar" or finding.side is None:
        return
    rng = np.random.default_rng(finding.seed)
    lobe = _lobe(body, finding.side, finding.site or "upper", rng)
    density = materials.lung + (materials.soft - materials.lung) * (0.45 + 0.5 * finding.severity)
    scene.solids.append(lobe.painted(density, finding.key))
    scene.airless.append(lobe)
    scene.mark(finding.key, finding.key)


def _lobe(body: Body, side: str, site: str, rng: np.random.Generator) -> Solid:
    lung = aerated_lung(body, side)
    height = (-22.0 + rng.normal(0, 5)) * body.size
    if site == "upper":
        return lung.clipped((0.0, -0.15, -1.0), -(height + 4))
    lower = lung.clipped((0.0, 0.55, 1.0), height - 30 * body.size)
    return (
        lower if site == "lower" else lung.clipped((0, 0, 1.0), height).clipped((0, -0.6, -1.0), 40 - height)
    )


def _place_consolidation(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    side = finding.side or "right"
    centre = site_centre(body, side, finding.site or "lower", rng)
    if finding.variant != "lobar":
        spread = (19 + 15 * finding.severity) * body.size
        _cluster(scene, finding, centre, spread, 0.95 + 0.6 * finding.severity, rng)
    _air_bronchograms(scene, body, materials, side, centre, rng)


def _cluster(
    scene: Scene, finding: Finding, centre: Array, spread: float, amount: float, rng: np.random.Generator
) -> None:
    """A few overlapping clouds around `centre`, added to the finding's outline."""
    for index in range(int(rng.integers(3, 6))):
        offset = rng.normal(0, 0.55 if index else 0.0, 3) * spread
        sigmas = spread * rng.uniform(0.6, 1.0, 3) * (1.0 if index == 0 else 0.7)
        turn = rotation(*rng.uniform(-40, 40, 3))
        cloud = Blob(centre + offset, sigmas, amount * (0.6 if index else 0.8), turn)
        scene.blobs.append(cloud)
        scene.mark(finding.key, cloud)


def _air_bronchograms(
    scene: Scene, body: Body, materials: Materials, side: str, centre: Array, rng: np.random.Generator
) -> None:
    root = hilum(body, side)
    for _ in range(3):
        end = centre + rng.normal(0, 12, 3)
        bend = (root + end) / 2 + rng.normal(0, 5, 3)
        path = curve([root + (end - root) * 0.35, bend + (end - root) * 0.08, end], 6)
        scene.tubes.append(tube(path, 2.1 * body.size, -0.5 * materials.soft))


def _place_opacity(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    centre = site_centre(body, finding.side or "right", finding.site or "lower", rng)
    spread = (21 + 17 * finding.severity) * body.size
    _cluster(scene, finding, centre, spread, 0.42 + 0.45 * finding.severity, rng)


def _place_edema(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    severity, size = finding.severity, body.size
    scene.haze = max(scene.haze, 0.3 + 0.9 * severity)
    for side in SIDES:
        sign = sign_of(side)
        for height, share in ((-15.0, 0.8), (-62.0, 1.0), (-105.0, 0.75)):
            middle = np.array([sign * (62 + rng.normal(0, 4)), -14.0, height + rng.normal(0, 5)]) * size
            sigmas = np.array([24, 40, 26]) * size * rng.uniform(0.9, 1.1)
            cloud = Blob(middle, sigmas, share * (0.16 + 0.6 * severity))
            scene.blobs.append(cloud)
        _kerley_lines(scene, body, materials, side, rng)
        scene.mark(finding.key, f"{side} lung")


def _kerley_lines(
    scene: Scene, body: Body, materials: Materials, side: str, rng: np.random.Generator
) -> None:
    count, sign = int(rng.integers(5, 11)), sign_of(side)
    z = body.dome_top(side) + rng.uniform(-8, 55, count) * body.size
    wide, _ = body.at_height(z)
    starts = np.stack([sign * (wide - 3) * 0.98, rng.normal(-5, 12, count), z], axis=1)
    inward = np.stack(
        [-sign * rng.uniform(10, 20, count), rng.normal(0, 3, count), rng.normal(0, 2.5, count)], axis=1
    )
    extra = (materials.soft - materials.lung) * 1.6
    scene.strands.append(Strands(starts, starts + inward, np.full(count, 0.75), extra))


def _place_lesion(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    centre = site_centre(body, finding.side or "right", finding.site or "upper", rng)
    small = finding.kind == "nodule"
    radius = ((6.5 + 7.5 * finding.severity) if small else (17 + 18 * finding.severity)) * body.size
    extra = (materials.soft - materials.lung) * (2.0 if small else 1.5)
    if finding.variant == "calcified":
        extra = (materials.bone - materials.lung) * 0.8
    core = ellipsoid(centre, radius * rng.uniform(0.85, 1.1, 3), rotation(*rng.uniform(-60, 60, 3)), extra)
    scene.added.append(core)
    scene.mark(finding.key, core)
    if not small:
        for _ in range(4):
            bump = centre + rng.normal(0, 0.5, 3) * radius
            lobule = ellipsoid(bump, radius * rng.uniform(0.35, 0.55, 3), None, extra * 0.5)
            scene.added.append(lobule)
            scene.mark(finding.key, lobule)


def _place_plate_atelectasis(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    side = finding.side or "left"
    sign, size = sign_of(side), body.size
    extra = (materials.soft - materials.lung) * 1.2
    for index in range(1 + round(2 * finding.severity)):
        z = body.dome_top(side) + (14 + 15 * index + rng.normal(0, 3)) * size
        wide = float(body.at_height(z)[0])
        middle = (sign * wide * rng.uniform(0.58, 0.72), rng.normal(-10, 15), z)
        radii = np.array([rng.uniform(22, 36), rng.uniform(18, 30), 1.9 + 1.3 * finding.severity]) * size
        turn = rotation(x=rng.normal(0, 3), y=sign * rng.normal(10, 7))
        plate = ellipsoid(middle, radii, turn, extra)
        scene.added.append(plate)
        scene.mark(finding.key, plate)


def _place_lobar_atelectasis(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    side = finding.side or "left"
    sign, size, severity = sign_of(side), body.size, finding.severity
    top = body.dome_top(side)
    for x, z, share in ((48, 16, 1.0), (78, 8, 0.8), (100, 2, 0.55)):
        middle = np.array([sign * x * size, (-45 + rng.normal(0, 6)) * size, top + z * size])
        sigmas = np.array([20, 26, 9 + 8 * severity]) * size
        cloud = Blob(middle, sigmas, share * (0.55 + 0.6 * severity), rotation(y=sign * 12))
        scene.blobs.append(cloud)
        scene.mark(finding.key, cloud)


def _place_plaques(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    side = finding.side or "right"
    sign, size = sign_of(side), body.size
    extra = (materials.bone - materials.soft) * 1.3
    for index in range(2 + round(3 * finding.severity)):
        z = (-30 - 26 * index + rng.normal(0, 6)) * size
        z = max(z, body.dome_top(side) + 4)
        wide, deep = body.at_height(z)
        angle = rng.uniform(-0.5, 1.0)
        middle = (sign * wide * 0.97 * np.cos(angle), body.chest_centre[1] + deep * 0.97 * np.sin(angle), z)
        radii = np.array([3.4, rng.uniform(10, 17), rng.uniform(9, 16)]) * size
        plaque = ellipsoid(middle, radii, rotation(z=sign * np.degrees(angle)), extra)
        scene.added.append(plaque)
        scene.mark(finding.key, plaque)


PLACERS = {
    "consolidation": _place_consolidation,
    "opacity": _place_opacity,
    "edema": _place_edema,
    "nodule": _place_lesion,
    "mass": _place_lesion,
    "plate_atelectasis": _place_plate_atelectasis,
    "lobar_atelectasis": _place_lobar_atelectasis,
    "pleural_plaques": _place_plaques,
}
"""The function for each kind of finding, by its name in `truth.OBSERVATIONS`."""
