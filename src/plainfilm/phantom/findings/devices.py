"""Tubes, lines and hardware."""

from __future__ import annotations

import numpy as np

from plainfilm.phantom.anatomy import right_bronchus_path, trachea_path
from plainfilm.phantom.body import Body, sign_of
from plainfilm.phantom.materials import Materials
from plainfilm.phantom.shapes import Array, Scene, Tube, curve, ellipsoid, rotation, shifted, tube
from plainfilm.phantom.truth import Finding
from plainfilm.seeding import generator


def _thread(scene: Scene, finding: Finding, knots: Array | list, radius: float, attenuation: float) -> Tube:
    """Add a smooth line through `knots` and add it to the finding's outline."""
    line = tube(curve(knots, 6 * len(knots)), radius, attenuation)
    scene.tubes.append(line)
    scene.mark(finding.key, line)
    return line


def tracheal_tube_tip_mm(finding: Finding) -> float:
    """Height of a tracheal tube's tip above the carina, in mm of the average adult; below 0 in a bronchus."""
    usual = float(generator(finding.seed, "tip").uniform(34, 58))
    return {"high": 84.0, "low": 13.0, "bronchial": -22.0}.get(finding.variant or "", usual)


def central_line_goal(finding: Finding) -> str:
    """The position of a malpositioned central line: up in the neck, across to the other side, too deep."""
    return str(generator(finding.seed, "goal").choice(["neck", "across", "deep"]))


def _place_tracheal_tube(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    way = trachea_path(body)
    if finding.variant == "bronchial":
        way = np.vstack([way, right_bronchus_path(body)[1:]])
    tip = tracheal_tube_tip_mm(finding)
    path = way[way[:, 2] > tip]
    end = np.array([np.interp(tip, way[::-1, 2], way[::-1, axis]) for axis in range(3)])
    knots = np.vstack([shifted(way[0], 0, 6, 90 * body.size), path, end])
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
    cross = [np.array([0, 24, 50]) * size] if sign > 0 else []
    ways = {name: [np.array(point) * size for point in points] for name, points in _entries(sign).items()}
    if finding.variant == "malpositioned":
        knots = _stray_line(ways, cross, junction, central_line_goal(finding), sign, size)
    else:
        knots = [*ways[finding.variant or "jugular"], *cross, junction, tip]
    _thread(scene, finding, knots, 1.4 if finding.variant != "picc" else 1.1, materials.metal * 0.55)


def _entries(sign: float) -> dict[str, list[tuple[float, float, float]]]:
    """The path of each kind of line from the skin to the brachiocephalic vein, mm of the average adult."""
    return {
        "jugular": [(sign * 42, 18, 170), (sign * 36, 18, 110), (sign * 30, 18, 66)],
        "subclavian": [(sign * 118, 48, 62), (sign * 84, 50, 76), (sign * 40, 34, 62)],
        "picc": [(sign * 215, -8, -40), (sign * 168, 0, 48), (sign * 100, 40, 64), (sign * 42, 30, 58)],
    }


def _stray_line(
    ways: dict[str, list[Array]], cross: list[Array], junction: Array, goal: str, sign: float, size: float
) -> list[Array]:
    """A line that misses the superior vena cava and ends at `goal` (see `central_line_goal`)."""
    if goal == "neck":
        return [*ways["subclavian"], *ways["jugular"][1::-1]]
    if goal == "across":
        mirrored = [point * (-1, 1, 1) for point in ways["subclavian"][1:]]
        return [*ways["jugular"], np.array([sign * 4, 26, 50]) * size, *mirrored[::-1]]
    deep = [
        shifted(junction, *(np.array(step) * size)) for step in ((4, 2, -100), (10, 12, -158), (30, 30, -176))
    ]
    return [*ways["jugular"], *cross, junction, *deep]


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
    entry = -88 * size
    wide = float(body.at_height(entry)[0])
    if (finding.variant or "").startswith("pigtail"):
        _place_pigtail(scene, body, materials, finding, rng)
        return
    knots = [(sign * (wide + 40), 10.0, entry - 28 * size), (sign * (wide + 2), 0.0, entry)]
    if finding.variant == "outside":
        knots += [(sign * (wide - 8), -8, entry + 14 * size), (sign * (wide - 14), -14, entry + 30 * size)]
    else:
        target = (sign * 48 * size, -30.0, rng.uniform(35, 68) * size)
        if finding.variant == "basal":
            target = (sign * 55 * size, -60.0, body.dome_top(finding.side or "right") + 12)
        knots += [(sign * wide * 0.8, -25, (entry + target[2]) / 2 + 6), target]
    path = curve(knots, 40)
    wall = tube(path, 4.2, 0.02)
    scene.tubes.append(wall)
    scene.mark(finding.key, wall)
    # The stripe is interrupted at the last side hole, 45 mm from the tip: it shows if that is inside.
    left = np.append(np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1)[::-1])[::-1], 0.0)
    for piece in (path[left > 49], path[left < 41]):
        chosen = np.linspace(0, len(piece) - 1, min(len(piece), 7)).round().astype(int)
        _thread(scene, finding, piece[chosen], 1.4, materials.metal * 0.5)


