"""Soft organs of a body, painted from the outside inwards: trunk, lungs, heart, mediastinum, abdomen."""

from __future__ import annotations

import numpy as np

from plainfilm.phantom.body import SIDES, Body, sign_of
from plainfilm.phantom.materials import Materials
from plainfilm.phantom.shapes import Scene, Solid, column, curve, ellipsoid, rotation, shifted, tube


def paint_trunk_and_lungs(scene: Scene, body: Body, materials: Materials) -> None:
    """Paint the outline of the body, the lungs and their surroundings."""
    _paint_trunk(scene, body, materials)
    for side in SIDES:
        _paint_lung(scene, body, materials, side)


def paint_central_organs(scene: Scene, body: Body, materials: Materials, rng: np.random.Generator) -> None:
    """Paint the organs over the lungs' borders: abdomen, mediastinum, heart, airways."""
    _paint_abdomen(scene, body, materials, rng)
    _paint_mediastinum(scene, body, materials)
    _paint_heart(scene, body, materials)
    _add_airways(scene, body, materials)


def trunk_radii(body: Body) -> tuple[float, float]:
    """Half width and half depth (mm) of the trunk at the level of the chest."""
    fat = body.patient.fat_mm
    return body.chest_rx + 20.0 + 0.9 * fat, body.chest_ry + 16.0 + 0.75 * fat


def _paint_trunk(scene: Scene, body: Body, materials: Materials) -> None:
    scene.solids += trunk_parts(body, materials.soft)
    for side in SIDES:
        _paint_arm(scene, body, materials, side)
        if body.patient.breast:
            _paint_breast(scene, body, materials, side)


def trunk_parts(body: Body, attenuation: float = 0.0) -> list[Solid]:
    """The solids whose union is the trunk without arms and breasts: chest, its top, shoulders, neck."""
    rx, ry = trunk_radii(body)
    size, fat, up = body.size, body.patient.fat_mm, body.shoulders_mm
    shoulders = (172 * size + fat, 62 + fat / 2, 42)
    neck = (52 * size + fat / 3, 56 * size + fat / 3)
    return [
        column((0, -2), (rx, ry), -600, 52 * size, attenuation),
        ellipsoid((0, -8, 40 * size), (rx * 1.02, ry * 0.98, 85 * size), None, attenuation),
        ellipsoid((0, -18, 88 * size + up * 0.5), shoulders, None, attenuation),
        column((0, -22), neck, 60 * size, 420, attenuation),
    ]


def _paint_arm(scene: Scene, body: Body, materials: Materials, side: str) -> None:
    sign, size, fat = sign_of(side), body.size, body.patient.fat_mm
    up, rx = body.shoulders_mm, trunk_radii(body)[0]
    radius = (30 if body.posture == "lateral" else 40) * size + 0.35 * fat
    shoulder = (sign * 168 * size, -14, 78 * size + up)
    if body.posture == "lateral":
        elbow = (sign * 140 * size, 150, 330 * size)
    elif body.posture == "upright":
        elbow = (sign * (rx + 95), 10, -95 * size)
    else:
        elbow = (sign * (rx + radius * 0.75), -10, -220 * size)
    # A limb is a stretched ellipsoid from shoulder to elbow, so that its outline is smooth.
    along = np.subtract(elbow, shoulder)
    length = float(np.linalg.norm(along))
    axis = along / length
    helper = np.cross(axis, (0.0, 1.0, 0.0))
    helper /= np.linalg.norm(helper)
    turn = np.stack([helper, np.cross(axis, helper), axis], axis=1)
    middle = np.asarray(shoulder) + along * 0.5
    scene.solids.append(ellipsoid(middle, (radius, radius, length * 0.72), turn, materials.soft))
    if body.posture != "lateral":
        scene.solids.append(ellipsoid(shoulder, (52 * size + fat / 3, 48, 50 * size), None, materials.soft))


def _paint_breast(scene: Scene, body: Body, materials: Materials, side: str) -> None:
    volume, size = body.patient.breast, body.size
    supine = body.posture == "supine"
    # Leaning back into the trunk at its top, so that only the lower fold shows as an edge.
    centre = (
        sign_of(side) * (76 + (18 if supine else 0)) * size * body.patient.width,
        trunk_radii(body)[1] * 0.74,
        (-74 if supine else -88 - 14 * volume) * size,
    )
    radii = (60 * size * volume**0.5, (40 if supine else 50) * volume**0.7, 82 * size * volume**0.4)
    scene.solids.append(ellipsoid(centre, radii, rotation(x=18), materials.soft * 0.95))


