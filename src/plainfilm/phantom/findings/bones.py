"""Fractures of ribs, clavicles and vertebrae."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plainfilm.phantom.body import Body
from plainfilm.phantom.materials import Materials
from plainfilm.phantom.shapes import Array, Scene, ellipsoid
from plainfilm.phantom.skeleton import clavicle_path, hollow_bone, rib_path, spine_point, vertebra_height
from plainfilm.phantom.truth import Finding

Bone = tuple[str, int]
"""A side and a rib's number; number 0 is the clavicle."""


def broken_bones(findings: Sequence[Finding]) -> set[Bone]:
    """The bones drawn by the fractures of `findings`."""
    return {bone for finding in findings for bone in _bones_of(finding)}


def _bones_of(finding: Finding) -> list[Bone]:
    side = finding.side or "right"
    if finding.kind == "clavicle_fracture":
        return [(side, 0)]
    if finding.kind != "rib_fracture":
        return []
    first = int(np.random.default_rng(finding.seed).integers(4, 8))
    return [(side, first + step) for step in range(1 + round(2.4 * finding.severity))]


def _place(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    extra = (materials.bone - materials.soft) * body.patient.bone
    place = rng.uniform(0.38, 0.6)
    for side, number in _bones_of(finding):
        path = clavicle_path(body, side) if number == 0 else rib_path(body, side, number)
        at = int(np.clip(round(len(path) * (place + rng.normal(0, 0.03))), 4, len(path) - 5))
        if finding.variant == "healed":
            _add_healed(scene, body, finding, path, at, extra)
        else:
            _add_displaced(scene, body, finding, path, at, extra, rng)


def _add_healed(scene: Scene, body: Body, finding: Finding, path: Array, at: int, extra: float) -> None:
    scene.tubes += hollow_bone(path, 5.4 * body.size, extra)
    callus = ellipsoid(path[at], np.array([11, 9, 9]) * body.size, None, extra * 0.6)
    scene.added.append(callus)
    scene.mark(finding.key, callus)


def _add_displaced(
    scene: Scene, body: Body, finding: Finding, path: Array, at: int, extra: float, rng: np.random.Generator
) -> None:
    """The two ends part: the far one drops and overlaps, with a kink towards the break."""
    step = (8.0 + 5.0 * finding.severity) * body.size
    shift = np.array([0.0, rng.normal(0, 2.0), -step])
    fade = np.linspace(1.0, 0.3, len(path) - at - 1)[:, None]
    far = path[at + 1 :] + shift * fade
    near = path[: at + 1].copy()
    near[-4:] += np.linspace(0, 0.55, 4)[:, None] * -shift
    for piece in (near, far):
        scene.tubes += hollow_bone(piece, 5.6 * body.size, extra * 1.3)
    scene.mark(finding.key, ellipsoid(path[at], np.full(3, (13 + step) * body.size)))


def _mark_vertebra(
    scene: Scene, body: Body, materials: Materials, finding: Finding, rng: np.random.Generator
) -> None:
    """The vertebra itself is a number of the body (`findings.shape`)."""
    for number in body.collapsed:
        middle = spine_point(body, vertebra_height(body, number))
        scene.mark(finding.key, ellipsoid(middle, np.array([19, 17, 12]) * body.size))


PLACERS = {"rib_fracture": _place, "clavicle_fracture": _place, "vertebral_fracture": _mark_vertebra}
"""The function for each kind of finding, by its name in `truth.OBSERVATIONS`."""
