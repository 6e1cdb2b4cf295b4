from __future__ import annotations

import pytest

from plainfilm.phantom.readers import apart, fused, readings
from plainfilm.phantom.truth import Film

FILM = Film("some film", "PA", 100, 120, 1.0, ())
THINGS = {"Edema": [(10.0, 10.0, 40.0, 40.0), (60.0, 10.0, 90.0, 40.0)]}


def test_boxes_that_nearly_touch_become_one():
    assert apart([(0, 0, 10, 10), (11, 0, 20, 10), (60, 60, 70, 70)]) == [(0, 0, 20, 10), (60, 60, 70, 70)]


def test_a_box_between_two_joins_them():
    assert apart([(0, 0, 10, 10), (20, 0, 30, 10), (9, 0, 21, 10)]) == [(0, 0, 30, 10)]


def test_readers_draw_the_same_thing_nearly_alike():
    for box in readings(FILM, THINGS, ["Edema"], 2, sticks_out=False):
        true = THINGS["Edema"][box.target or 0]
        assert box.corners == pytest.approx(true, abs=0.04 * 30 + 0.01)


def test_the_same_film_is_read_alike_every_time():
    once, again = (readings(FILM, THINGS, ["Edema", "ILD"], 2, sticks_out=True) for _ in range(2))
    assert once == again


def test_a_box_that_sticks_out_is_of_another_class():
    last = readings(FILM, THINGS, ["Edema", "ILD"], 2, sticks_out=True)[-1]
    assert (last.name, last.target) == ("ILD", None)
    assert last.corners[2] > FILM.width


def test_a_fused_box_is_the_mean_of_those_of_one_thing():
    drawn = readings(FILM, THINGS, ["Edema"], 2, sticks_out=False)
    first = [box.corners for box in drawn if box.target == 0]
    name, corners = next(fused(drawn))
    assert name == "Edema"
    assert corners == pytest.approx([sum(side) / len(first) for side in zip(*first, strict=True)])