def _place_pigtail(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    """A thin catheter whose end is a loop: in the pleural space, or in the chest wall if pulled back."""
    side, size = finding.side or "right", body.size
    sign, z = sign_of(side), body.dome_top(side) + rng.uniform(2, 22) * size
    wide = float(body.at_height(z)[0])
    middle = sign * (wide + 15 if finding.variant == "pigtail_outside" else wide - 17 * size)
    radius = 8.0 * size
    turns = np.linspace(0, 1.7 * np.pi, 9) - 0.5 * np.pi
    loop = np.stack(
        [middle - sign * radius * np.cos(turns), np.linspace(-22, -16, 9), z + radius * np.sin(turns)], axis=1
    )
    far = [(sign * (wide + 62), 4, z + 30 * size), (sign * (wide + 34), -10, z + 6 * size)]
    _thread(scene, finding, np.vstack([far, loop]), 1.5, materials.metal * 0.42)


def _place_feeding_tube(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    ways = {"bronchial": _into_bronchus, "coiled": _coiled, "high": _ending_high}
    knots = ways.get(finding.variant or "", _into_stomach)(body, rng)
    _thread(scene, finding, knots, 1.6, materials.metal * 0.5)


def _gullet(body: Body) -> list[Array]:
    """The path from the throat to just above the diaphragm."""
    size, floor, aside = body.size, body.dome_top("left"), body.mediastinal_shift_mm * 0.4
    way = [
        (2, 0, 190 * size),
        (5, -20, 90 * size),
        (aside + 6, -40, 0),
        (aside + 10, -42, -80 * size),
        (20 * size, -20, floor - 14),
    ]
    return [np.array(point) for point in way]


def _into_stomach(body: Body, rng: np.random.Generator) -> list[Array]:
    size, floor = body.size, body.dome_top("left")
    ends = [(48 * size, 15, floor - 52), (rng.uniform(40, 84) * size, 30, floor - rng.uniform(60, 95))]
    return [*_gullet(body), *(np.array(point) for point in ends)]


def _ending_high(body: Body, rng: np.random.Generator) -> list[Array]:
    gullet = _gullet(body)
    return [*gullet[:3], gullet[2] + (gullet[3] - gullet[2]) * rng.uniform(0.3, 1.0)]


def _coiled(body: Body, rng: np.random.Generator) -> list[Array]:
    """Down the upper oesophagus, round in a loop and up again."""
    size = body.size
    turns = np.linspace(0, 3.4 * np.pi, 14)
    middle = np.array([5.0, -28.0, rng.uniform(30, 62)]) * size
    across = np.stack([np.sin(turns), np.full(14, 0.0), np.cos(turns)], axis=1)
    loop = middle + across * (11.0, 1.0, 20.0) * size + np.linspace(0, 4, 14)[:, None] * (1, 1, 0)
    return [*_gullet(body)[:2], *loop]


def _into_bronchus(body: Body, rng: np.random.Generator) -> list[Array]:
    size, end = body.size, right_bronchus_path(body)[-1]
    beyond = [shifted(end, -rng.uniform(8, 16) * size, -12, -26 * size)]
    beyond.append(shifted(beyond[0], -rng.uniform(4, 12) * size, -16, -rng.uniform(24, 38) * size))
    return [
        shifted(trachea_path(body)[0], 0, 2, 30),
        *trachea_path(body)[::3],
        *right_bronchus_path(body)[1::2],
        *beyond,
    ]


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
"""The function for each kind of finding, by its name in `truth.OBSERVATIONS`."""
