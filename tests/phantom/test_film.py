from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from plainfilm.phantom.film import render_film
from plainfilm.types import View

SIZE = 160


@pytest.fixture
def film(patient):
    """Renders a film of the same body and technique with the findings given."""

    def make(*findings, view=View.PA, seed=4):
        return render_film(patient, findings, view, seed, SIZE)

    return make


def box(rendered, name):
    return next(item for item in rendered.boxes if item.name == name)


def patch(rendered, item):
    rows, columns = slice(round(item.y0), round(item.y1)), slice(round(item.x0), round(item.x1))
    return rendered.array[rows, columns].astype(float)


def heart_to_chest(rendered):
    heart, right, left = (box(rendered, name) for name in ("cardiac silhouette", "right lung", "left lung"))
    return (heart.x1 - heart.x0) / (left.x1 - right.x0)


def test_the_same_seed_gives_the_same_film(film, finding):
    one, other = film(finding("effusion", "right")), film(finding("effusion", "right"))
    np.testing.assert_array_equal(one.array, other.array)
    assert one.boxes == other.boxes


def test_a_film_is_bytes_with_its_longer_side_as_asked(film):
    array = film().array
    assert array.dtype == np.uint8
    assert max(array.shape) == SIZE
    assert array.std() > 30


def test_lungs_are_darker_than_the_mediastinum(film):
    plain = film()
    lungs = np.median(patch(plain, box(plain, "right mid lung zone")))
    assert lungs + 50 < np.median(patch(plain, box(plain, "abdomen")))


def test_a_normal_heart_is_less_than_half_as_wide_as_the_chest(film):
    assert 0.36 < heart_to_chest(film()) < 0.5


def test_the_heart_grows_with_cardiomegaly(film, finding):
    ratios = [heart_to_chest(film(finding("cardiomegaly", severity=level))) for level in (0.1, 0.5, 1.0)]
    assert 0.47 < ratios[0] < ratios[1] < ratios[2]


def test_the_heart_is_larger_on_an_ap_than_on_a_pa_film(film):
    assert heart_to_chest(film(view=View.AP)) > heart_to_chest(film())


def test_more_fluid_whitens_more_of_the_lung(film, finding):
    plain, small, large = (
        film(),
        film(finding("effusion", "left", severity=0.2)),
        film(finding("effusion", "left", severity=0.8)),
    )
    zone = box(plain, "left lower lung zone")
    brightness = [patch(item, zone).mean() for item in (plain, small, large)]
    assert brightness[0] < brightness[1] < brightness[2]


def test_air_round_a_lung_is_darker_than_lung(film, finding):
    plain, collapsed = film(), film(finding("pneumothorax", "right", severity=0.6))
    lung = box(plain, "right lung")
    rim = dataclasses.replace(lung, x0=lung.x0 + 8, x1=lung.x0 + 16, y0=lung.y0 + 50, y1=lung.y1 - 40)
    assert patch(collapsed, rim).mean() < patch(plain, rim).mean() - 3


def test_a_mass_changes_little_but_its_own_place(film, finding):
    plain, changed = film(), film(finding("mass", "left", "mid"))
    difference = np.abs(changed.array.astype(float) - plain.array.astype(float))
    item = box(changed, "f0")
    inside = difference[round(item.y0) : round(item.y1), round(item.x0) : round(item.x1)].mean()
    assert inside > 8 * difference.mean()


@pytest.mark.parametrize("view", [View.PA, View.AP, View.AP_SUPINE, View.LATERAL])
def test_boxes_lie_on_the_film(film, finding, view):
    made = film(finding("effusion", "right"), finding("pacemaker", "left", key="f1"), view=view)
    height, width = made.array.shape
    for item in made.boxes:
        assert 0 <= item.x0 < item.x1 <= width
        assert 0 <= item.y0 < item.y1 <= height


def test_a_finding_on_the_right_is_boxed_on_the_left_of_the_film(film, finding):
    made = film(finding("consolidation", "right", "lower"), finding("mass", "left", "upper", key="f1"))
    right, left = box(made, "f0"), box(made, "f1")
    assert right.x1 < made.array.shape[1] / 2 < left.x0


def test_regions_are_named_and_lie_as_in_a_body(film):
    made = film()
    assert len({item.name for item in made.boxes}) == 29
    assert box(made, "trachea").y0 < box(made, "cardiac silhouette").y0
    assert box(made, "right clavicle").y1 < box(made, "right hemidiaphragm").y0
    assert box(made, "right hemidiaphragm").y0 < box(made, "left hemidiaphragm").y0
