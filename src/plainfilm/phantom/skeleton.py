"""Bones of a body: ribs, spine, clavicles, shoulder blades, breastbone, upper arms."""

from __future__ import annotations

import numpy as np

from plainfilm.phantom.anatomy import trunk_radii
from plainfilm.phantom.body import SIDES, Body, sign_of
from plainfilm.phantom.materials import Materials
from plainfilm.phantom.shapes import Array, Scene, Tube, column, curve, ellipsoid, rotation, tube

RIBS = range(1, 13)
_RIB_STEPS = 17


def add_bones(scene: Scene, body: Body, materials: Materials, broken: set[tuple[str, int]]) -> None:
    """Add all bones but those in `broken` (side, rib number; 0 is the clavicle): fractures add them."""
    extra = (materials.bone - materials.soft) * body.patient.bone
    for side in SIDES:
        for number in RIBS:
            if (side, number) not in broken:
                scene.tubes += hollow_bone(rib_path(body, side, number), 5.2 * body.size, extra * 0.9)
        if (side, 0) not in broken:
            scene.tubes += hollow_bone(clavicle_path(body, side), 6.2 * body.size, extra * 1.35)
        scene.region(f"{side} clavicle", tube(clavicle_path(body, side), 6.0 * body.size, extra))
        _add_shoulder(scene, body, extra, side)
    _add_spine(scene, body, extra)
    _add_breastbone(scene, body, extra)


def hollow_bone(path: Array, radius: float, extra: float) -> list[Tube]:
    """A bone with a dense shell and a light core: two tubes, the inner one with negative attenuation."""
    return [tube(path, radius, extra * 0.8), tube(path, radius * 0.72, -extra * 0.52)]


def vertebra_height(body: Body, number: int) -> float:
    """The height (mm) of thoracic vertebra `number`: 1 to 12; 13 on is lumbar, 0 and below the neck."""
    return body.size * (96.0 - (number - 1) * 22.5)


def vertebra_half_height(body: Body, number: int) -> float:
    """Half the height (mm) of the body of a vertebra, at least 30 % less in a collapsed one."""
    left = 0.7 - 0.35 * body.collapsed[number] if number in body.collapsed else 1.0
    return 8.8 * body.size * left


def spine_point(body: Body, z: float) -> Array:
    """The centre of the vertebral column at height `z`; it is bent to the back at a collapsed vertebra."""
    size = body.size
    bend = np.sin((z + 60 * size) / (130 * size)) * body.patient.spine_curve_mm
    kyphosis = -76 * size + ((z + 40 * size) / (150 * size)) ** 2 * 22 * size
    for number, share in body.collapsed.items():
        away = (z - vertebra_height(body, number)) / (42 * size)
        kyphosis -= (6 + 12 * share) * size * np.exp(-(away**2))
    return np.array([bend, kyphosis, z])


def rib_path(body: Body, side: str, number: int) -> Array:
    """The centre line (N, 3) of a rib from the spine to its front end."""
    sign, size = sign_of(side), body.size
    start = vertebra_height(body, number) + 4 * size
    sweep = np.radians({1: 140, 11: 88, 12: 62}.get(number, 150 - max(0, number - 6) * 7))
    drop = {1: 38, 2: 62, 3: 82, 11: 62, 12: 44}.get(number, 98) * size * 0.95
    angle = np.linspace(np.radians(10), sweep, _RIB_STEPS)
    fall = (1 - np.cos(np.clip(angle * 1.02, 0, np.pi))) / 2
    hump = 7 * size * np.sin(np.clip(angle * 2.4, 0, np.pi))
    z = start + hump - drop * fall**1.15
    rx, ry = body.at_height(z)
    shape = np.sin(angle) ** 0.85
    x = sign * (rx + 1.5) * shape
    y = body.chest_centre[1] - (ry + 1.0) * np.cos(angle)
    return np.stack([x, y, z], axis=1)


