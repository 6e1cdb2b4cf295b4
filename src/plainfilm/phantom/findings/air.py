"""Air outside the lungs and the pleura: in the chest wall and in the mediastinum."""

from __future__ import annotations

import numpy as np

from plainfilm.phantom.anatomy import trachea_path, trunk_parts
from plainfilm.phantom.body import Body, sign_of
from plainfilm.phantom.materials import Materials
from plainfilm.phantom.shapes import Array, Scene, Solid, Strands, curve, shifted, tube
from plainfilm.phantom.truth import Finding


def _place_subcutaneous_emphysema(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    """Streaks and bubbles along the flank, up to the neck if severe, and between pectoral fibres."""
    severity, side = finding.severity, finding.side or "right"
    _add_air(scene, body, materials, finding, *_flank_streaks(body, side, severity, rng))
    if severity > 0.25:
        _add_air(scene, body, materials, finding, *_neck_streaks(body, side, severity, rng))
    if severity > 0.35:
        _add_air(scene, body, materials, finding, *_pectoral_fan(body, side, severity, rng))


def _add_air(
    scene: Scene,
    body: Body,
    materials: Materials,
    finding: Finding,
    starts: Array,
    ends: Array,
    radii: Array,
) -> None:
    """Adds the threads of air (N, 3) to (N, 3) that begin and end under the skin."""
    skin = trunk_parts(body)
    kept = _any_contains(skin, starts) & _any_contains(skin, ends)
    if kept.any():
        air = Strands(starts[kept], ends[kept], radii[kept], -0.85 * materials.soft)
        scene.strands.append(air)
        scene.mark(finding.key, air)


def _any_contains(solids: list[Solid], points: Array) -> np.ndarray:
    return np.any([solid.contains(points) for solid in solids], axis=0)


def _flank_streaks(
    body: Body, side: str, severity: float, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    count, size, sign = round(35 + 110 * severity), body.size, sign_of(side)
    low, high = -70 - 60 * severity, 25 + 40 * severity
    z = rng.uniform(low, high, count) * size
    wide = body.at_height(z)[0]
    # Air lies in layers between the muscles: a few depths, each followed over some height.
    layer = rng.choice([6.0, 11.0, 17.0, 23.0], count) + rng.normal(0, 1.0, count)
    starts = np.stack([sign * (wide + layer), rng.normal(4, 16, count), z], axis=1)
    length = rng.uniform(5, 24, count) * size
    lower = z - length
    drift = body.at_height(lower)[0] - wide + rng.normal(0, 2.0, count)
    ends = np.stack([starts[:, 0] + sign * drift, starts[:, 1] + rng.normal(0, 5, count), lower], axis=1)
    return starts, ends, rng.uniform(1.4, 3.8, count) * (0.75 + 0.5 * severity)


def _neck_streaks(
    body: Body, side: str, severity: float, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    count, size, sign = round(85 * severity), body.size, sign_of(side)
    z = rng.uniform(82, 150, count) * size
    x = sign * rng.uniform(24, 46, count) * size + sign * np.clip(110 * size - z, 0, None) * 0.9
    starts = np.stack([x, rng.uniform(-45, 10, count), z], axis=1)
    step = np.stack(
        [sign * rng.uniform(0, 6, count), rng.normal(0, 3, count), -rng.uniform(7, 22, count)], axis=1
    )
    return starts, starts + step * size, rng.uniform(1.5, 3.2, count)


def _pectoral_fan(
    body: Body, side: str, severity: float, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Lines that spread from the armpit over the front of the chest, as muscle fibres do."""
    count, size, sign = round(42 * severity), body.size, sign_of(side)
    fan = np.radians(rng.uniform(-62, 38, count))
    armpit = np.array([sign * 128 * size, 0.0, 48 * size])
    begin = rng.uniform(4, 30, (count, 1)) * size
    length = rng.uniform(25, 70, (count, 1)) * size
    way = np.stack([-sign * np.cos(fan), np.zeros(count), np.sin(fan)], axis=1)
    ends = np.stack([armpit + way * begin, armpit + way * (begin + length)])
    for line in ends:
        line[:, 1] = _front_of_ribs(body, line) + rng.uniform(4, 9, count)
    return ends[0], ends[1], rng.uniform(1.3, 2.6, count)


def _front_of_ribs(body: Body, points: Array) -> Array:
    """The front of the rib cage (mm) at the x and z of `points`."""
    wide, deep = body.at_height(points[:, 2])
    share = np.clip(1.0 - (points[:, 0] / wide) ** 2, 0.02, 1.0)
    front: Array = body.chest_centre[1] + deep * np.sqrt(share)
    return front


def _place_pneumomediastinum(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    """Air that lifts the pleura off the heart and arch, and extends along the trachea into the neck."""
    severity, size = finding.severity, body.size
    for sign in (1.0, -1.0) if severity > 0.5 else (1.0,):
        _line_border(scene, body, materials, finding, sign, severity)
    windpipe = trachea_path(body)[::2]
    for sign in (1.0, -1.0):
        for _ in range(2 + round(2 * severity)):
            aside = sign * rng.uniform(12, 24) * size
            path = shifted(windpipe, aside, rng.uniform(-14, 16), rng.uniform(-4, 16))
            path[:, 0] += np.cumsum(rng.normal(0, 1.1, len(path)))
            _add_line(scene, finding, path, (1.3 + 1.8 * severity) * size, -0.9 * materials.soft)
    for _ in range(2 + round(3 * severity)):
        y = rng.uniform(0.42, 0.62) * body.chest_ry
        x = body.mediastinal_shift_mm + rng.uniform(-14, 14)
        knots = [(x, y, 55 * size), (x + rng.normal(0, 4), y + 6, 10 * size), (x, y + 2, -40 * size)]
        _add_line(scene, finding, curve(knots, 9), (1.0 + 0.9 * severity) * size, -0.8 * materials.soft)


def _add_line(scene: Scene, finding: Finding, path: Array, radius: float, attenuation: float) -> None:
    line = tube(path, radius, attenuation)
    scene.tubes.append(line)
    scene.mark(finding.key, line)


def _line_border(
    scene: Scene, body: Body, materials: Materials, finding: Finding, sign: float, severity: float
) -> None:
    """A dark band along the mediastinum's border on one side, under a thin white line of pleura."""
    solids = [
        shape
        for name in ("mediastinum", "aortic arch", "svc")
        for shape in scene.regions[name]
        if isinstance(shape, Solid)
    ]
    top, bottom = 70 * body.size, body.dome_top("left") + 6
    border = _border(solids, sign, np.linspace(top, bottom + (1 - severity) * 40, 18))
    width = (1.3 + 1.5 * severity) * body.size
    # Air and pleura extend along the beam: sheets, each of several lines behind one another.
    for depth in np.linspace(-21.0, 21.0, 8):
        _add_line(scene, finding, shifted(border, sign * width * 0.8, depth, 0), width, -materials.lung)
        _add_line(
            scene, finding, shifted(border, -sign * width * 0.4, depth, 0), width, -0.25 * materials.soft
        )
        pleura = shifted(border, sign * (1.8 * width + 0.9), depth, 0)
        _add_line(scene, finding, pleura, 0.95, materials.soft)


def _border(solids: list[Solid], sign: float, heights: Array) -> Array:
    """The outermost points (N, 3) of the union of `solids` at `heights`, smoothed."""
    wide, deep = np.arange(0.0, 130.0, 1.0), np.arange(-50.0, 75.0, 5.0)
    grid = np.stack(np.meshgrid(heights, sign * wide, deep, indexing="ij"), axis=-1)[..., [1, 2, 0]]
    filled = _any_contains(solids, grid.reshape(-1, 3)).reshape(grid.shape[:3])
    reach = np.where(filled, wide[None, :, None], -1.0)
    outermost = reach.max(axis=1)
    x = np.maximum(outermost.max(axis=1), 8.0)
    y = deep[outermost.argmax(axis=1)]
    knots = np.stack([sign * x, y, heights], axis=1)
    smooth: Array = curve((knots[:-2] + knots[1:-1] + knots[2:]) / 3, 30)
    return smooth


PLACERS = {
    "subcutaneous_emphysema": _place_subcutaneous_emphysema,
    "pneumomediastinum": _place_pneumomediastinum,
}
"""The function for each kind of finding, by its name in `truth.OBSERVATIONS`."""
