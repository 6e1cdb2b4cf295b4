from __future__ import annotations

import numpy as np

from plainfilm.phantom.film import render_film
from plainfilm.types import View


def rows_of(patient, finding, view):
    """The mean brightness of each row in the middle of a hernia, less that of a film without it."""
    made, plain = (
        render_film(patient, found, view, 4, 256) for found in ([finding("hernia", severity=0.7)], [])
    )
    item = next(box for box in made.boxes if box.kind == "finding")
    rows, middle = slice(round(item.y0), round(item.y1)), round((item.x0 + item.x1) / 2)
    difference = made.array.astype(float) - plain.array.astype(float)
    return difference[rows, middle - 6 : middle + 6].mean(axis=1)


def test_a_hernia_has_a_level_of_air_over_fluid_upright_and_none_lying_down(patient, finding):
    upright, supine = (rows_of(patient, finding, view) for view in (View.PA, View.AP_SUPINE))
    sharpest = np.diff(upright)[5:-5].max()
    assert sharpest > 15
    assert np.diff(supine)[5:-5].max() < 0.5 * sharpest


def test_a_coin_is_round_from_the_front_and_a_line_from_the_side(patient, finding):
    coin = finding("foreign_body", variant="coin")
    front, side = (render_film(patient, [coin], view, 4, 400).boxes[0] for view in (View.PA, View.LATERAL))
    assert abs((front.x1 - front.x0) - (front.y1 - front.y0)) < 2
    assert side.x1 - side.x0 < 0.4 * (side.y1 - side.y0)
