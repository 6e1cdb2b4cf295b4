from __future__ import annotations

import numpy as np
import pytest

from plainfilm.phantom.film import render_film
from plainfilm.phantom.truth import OBSERVATIONS
from plainfilm.types import View

UNSIDED = {
    *("cardiomegaly", "edema", "sternal_wires", "emphysema", "fibrosis", "hernia", "pneumomediastinum"),
    "vertebral_fracture",
}
SIDED = {kind: "right" for kind in OBSERVATIONS if kind not in UNSIDED}
LATER = {kind for kind, name in OBSERVATIONS.items() if name == kind.replace("_", " ").title()}


def area_of(item):
    return slice(round(item.y0), round(item.y1)), slice(round(item.x0), round(item.x1))


def with_and_without(patient, present, view, seed=9, size=192):
    """Two films alike but for a finding, as floats, and the finding's box."""
    made, plain = (render_film(patient, found, view, seed, size) for found in ([present], []))
    item = next(box for box in made.boxes if box.kind == "finding")
    return made.array.astype(float), plain.array.astype(float), item


@pytest.mark.parametrize("kind", OBSERVATIONS)
def test_every_kind_is_boxed_and_changes_the_film_there(kind, patient, finding):
    present = finding(kind, SIDED.get(kind), "lower", severity=0.8)
    made, plain, item = with_and_without(patient, present, View.PA)
    assert np.abs(made - plain)[area_of(item)].max() > 20


@pytest.mark.parametrize("view", [View.PA, View.AP, View.LATERAL])
@pytest.mark.parametrize(
    ("kind", "side", "variant"),
    [
        ("fibrosis", None, None),
        ("fibrosis", None, "interstitial"),
        ("hernia", None, None),
        ("subcutaneous_emphysema", "right", None),
        ("pneumomediastinum", None, None),
        ("foreign_body", None, "coin"),
        ("foreign_body", "left", "needle"),
        ("foreign_body", "left", "bullet"),
        ("foreign_body", "right", "clips"),
        ("tuberculosis", "right", None),
    ],
)
def test_a_film_changes_more_inside_the_box_of_a_finding_than_outside(
    kind, side, variant, view, patient, finding
):
    present = finding(kind, side, "upper", 0.7, variant)
    made, plain, item = with_and_without(patient, present, view)
    difference = np.abs(made - plain)
    inside = np.zeros(difference.shape, bool)
    inside[area_of(item)] = True
    assert difference[inside].mean() > 1.2 * difference[~inside].mean()


@pytest.mark.parametrize("variant", ["lobar", "patchy"])
def test_consolidation_whitens_its_box(variant, patient, finding):
    present = finding("consolidation", "right", "upper", 0.7, variant)
    made, plain, item = with_and_without(patient, present, View.PA, size=160)
    assert made[area_of(item)].mean() > plain[area_of(item)].mean() + 10


def test_supine_fluid_veils_the_whole_lung(patient, finding):
    present = [finding("effusion", "right", severity=0.7)]
    made, plain = (render_film(patient, found, View.AP_SUPINE, 2, 160) for found in (present, []))
    zone = next(box for box in plain.boxes if box.name == "right mid lung zone")
    assert made.array[area_of(zone)].mean() > plain.array[area_of(zone)].mean() + 5


def test_a_collapsed_vertebra_bends_the_spine_along_the_rays_of_a_frontal_film(patient, finding):
    present = finding("vertebral_fracture", severity=0.7)
    changed = {}
    for view in (View.PA, View.LATERAL):
        made, plain, _ = with_and_without(patient, present, view)
        changed[view] = (np.abs(made - plain) > 8).mean()
    assert changed[View.LATERAL] > 3 * changed[View.PA] > 0