def clavicle_path(body: Body, side: str) -> Array:
    """The centre line (N, 3) of a clavicle from the sternum to the shoulder."""
    sign, size, up = sign_of(side), body.size, body.shoulders_mm
    knots = [
        (sign * 15 * size, 66 * size, 54 * size),
        (sign * 58 * size, 66 * size, 60 * size + 0.4 * up),
        (sign * 105 * size, 34 * size, 78 * size + 0.8 * up),
        (sign * 152 * size, 4 * size, 90 * size + up),
    ]
    return curve(knots, 18)


def _add_shoulder(scene: Scene, body: Body, extra: float, side: str) -> None:
    sign, size, up, out = sign_of(side), body.size, body.shoulders_mm, body.scapulae_mm
    middle = (sign * (108 * size + out), -88 * size, 18 * size + 0.6 * up)
    blade_turn = rotation(y=sign * (10 + 0.2 * out), z=sign * -32)
    scene.added.append(ellipsoid(middle, (42 * size, 3.0, 66 * size), blade_turn, extra * 0.9))
    edge = [
        (sign * (140 * size + out * 0.8), -52, 72 * size + up),
        (sign * (132 * size + out), -80, 15 * size + 0.6 * up),
        (sign * (104 * size + out), -94, -48 * size + 0.5 * up),
    ]
    scene.tubes.append(tube(curve(edge, 10), 4.5 * size, extra * 0.7))
    ridge = [(sign * (80 * size + out), -100, 52 * size + up), (sign * 150 * size, -50, 96 * size + up)]
    scene.tubes.append(tube(ridge, 5.0 * size, extra * 0.7))
    head = np.array([sign * 172 * size, -14.0, 74 * size + up])
    scene.added.append(ellipsoid(head, np.full(3, 23 * size), None, extra * 0.42))
    scene.tubes += hollow_bone(np.stack([head, _elbow(body, side)]), 11.5 * size, extra)


def _elbow(body: Body, side: str) -> Array:
    sign, size = sign_of(side), body.size
    rx = trunk_radii(body)[0]
    if body.posture == "lateral":
        return np.array([sign * 140 * size, 150, 330 * size])
    if body.posture == "upright":
        return np.array([sign * (rx + 95), 10, -95 * size])
    return np.array([sign * (rx + 34), -10, -220 * size])


def _add_spine(scene: Scene, body: Body, extra: float) -> None:
    size = body.size
    for number in range(-4, 18):
        z = vertebra_height(body, number)
        x, y, _ = spine_point(body, z)
        grow = 1.0 + 0.022 * (number - 6)
        wide, deep = 16.5 * size * grow, 14 * size * grow
        half = vertebra_half_height(body, number)
        # A collapsed body keeps its bone.
        density = extra * 0.34 * (8.8 * size / half) ** 0.5
        scene.added.append(column((x, y), (wide, deep), z - half, z + half, density))
        scene.added.append(column((x, y), (wide, deep), z + half - 1.6, z + half + 0.4, extra * 0.3))
        for side in SIDES:
            pedicle = (x + sign_of(side) * 11 * size, y - 17 * size, z + 2)
            scene.added.append(ellipsoid(pedicle, (4 * size, 9 * size, 5.5 * size), None, extra * 0.5))
            wing = (x + sign_of(side) * 22 * size, y - 24 * size, z + 3)
            scene.added.append(ellipsoid(wing, (14 * size, 5 * size, 5 * size), None, extra * 0.3))
        spinous = (x, y - 36 * size, z - 9 * size)
        scene.added.append(ellipsoid(spinous, (3 * size, 13 * size, 8 * size), rotation(x=25), extra * 0.45))
    ends = [spine_point(body, vertebra_height(body, number)) for number in (12, 1)]
    scene.region("spine", ellipsoid((ends[0] + ends[1]) / 2, (18 * size, 18 * size, 130 * size)))


def _add_breastbone(scene: Scene, body: Body, extra: float) -> None:
    size = body.size
    front = body.chest_ry
    handle = (0, front * 0.72, 42 * size)
    scene.added.append(ellipsoid(handle, (24 * size, 6 * size, 24 * size), rotation(x=22), extra * 0.4))
    blade = (0, front * 0.98, -38 * size)
    scene.added.append(ellipsoid(blade, (15 * size, 5.5 * size, 58 * size), rotation(x=10), extra * 0.4))
