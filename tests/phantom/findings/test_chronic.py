from __future__ import annotations

import numpy as np
import pytest

from plainfilm.phantom.film import render_film
from plainfilm.types import View


@pytest.fixture
def region(patient):
    """The box of a region on a film with the findings given."""

    def make(name, *findings, view=View.PA):
        return next(box for box in render_film(patient, findings, view, 4, 160).boxes if box.name == name)

    return make


def height(box):
    return box.y1 - box.y0


def test_the_diaphragm_sinks_with_emphysema_and_rises_with_fibrosis(region, finding):
    tops = [
        region("right hemidiaphragm", *present).y0
        for present in (
            [finding("fibrosis", severity=0.9)],
            [],
            [finding("emphysema", severity=0.3)],
            [finding("emphysema", severity=0.9)],
        )
    ]
    assert tops == sorted(tops)


@pytest.mark.parametrize("view", [View.PA, View.AP])
def test_lungs_darken_against_the_spine_with_emphysema(view, patient, finding):
    contrasts = []
    for present in ([], [finding("emphysema", severity=0.3)], [finding("emphysema", severity=0.9)]):
        made = render_film(patient, present, view, 4, 160)
        boxes = {box.name: box for box in made.boxes}
        lung, spine = (
            made.array[round(item.y0) : round(item.y1), round(item.x0) : round(item.x1)].astype(float)
            for item in (boxes["right mid lung zone"], boxes["spine"])
        )
        contrasts.append(np.median(spine) - np.median(lung))
    assert contrasts == sorted(contrasts)
    assert contrasts[2] > contrasts[0] + 2, contrasts


def test_lungs_deepen_from_front_to_back_with_emphysema(region, finding):
    shallow, deep = (
        region("right lung", *present, view=View.LATERAL)
        for present in ([], [finding("emphysema", severity=0.9)])
    )
    assert deep.x1 - deep.x0 > shallow.x1 - shallow.x0 + 3


def test_domes_are_flat_and_the_heart_is_slender_in_emphysema(region, finding):
    sick = finding("emphysema", severity=0.9)
    dome, heart = "left hemidiaphragm", "cardiac silhouette"
    assert height(region(dome, sick)) < height(region(dome)) - 5
    assert region(heart, sick).x1 - region(heart, sick).x0 < region(heart).x1 - region(heart).x0


def test_fibrosis_climbs_from_the_bases_as_it_worsens(region, finding):
    tops = [region("f0", finding("fibrosis", severity=level)).y0 for level in (0.2, 0.9)]
    assert tops[1] < tops[0]
    assert tops[0] > region("right lung").y0 + 0.3 * height(region("right lung"))


@pytest.mark.parametrize("side", ["right", "left"])
def test_tuberculosis_lies_in_the_upper_half_of_its_lung(side, region, finding):
    item, lung = region("f0", finding("tuberculosis", side, "upper")), region(f"{side} lung")
    assert (item.y0 + item.y1) / 2 < (lung.y0 + lung.y1) / 2
    assert lung.x0 < (item.x0 + item.x1) / 2 < lung.x1