def pleural_cavity(body: Body, side: str) -> Solid:
    """The space of one lung with its pleura: the lung's own ellipsoid inside the rib cage."""
    sign, size = sign_of(side), body.size
    centre = (sign * 62 * size * body.patient.width, -4 * size, -92 * size)
    radii = (82 * size * body.patient.width, body.chest_ry, 192 * size)
    own = ellipsoid(centre, radii, rotation(y=-sign * 4.0))
    cage = ellipsoid(body.chest_centre, (body.chest_rx, body.chest_ry, body.chest_rz))
    # The floor slopes down towards the back: the posterior sulcus is the deepest point.
    floor = np.array([0.0, 0.28, -1.0])
    medial = np.array([-sign, 0.0, 0.0])
    return own.within(cage).clipped(floor, -body.sulcus(side)).clipped(medial, -4.0)


def aerated_lung(body: Body, side: str) -> Solid:
    """The aerated part of the cavity: less if air or fluid has replaced lung."""
    state, cavity = body.hemithoraces[side], pleural_cavity(body, side)
    lung = cavity
    if state.collapse > 0:
        lung = _shrunken(body, side, cavity, state.collapse)
    if state.fluid_level is not None:
        lung = lung.within(_above_meniscus(body, side, state.fluid_level))
    if state.layering > 0:
        back = -body.chest_ry - 4 * body.size
        lung = lung.clipped((0.0, -1.0, 0.0), -(back + state.layering))
    if state.pleural_thickening > 0:
        lung = _shrunken(body, side, lung, state.pleural_thickening)
    return lung


def _shrunken(body: Body, side: str, lung: Solid, share: float) -> Solid:
    """`lung` inside a smaller copy of the cavity, centred towards its hilum."""
    sign, size = sign_of(side), body.size
    factor = 1.0 - share
    hilum = np.array([sign * 25.0 * size, -10.0, -70.0 * size])
    whole = pleural_cavity(body, side).quadrics[0]
    centre = hilum + factor * (whole.centre - hilum)
    radii = 1.0 / np.linalg.norm(whole.matrix, axis=1)
    cage_centre = hilum + factor * (body.chest_centre - hilum)
    cage = ellipsoid(cage_centre, np.array([body.chest_rx, body.chest_ry, body.chest_rz]) * factor)
    return lung.within(ellipsoid(centre, radii * factor, rotation(y=-sign * 4.0)).within(cage))


def _above_meniscus(body: Body, side: str, level: float) -> Solid:
    """The bowl-shaped surface of free fluid under the lung: it rises towards the chest wall."""
    sign, size = sign_of(side), body.size
    centre = (sign * 46 * size, 0.0, level + 330.0)
    return ellipsoid(centre, (200 * size, 220 * size, 330.0))


def _paint_lung(scene: Scene, body: Body, materials: Materials, side: str) -> None:
    cavity, state = pleural_cavity(body, side), body.hemithoraces[side]
    lung = aerated_lung(body, side)
    if state.collapse > 0:
        scene.solids.append(cavity.painted(materials.air, f"{side} pleural air"))
        if state.fluid_level is not None:
            pool = cavity.clipped((0.0, 0.0, 1.0), state.fluid_level)
            scene.solids.append(pool.painted(materials.soft, f"{side} pleural fluid"))
        pleura = _shrunken(body, side, cavity, max(state.collapse - 0.018, 0.0))
        scene.solids.append(pleura.painted(materials.soft * 0.9))
    elif lung is not cavity:
        scene.solids.append(cavity.painted(materials.soft, f"{side} pleural fluid"))
    density = materials.lung * body.lung_tissue * (1.0 + 1.5 * state.collapse)
    scene.solids.append(lung.painted(density, f"{side} lung"))
    scene.region(f"{side} lung", f"{side} lung")


def _paint_abdomen(scene: Scene, body: Body, materials: Materials, rng: np.random.Generator) -> None:
    size, soft = body.size, materials.soft
    for side in SIDES:
        top, sign = body.dome_top(side), sign_of(side)
        radii = np.array([80 * size * body.patient.width, 100 * size * body.barrel, body.dome_rz])
        dome = ellipsoid((sign * 64 * size * body.patient.width, 8, top - radii[2]), radii, None, soft)
        scene.solids.append(dome)
        cap = dome.clipped((0.0, 0.0, -1.0), -(top - 30 * size))
        scene.region(f"{side} hemidiaphragm", cap)
        corner = np.array([sign * (body.chest_rx - 16 * size), 0, body.sulcus(side) + 12 * size])
        scene.region(f"{side} costophrenic angle", ellipsoid(corner, np.full(3, 19 * size)))
        scene.region("abdomen", dome)
    if rng.random() < 0.8:
        _paint_stomach_gas(scene, body, rng)
    for _ in range(int(rng.integers(0, 4))):
        centre = (rng.normal(30, 55), rng.normal(35, 20), body.dome_top("left") - rng.uniform(60, 110))
        scene.solids.append(ellipsoid(centre, rng.uniform(9, 20, 3), rotation(y=rng.uniform(-40, 40))))


