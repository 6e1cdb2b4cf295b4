"""Film technique: postures, positions of tube and detector, and their variation from film to film."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plainfilm.phantom.body import Body, Patient
from plainfilm.phantom.camera import Camera
from plainfilm.phantom.shapes import rotation
from plainfilm.types import View


@dataclass(frozen=True)
class Technique:
    """The contribution of radiographer and machine to a film.

    `distance_mm` is from tube to detector; `turn` is the patient's rotation in degrees; `tilt_mm` the tube's
    height relative to the centre of the film; `field_mm` the film's longer side; `portrait` whether it is
    upright; shares are of 1.
    """

    view: View
    kilovolts: float
    distance_mm: float
    turn: float
    tilt_mm: float
    field_mm: float
    aspect: float
    centre_mm: tuple[float, float]
    scanner: str
    noise: float
    scatter: float
    blur_mm: float
    contrast: float
    brightness: float
    border: tuple[float, float, float, float]
    marker: str


def draw_technique(view: View, rng: np.random.Generator) -> Technique:
    """A typical technique for `view`: bedside films are nearer, softer, noisier and more rotated."""
    bedside = view in (View.AP, View.AP_SUPINE)
    lateral = view is View.LATERAL
    field = rng.normal(392 if bedside else 382, 16)
    return Technique(
        view=view,
        kilovolts=float(rng.uniform(75, 100) if bedside else rng.uniform(105, 130)),
        distance_mm=float(rng.uniform(1000, 1250) if bedside else rng.uniform(1750, 1850)),
        turn=float(rng.normal(0, 4.5 if bedside else 1.8)),
        tilt_mm=float(rng.normal(60, 60) if bedside else rng.normal(0, 15)),
        field_mm=float(np.clip(field, 340, 440)),
        aspect=float(rng.choice([0.82, 0.84, 1.0, 1.2]) if bedside else rng.choice([0.82, 0.83, 0.85, 1.0])),
        centre_mm=(float(rng.normal(0, 10 if bedside else 4)), float(rng.normal(-52, 12 if bedside else 8))),
        scanner=str(rng.choice(["direct", "plate", "film"], p=[0.55, 0.37, 0.08])),
        noise=float(rng.uniform(0.9, 1.9) if bedside else rng.uniform(0.4, 1.1)),
        scatter=float(rng.uniform(0.25, 0.5) if bedside else rng.uniform(0.1, 0.28))
        * (1.3 if lateral else 1.0),
        blur_mm=float(rng.uniform(0.45, 0.9) if bedside else rng.uniform(0.25, 0.55)),
        contrast=float(rng.normal(0.88 if bedside else 1.02, 0.09)),
        brightness=float(rng.normal(0.03 if bedside else 0.0, 0.035)),
        border=_draw_border(bedside, rng),
        marker=_draw_marker(view, rng),
    )


def _draw_border(bedside: bool, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Shares of the film's sides that collimation leaves unexposed."""
    if rng.random() > (0.35 if bedside else 0.3):
        return (0.0, 0.0, 0.0, 0.0)
    left, top, right, bottom = (float(value) for value in rng.uniform(0.0, 0.05, 4))
    return left, top, right, bottom


def _draw_marker(view: View, rng: np.random.Generator) -> str:
    if view is View.LATERAL:
        return "L"
    return str(rng.choice(["L", "L", "L", "R", ""]))


def draw_body(patient: Patient, view: View, rng: np.random.Generator) -> Body:
    """`patient` as positioned for `view`."""
    if view is View.LATERAL:
        return Body(patient, "lateral", _breath(rng, 0.75), 10.0, 20.0)
    if view is View.PA:
        return Body(
            patient, "upright", _breath(rng, 0.75), float(rng.normal(-2, 5)), float(rng.normal(46, 8))
        )
    posture = "supine" if view is View.AP_SUPINE else "sitting"
    return Body(patient, posture, _breath(rng, 0.2), float(rng.normal(12, 8)), float(rng.normal(10, 8)))


def _breath(rng: np.random.Generator, middle: float) -> float:
    return float(np.clip(rng.normal(middle, 0.2), -0.3, 1.15))


def place_camera(technique: Technique, size: int) -> Camera:
    """The camera of a film whose longer side has `size` pixels. The patient's right is at image left."""
    long_side = technique.field_mm
    sides = (
        (long_side * technique.aspect, long_side)
        if technique.aspect <= 1
        else (long_side, long_side / technique.aspect)
    )
    pitch = long_side / size
    width, height = max(round(sides[0] / pitch), 8), max(round(sides[1] / pitch), 8)
    lateral = technique.view is View.LATERAL
    toward = {View.PA: 1.0, View.AP: -1.0, View.AP_SUPINE: -1.0}.get(technique.view, 0.0)
    beam = np.array([1.0, 0.0, 0.0]) if lateral else np.array([0.0, toward, 0.0])
    right = np.array([0.0, -1.0, 0.0]) if lateral else np.array([1.0, 0.0, 0.0])
    turn = rotation(z=technique.turn)
    beam, right, down = turn @ beam, turn @ right, np.array([0.0, 0.0, -1.0])
    gap = 190.0 if lateral else 135.0
    middle = beam * gap + right * technique.centre_mm[0] + np.array([0.0, 0.0, technique.centre_mm[1]])
    source = middle - beam * technique.distance_mm + np.array([0.0, 0.0, technique.tilt_mm])
    corner = middle - right * (width / 2 * pitch) - down * (height / 2 * pitch)
    return Camera(source, corner, right * pitch, down * pitch, width, height)
