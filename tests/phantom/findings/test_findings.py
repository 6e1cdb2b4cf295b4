from __future__ import annotations

import numpy as np
import pytest

from plainfilm.phantom.film import render_film
from plainfilm.phantom.truth import OBSERVATIONS
from plainfilm.types import View

SIDED = {kind: "right" for kind in OBSERVATIONS if kind not in ("cardiomegaly", "edema", "sternal_wires")}


@pytest.mark.parametrize("kind", OBSERVATIONS)
def test_every_kind_is_boxed_and_changes_the_film_there(kind, patient, finding):
    present = finding(kind, SIDED.get(kind), "lower", severity=0.8)
    made = render_film(patient, [present], View.PA, 9, 192)
    plain = render_film(patient, [], View.PA, 9, 192)
    item = next(box for box in made.boxes if box.kind == "finding")
    difference = np.abs(made.array.astype(float) - plain.array.astype(float))
    inside = difference[round(item.y0) : round(item.y1), round(item.x0) : round(item.x1)]
    assert inside.max() > 20


@pytest.mark.parametrize("variant", ["lobar", "patchy"])
def test_consolidation_whitens_its_box(variant, patient, finding):
    present = finding("consolidation", "right", "upper", 0.7, variant)
    made, plain = (render_film(patient, found, View.PA, 9, 160) for found in ([present], []))
    item = next(box for box in made.boxes if box.kind == "finding")
    area = slice(round(item.y0), round(item.y1)), slice(round(item.x0), round(item.x1))
    assert made.array[area].mean() > plain.array[area].mean() + 10


def test_a_low_tracheal_tube_ends_below_a_high_one(patient, finding):
    low, high = (
        render_film(patient, [finding("tracheal_tube", variant=variant)], View.PA, 9, 160).boxes[0].y1
        for variant in ("low", "high")
    )
    assert low > high


def test_supine_fluid_veils_the_whole_lung(patient, finding):
    present = [finding("effusion", "right", severity=0.7)]
    made, plain = (render_film(patient, found, View.AP_SUPINE, 2, 160) for found in (present, []))
    zone = next(box for box in plain.boxes if box.name == "right mid lung zone")
    area = slice(round(zone.y0), round(zone.y1)), slice(round(zone.x0), round(zone.x1))
    assert made.array[area].mean() > plain.array[area].mean() + 5
