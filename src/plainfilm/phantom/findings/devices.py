"""Tubes, lines and hardware."""

from __future__ import annotations

import numpy as np

from plainfilm.phantom.anatomy import trachea_path
from plainfilm.phantom.body import Body, sign_of
from plainfilm.phantom.materials import Materials
from plainfilm.phantom.shapes import Array, Scene, Tube, curve, ellipsoid, rotation, shifted, tube
from plainfilm.phantom.truth import Finding
from plainfilm.seeding import generator


def _thread(scene: Scene, finding: Finding, knots: Array | list, radius: float, attenuation: float) -> Tube:
    """Adds a smooth line through `knots` and counts it to the finding's outline."""
    line = tube(curve(knots, 6 * len(knots)), radius, attenuation)
    scene.tubes.append(line)
    scene.mark(finding.key, line)
    return line


def tracheal_tube_tip_mm(finding: Finding) -> float:
    """How far above the carina a tracheal tube ends, in mm of the average adult."""
    usual = float(generator(finding.seed, "tip").uniform(34, 58))
    return {"high": 84.0, "low": 13.0}.get(finding.variant or "", usual)


def _place_tracheal_tube(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    windpipe = trachea_path(body)
    tip = tracheal_tube_tip_mm(finding)
    path = windpipe[windpipe[:, 2] > tip]
    end = np.array([np.interp(tip, windpipe[::-1, 2], windpipe[::-1, axis]) for axis in range(3)])
    knots = np.vstack([shifted(windpipe[0], 0, 6, 90 * body.size), path, end])
    wall = tube(knots, 4.6, 0.022)
    scene.tubes += [wall, tube(knots, 3.4, -0.022)]
    scene.mark(finding.key, wall)
    _thread(scene, finding, shifted(knots, 2.5, 3.2, 0), 1.2, materials.metal * 0.8)


def _place_central_line(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    sign, size, shift = sign_of(finding.side or "right"), body.size, body.mediastinal_shift_mm
    tip = np.array([shift - 25, 10, rng.uniform(-40, -5)]) * size
    junction = np.array([shift - 26, 12, 38]) * size
    starts = {
        "jugular": [(sign * 42, 18, 170), (sign * 36, 18, 110), (sign * 30, 18, 66)],
        "subclavian": [(sign * 118, 48, 62), (sign * 84, 50, 76), (sign * 40, 34, 62)],
        "picc": [(sign * 215, -8, -40), (sign * 168, 0, 48), (sign * 100, 40, 64), (sign * 42, 30, 58)],
    }[finding.variant or "jugular"]
    cross = [np.array([0, 24, 50]) * size] if sign > 0 else []
    knots = [np.array(point) * size for point in starts] + cross + [junction, tip]
    _thread(scene, finding, knots, 1.4 if finding.variant != "picc" else 1.1, materials.metal * 0.55)


def _place_pacemaker(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    sign, size, shift = sign_of(finding.side or "left"), body.size, body.mediastinal_shift_mm
    pocket = np.array([sign * 104, 84, 44 + rng.normal(0, 6)]) * size
    case = ellipsoid(pocket, np.array([23, 4.5, 21]) * size, rotation(z=sign * -25), 0.22)
    scene.added.append(case)
    scene.mark(finding.key, case)
    vein = [
        shifted(pocket, sign * -6, -4, 14),
        shifted(pocket, sign * -34, -24, 28),
        np.array([sign * 34, 30, 60]) * size,
    ]
    cava = [np.array([shift - 22, 14, 34]) * size, np.array([shift - 26, 12, -30]) * size]
    chamber = [np.array([shift - 18, 22, -92]) * size, np.array([shift + 8, 40, -122]) * size]
    apex = np.array([shift + 62 * body.heart_scale, 52, -122]) * size
    _thread(scene, finding, [*vein, *cava, *chamber, apex], 1.05, materials.metal * 0.55)
    if finding.variant != "single":
        atrium = [np.array([shift - 32, 34, -68]) * size, np.array([shift - 20, 48, -50]) * size]
        _thread(scene, finding, [*vein, *cava, *atrium], 1.05, materials.metal * 0.55)


def _place_chest_tube(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    sign, size = sign_of(finding.side or "right"), body.size
    wide = float(body.at_height(-70 * size)[0])
    target = (sign * 48 * size, -30.0, rng.uniform(35, 68) * size)
    if finding.variant == "basal":
        target = (sign * 55 * size, -60.0, body.dome_top(finding.side or "right") + 12)
    knots = [
        (sign * (wide + 40), 10, -116 * size),
        (sign * (wide + 2), 0, -88 * size),
        (sign * wide * 0.8, -25, (-88 * size + target[2]) / 2 + 6),
        target,
    ]
    path = curve(knots, 24)
    wall = tube(path, 4.2, 0.02)
    scene.tubes.append(wall)
    scene.mark(finding.key, wall)
    _thread(scene, finding, path[::4], 1.4, materials.metal * 0.5)


def _place_feeding_tube(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    size, floor, shift = body.size, body.dome_top("left"), body.mediastinal_shift_mm
    knots = [
        (2, 0, 190 * size),
        (5, -20, 90 * size),
        (shift * 0.4 + 6, -40, 0),
        (shift * 0.4 + 10, -42, -80 * size),
        (20 * size, -20, floor - 14),
        (48 * size, 15, floor - 52),
        (rng.uniform(40, 84) * size, 30, floor - rng.uniform(60, 95)),
    ]
    _thread(scene, finding, knots, 1.6, materials.metal * 0.5)


def _place_sternal_wires(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    size, front = body.size, body.chest_ry
    for index in range(int(rng.integers(5, 8))):
        z = (46 - 22 * index) * size
        y = front * (0.78 + 0.03 * index)
        tilt = rng.normal(0, 2)
        loop = [(-11, -8, tilt), (-6, 6, 4), (6, 6, -3), (11, -8, -tilt), (0, 10, 1), (-11, -8, tilt)]
        knots = shifted(np.array(loop) * size, rng.normal(0, 1.5), y, z)
        _thread(scene, finding, knots, 0.75, materials.metal * 1.2)


PLACERS = {
    "tracheal_tube": _place_tracheal_tube,
    "central_line": _place_central_line,
    "pacemaker": _place_pacemaker,
    "chest_tube": _place_chest_tube,
    "feeding_tube": _place_feeding_tube,
    "sternal_wires": _place_sternal_wires,
}
"""How each kind of finding is added, by its name in `truth.OBSERVATIONS`."""
