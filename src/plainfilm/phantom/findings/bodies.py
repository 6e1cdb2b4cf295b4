"""Foreign objects in the chest: a herniated stomach and foreign bodies."""

from __future__ import annotations

import numpy as np

from plainfilm.phantom.body import Body, sign_of
from plainfilm.phantom.findings.lungs import site_centre
from plainfilm.phantom.materials import Materials
from plainfilm.phantom.shapes import Array, Scene, Solid, ellipsoid, rotation, shifted, tube
from plainfilm.phantom.truth import Finding


def _place_hernia(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    """A pouch of stomach behind the heart. Its air lies on top of its fluid, or in front if supine."""
    size, radius = body.size, (23 + 24 * finding.severity) * body.size
    radii = radius * np.array([1.15, 0.85, 1.0]) * rng.uniform(0.93, 1.07, 3)
    floor = (body.dome_top("left") + body.dome_top("right")) / 2
    middle = np.array([rng.normal(9, 7) * size, -37.0 * size, floor + radii[2] * rng.uniform(0.5, 0.75)])
    pouch = ellipsoid(middle, radii, None, materials.soft * 1.02)
    lumen = ellipsoid(middle, radii - 3.2 * size, None, materials.air)
    scene.solids += [pouch, _upper_part(lumen, body, middle, radii, rng.uniform(-0.25, 0.3))]
    scene.mark(finding.key, pouch)


def _upper_part(lumen: Solid, body: Body, middle: Array, radii: Array, level: float) -> Solid:
    """The part of `lumen` above a fluid level, which stands `level` of a radius over its middle."""
    axis = 1 if body.posture == "supine" else 2
    normal = np.zeros(3)
    normal[axis] = -1.0
    return lumen.clipped(normal, -(middle[axis] + level * radii[axis]))


def _place_foreign_body(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    _FORMS[finding.variant or "coin"](scene, body, materials, finding, rng)


def _place_coin(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    """A coin in the oesophagus, facing the front."""
    radius = (9.5 + 3.5 * finding.severity) * body.size
    spot = np.array([rng.normal(2, 2), -34.0, rng.uniform(36, 62)]) * body.size
    _add(scene, finding, ellipsoid(spot, (radius, 1.1, radius), rotation(y=rng.normal(0, 8)), 0.9))


def _place_needle(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    centre = site_centre(body, finding.side or "right", finding.site or "mid", rng)
    way = rotation(y=rng.uniform(-75, 75), z=rng.uniform(-25, 25)) @ np.array([0.0, 0.0, 1.0])
    half = (14 + 9 * finding.severity) * body.size
    needle = tube([centre - way * half, centre + way * half], 0.75, materials.metal * 1.3)
    scene.tubes.append(needle)
    scene.mark(finding.key, needle)


def _place_bullet(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    centre = site_centre(body, finding.side or "right", finding.site or "mid", rng)
    radius = (3.8 + 1.6 * finding.severity) * body.size
    turn = rotation(*rng.uniform(-80, 80, 3))
    _add(scene, finding, ellipsoid(centre, np.array([1.0, 1.0, 2.2]) * radius, turn, 0.4))
    for _ in range(2 + round(4 * finding.severity)):
        splinter = centre + rng.normal(0, 8, 3) * body.size
        _add(scene, finding, ellipsoid(splinter, rng.uniform(0.7, 1.6, 3), None, 0.4))


def _place_clips(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    """Small metal clips in the armpit."""
    sign, size = sign_of(finding.side or "right"), body.size
    middle = np.array([sign * 124, -4, rng.uniform(8, 34)]) * size
    for _ in range(3 + round(4 * finding.severity)):
        spot = shifted(middle, *(rng.normal(0, 1, 3) * (7, 5, 13) * size))
        way = rotation(y=rng.uniform(-80, 80)) @ np.array([0.0, 0.0, 3.6])
        clip = tube([spot - way, spot + way], 0.95, materials.metal * 1.2)
        scene.tubes.append(clip)
        scene.mark(finding.key, clip)


def _add(scene: Scene, finding: Finding, solid: Solid) -> None:
    scene.added.append(solid)
    scene.mark(finding.key, solid)


_FORMS = {"coin": _place_coin, "needle": _place_needle, "bullet": _place_bullet, "clips": _place_clips}

PLACERS = {"hernia": _place_hernia, "foreign_body": _place_foreign_body}
"""The function for each kind of finding, by its name in `truth.OBSERVATIONS`."""
