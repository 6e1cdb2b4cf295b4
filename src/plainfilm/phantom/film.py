"""Renders one film of a body with findings: builds the scene, exposes, develops and boxes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plainfilm.phantom.anatomy import paint_central_organs, paint_trunk_and_lungs
from plainfilm.phantom.body import SIDES, Body, Patient
from plainfilm.phantom.camera import Camera, PixelBox, union
from plainfilm.phantom.develop import develop
from plainfilm.phantom.findings import add_findings, paint_into_lungs, shape_body
from plainfilm.phantom.findings.bones import broken_bones
from plainfilm.phantom.leads import add_leads
from plainfilm.phantom.materials import Materials
from plainfilm.phantom.rays import Exposure, expose
from plainfilm.phantom.shapes import Mark, Scene
from plainfilm.phantom.skeleton import add_bones
from plainfilm.phantom.truth import FilmBox, Finding
from plainfilm.phantom.vessels import add_vessels
from plainfilm.phantom.views import Technique, draw_body, draw_technique, place_camera
from plainfilm.seeding import generator
from plainfilm.types import View

_VISIBLE_MM = 2.0
"""A ray meets a channel's material if it runs at least this far through it, in mm."""


@dataclass(frozen=True)
class RenderedFilm:
    """A film with the boxes of its findings and regions, in its pixels."""

    array: NDArray[np.uint8]
    boxes: tuple[FilmBox, ...]
    spacing_mm: float


def render_film(
    patient: Patient, findings: Sequence[Finding], view: View, seed: int, size: int
) -> RenderedFilm:
    """A film whose longer side has `size` pixels; the same arguments give the same film.

    `seed` determines posture, technique and noise; findings have their own seeds.
    """
    technique = draw_technique(view, generator(seed, "technique"))
    body = draw_body(patient, view, generator(seed, "posture"))
    materials = Materials.at(technique.kilovolts)
    scene = build_scene(body, findings, materials, seed)
    camera = place_camera(technique, size)
    exposure = expose(scene, camera)
    attenuation = in_lung(exposure, scene, materials, technique, generator(seed, "markings"))
    array = develop(attenuation, technique, generator(seed, "noise"))
    return RenderedFilm(array, tuple(film_boxes(scene, camera, exposure)), technique.field_mm / size)


def build_scene(body: Body, findings: Sequence[Finding], materials: Materials, seed: int) -> Scene:
    """The scene in and around `body`, whose numbers its findings change."""
    scene = Scene()
    shape_body(body, findings)
    paint_trunk_and_lungs(scene, body, materials)
    paint_into_lungs(scene, body, materials, findings)
    paint_central_organs(scene, body, materials, generator(seed, "abdomen"))
    add_bones(scene, body, materials, broken_bones(findings))
    add_vessels(scene, body, materials, np.random.default_rng(body.patient.vessel_seed))
    add_findings(scene, body, materials, findings)
    if body.posture in ("supine", "sitting"):
        add_leads(scene, body, materials, generator(seed, "leads"))
    return scene


def in_lung(
    exposure: Exposure, scene: Scene, materials: Materials, technique: Technique, rng: np.random.Generator
) -> NDArray[np.float32]:
    """The total attenuation: clouds limited to the lung along each ray, and fine markings of the lungs."""
    lung = (exposure.lengths["right lung"] + exposure.lengths["left lung"]).astype(np.float32)
    pitch = technique.field_mm / max(lung.shape)
    coarse = smooth_noise(lung.shape, 13.0 / pitch, rng)
    fine = smooth_noise(lung.shape, 3.6 / pitch, rng)
    changed = lung * np.float32(0.012 + 0.016 * scene.haze) * (fine + np.float32(0.6) * coarse)
    if scene.blobs:
        cloud = exposure.cloud.astype(np.float32) * np.exp(np.float32(0.2) * coarse + np.float32(0.06) * fine)
        changed += lung * np.tanh(cloud / np.maximum(lung, np.float32(1e-3)))
    return exposure.attenuation.astype(np.float32) + np.float32(materials.soft - materials.lung) * changed


def smooth_noise(shape: tuple[int, ...], grain: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise (H, W) of unit standard deviation that varies over `grain` pixels."""
    height, width = shape
    rows, columns = max(round(height / grain) + 1, 2), max(round(width / grain) + 1, 2)
    grid = Image.fromarray(rng.standard_normal((rows, columns), dtype=np.float32) * np.float32(1.3))
    return np.asarray(grid.resize((width, height), Image.Resampling.BICUBIC))


def film_boxes(scene: Scene, camera: Camera, exposure: Exposure) -> list[FilmBox]:
    """The boxes of all findings and regions visible on the film."""
    boxes = []
    for kind, marks in (("finding", scene.marks), ("region", scene.regions)):
        for name, shapes in marks.items():
            box = _box_of(shapes, camera, exposure)
            if box is not None:
                boxes.append(FilmBox(name, kind, *(round(value, 2) for value in box)))
    return boxes + _lung_zones(boxes)


def _box_of(shapes: Sequence[Mark], camera: Camera, exposure: Exposure) -> PixelBox | None:
    boxes = []
    for shape in shapes:
        box = _extent(exposure, shape) if isinstance(shape, str) else camera.outline(shape)
        if box is not None:
            boxes.append(box)
    return camera.clip(union(boxes)) if boxes else None


def _extent(exposure: Exposure, channel: str) -> PixelBox | None:
    """The box around the pixels whose rays pass visibly through a channel."""
    if channel not in exposure.lengths:
        return None
    seen = exposure.lengths[channel] > _VISIBLE_MM
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not len(rows):
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def _lung_zones(boxes: Sequence[FilmBox]) -> list[FilmBox]:
    """Each lung's box in thirds, and its apex."""
    zones = []
    for side in SIDES:
        lung = next((box for box in boxes if box.name == f"{side} lung"), None)
        if lung is None:
            continue
        height = lung.y1 - lung.y0
        shares = {
            "upper lung zone": (0, 1 / 3),
            "mid lung zone": (1 / 3, 2 / 3),
            "lower lung zone": (2 / 3, 1),
        }
        for name, (top, bottom) in {**shares, "apical zone": (0, 0.16)}.items():
            y0, y1 = round(lung.y0 + top * height, 2), round(lung.y0 + bottom * height, 2)
            zones.append(FilmBox(f"{side} {name}", "region", lung.x0, y0, lung.x1, y1))
    return zones