def _paint_stomach_gas(scene: Scene, body: Body, rng: np.random.Generator) -> None:
    radii = np.array([rng.uniform(20, 42), rng.uniform(18, 30), rng.uniform(14, 26)])
    centre = np.array([rng.uniform(48, 80), 8.0, body.dome_top("left") - 12 - radii[2]])
    gas = ellipsoid(centre, radii)
    if body.posture != "supine":
        gas = gas.clipped((0.0, 0.0, -1.0), -(centre[2] - rng.uniform(0.0, 0.6) * radii[2]))
    scene.solids.append(gas)


def _paint_mediastinum(scene: Scene, body: Body, materials: Materials) -> None:
    size, soft, wide = body.size, materials.soft, body.mediastinum_scale
    shift, aorta = body.mediastinal_shift_mm, body.patient.aorta * body.aorta_scale
    low, high = body.dome_top("left") - 60, 125 * size
    core = column((shift * 0.5, -12), (21 * size * wide**0.5, 58 * size), low, high, soft)
    vessels_top = ellipsoid((shift - 2, -4, 48 * size), (29 * size * wide, 42 * size, 82 * size), None, soft)
    cava = ellipsoid(
        (shift - 24 * size * wide**0.7, 8, 22 * size), (11 * size, 14 * size, 80 * size), None, soft
    )
    arch = ellipsoid(
        (shift + 25 * size * wide**0.6, -8, 20 * size * aorta),
        np.array([17, 30, 17]) * size * aorta,
        None,
        soft,
    )
    trunk = ellipsoid(
        (shift + 28 * size, 18, -32 * size), np.array([18, 26, 34]) * size, rotation(y=14), soft
    )
    descending = column(
        (shift * 0.5 + 24 * size * aorta**0.5, -50), (12.5 * aorta, 12.5 * aorta), low, 15 * size, soft
    )
    strip = ellipsoid((0, -8, 105 * size), (23 * size, 40 * size, 42 * size), None, soft)
    scene.solids += [core, vessels_top, cava, arch, trunk, descending, strip]
    scene.region("aortic arch", arch)
    scene.region("svc", cava)
    junction = np.array([shift - 26 * size, 12, -54 * size])
    scene.region("cavoatrial junction", ellipsoid(junction, np.full(3, 11 * size)))
    scene.region("upper mediastinum", vessels_top)
    scene.region("mediastinum", vessels_top, trunk)


def heart_parts(body: Body) -> list[Solid]:
    """The ellipsoids whose union is the heart's silhouette: left ventricle, right atrium, base."""
    scale = body.patient.heart * body.heart_scale * body.size
    growth = body.heart_scale
    shift = body.mediastinal_shift_mm
    # The heart rests on the diaphragm: poor inspiration lifts it and makes it more horizontal.
    height = body.dome_top("left") - body.hemithoraces["left"].dome_rise + 27.0 * scale
    lift = max(0.0, height + 124.0 * body.size)
    angle = max(body.patient.apex_angle - 0.45 * lift, 12.0) + 8.0 * (growth - 1.0)
    ventricle = ellipsoid((shift + 33 * scale, 28, height), np.array([66, 46, 43]) * scale, rotation(y=angle))
    atrium = ellipsoid((shift - 14 * scale, 18, height + 2), np.array([33 * growth**0.3, 38, 46]) * scale)
    base = ellipsoid((shift + 10 * scale, 14, height + 38 * scale), np.array([36, 38, 42]) * scale)
    return [ventricle, atrium, base]


def _paint_heart(scene: Scene, body: Body, materials: Materials) -> None:
    parts = [part.painted(materials.soft * 1.03) for part in heart_parts(body)]
    scene.solids += parts
    scene.region("cardiac silhouette", *parts)
    scene.region("mediastinum", *parts)
    scene.region("right atrium", parts[1])


def trachea_path(body: Body) -> np.ndarray:
    """Points (N, 3) from the larynx to the carina."""
    size, shift = body.size, body.mediastinal_shift_mm
    knots = [(0, 8, 170 * size), (0, -2, 90 * size), (shift * 0.6 - 4, -14, 30 * size), (shift - 3, -20, 0)]
    return curve(knots, 12)


def right_bronchus_path(body: Body) -> np.ndarray:
    """Points (N, 3) from the carina into the right lung."""
    carina = trachea_path(body)[-1]
    return curve([carina, shifted(carina, -19, 0, -18), shifted(carina, -38, 0, -30)], 6)


def _add_airways(scene: Scene, body: Body, materials: Materials) -> None:
    size, hollow = body.size, -0.92 * materials.soft
    windpipe = tube(trachea_path(body), 9.2 * size, hollow * 1.15)
    carina = windpipe.points[-1]
    right = tube(right_bronchus_path(body), 6.6 * size, hollow * 0.8)
    left = tube(
        curve([carina, shifted(carina, 24, -2, -16), shifted(carina, 48, -4, -27)], 7),
        5.8 * size,
        hollow * 0.8,
    )
    scene.tubes += [windpipe, right, left]
    scene.region("trachea", windpipe)
    scene.region("carina", ellipsoid(carina, (9, 9, 9)))
