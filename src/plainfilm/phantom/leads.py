"""Monitoring leads on the skin of bedside patients: no finding, but a distraction for readers."""

from __future__ import annotations

import numpy as np

from plainfilm.phantom.anatomy import trunk_radii
from plainfilm.phantom.body import SIDES, Body, sign_of
from plainfilm.phantom.materials import Materials
from plainfilm.phantom.shapes import Scene, curve, ellipsoid, shifted, tube

_SHARE = 0.55


def add_leads(scene: Scene, body: Body, materials: Materials, rng: np.random.Generator) -> None:
    """Add electrodes and their wires to about half of the bodies."""
    if rng.random() > _SHARE:
        return
    size, front = body.size, trunk_radii(body)[1]
    plug = np.array([rng.uniform(-60, 60), front + 14, -235 * size])
    for side in SIDES:
        for height in (rng.uniform(20, 48), rng.uniform(-150, -105)):
            wide = rng.uniform(82, 122) * size
            spot = np.array([sign_of(side) * wide, front * 0.9, height * size])
            scene.added.append(ellipsoid(spot, (5.5, 1.6, 5.5), None, materials.metal * 0.45))
            bend = (spot + plug) / 2 + rng.normal(0, 22, 3) * (1, 0.2, 1)
            wire = curve([spot, shifted(spot, sign_of(side) * 8, 10, -18), bend, plug], 14)
            scene.tubes.append(tube(wire, 0.7, materials.metal * 0.35))
