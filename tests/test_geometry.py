from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plainfilm.batches.data_config import DataConfig
from plainfilm.batches.resizing import fixed_geometry
from plainfilm.batches.transforms import cut, draw_geometry
from plainfilm.geometry import (
    Geometry,
    box_area_xyxy,
    box_iou_xyxy,
    box_xywh_to_xyxy,
    box_xyxy_to_xywh,
    clip_boxes_xyxy,
    scale_boxes_xyxy,
)
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.seeding import generator


def test_formats_turn_into_each_other_and_back() -> None:
    boxes = np.array([[1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 0.5, 9.0]])
    assert box_xywh_to_xyxy(boxes)[0].tolist() == [1, 2, 4, 6]
    np.testing.assert_allclose(box_xyxy_to_xywh(box_xywh_to_xyxy(boxes)), boxes)


def test_scaling_follows_each_axis() -> None:
    assert scale_boxes_xyxy([[10, 10, 20, 20]], (100, 200), (50, 50)).tolist() == [[5.0, 2.5, 10.0, 5.0]]


def test_clipping_gives_a_box_outside_zero_area() -> None:
    clipped = clip_boxes_xyxy([[-5, -5, 5, 5], [200, 10, 300, 20]], (100, 100))
    assert box_area_xyxy(clipped).tolist() == [25.0, 0.0]


def test_an_inverted_box_has_no_area() -> None:
    assert box_area_xyxy([[5, 5, 1, 9]]).tolist() == [0.0]


def test_overlap_of_hand_worked_boxes() -> None:
    iou = box_iou_xyxy([[0, 0, 2, 2], [0, 0, 0, 0]], [[1, 1, 3, 3], [0, 0, 2, 2], [0, 0, 0, 0]])
    np.testing.assert_allclose(iou, [[1 / 7, 1.0, 0.0], [0.0, 0.0, 0.0]])


Marked = tuple[Geometry, np.ndarray]
"""A geometry, and the box (1, 4) of a patch in its film."""


@st.composite
def marked_films(draw: st.DrawFn) -> Marked:
    """Any crop, rotation, padding and mirroring of a film with a patch that the square can show."""
    film = draw(st.integers(40, 120)), draw(st.integers(40, 120))
    size, fit = draw(st.integers(40, 96)), draw(st.sampled_from(["crop", "pad"]))
    least = draw(st.floats(0.2, 1.0))
    angle = draw(st.sampled_from([0.0, 0.0, 5.0, 45.0]))
    config = DataConfig(crop_area=(least, 1.0), rotation=angle)
    preprocessing = Preprocessing(size=size, fit=fit)
    random = generator("geometry", draw(st.integers(0, 2**31)))
    geometry = draw_geometry(film, random, preprocessing, config, mirrored=draw(st.booleans()))
    width, height = draw(st.integers(8, 30)), draw(st.integers(8, 30))
    left, top = draw(st.integers(0, film[0] - width)), draw(st.integers(0, film[1] - height))
    return geometry, np.array([[left, top, left + width, top + height]], dtype=np.float64)


def _bright(geometry: Geometry, box: np.ndarray) -> np.ndarray | None:
    """The box (4,) of the pixels of the square that show the patch; `None` where none does."""
    film = np.zeros((geometry.film[1], geometry.film[0]), dtype=np.uint8)
    left, top, right, bottom = box[0].astype(int)
    film[top:bottom, left:right] = 255
    rows, columns = np.nonzero(cut(film, geometry, Preprocessing(size=geometry.size)) > 127)
    if not len(rows):
        return None
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


@settings(max_examples=300)
@given(marked_films())
def test_a_box_still_surrounds_what_it_was_drawn_around(marked: Marked) -> None:
    geometry, box = marked
    seen, moved = _bright(geometry, box), geometry.boxes_to_square(box)[0]
    if seen is None:
        assert min(moved[2] - moved[0], moved[3] - moved[1]) <= 1.5 or geometry.angle
        return
    assert (moved[:2] <= seen[:2] + 1).all()
    assert (moved[2:] >= seen[2:] - 1).all()
    if not geometry.angle:  # a box of something that is turned is larger than it
        assert np.abs(moved - seen).max() <= 1.0
    elif float(geometry.visible(box)[0]) > 0.999:
        assert np.abs((moved[:2] + moved[2:]) - (seen[:2] + seen[2:])).max() / 2 <= 1.0


@settings(max_examples=300)
@given(marked_films())
def test_there_and_back_a_box_holds_what_was_visible_of_it(marked: Marked) -> None:
    geometry, box = marked
    back = geometry.boxes_to_film(geometry.boxes_to_square(box))[0]
    steps = np.linspace(0.0, 1.0, 12)
    points = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    points = box[0, :2] + points * (box[0, 2:] - box[0, :2])
    inside = points @ geometry.matrix[:2, :2].T + geometry.matrix[:2, 2]
    visible = points[((inside >= 0) & (inside <= geometry.size)).all(axis=1)]
    assert (visible >= back[:2] - 1).all()
    assert (visible <= back[2:] + 1).all()
    assert (back >= 0).all()
    assert (back[[0, 2]] <= geometry.film[0]).all()
    assert (back[[1, 3]] <= geometry.film[1]).all()
    if not geometry.angle and len(visible) == len(points):
        np.testing.assert_allclose(back, box[0], atol=1e-6)


@settings(max_examples=100)
@given(marked_films(), st.integers(1, 4))
def test_boxes_of_the_larger_film_land_where_those_of_the_smaller_do(marked: Marked, factor: int) -> None:
    geometry, box = marked
    width, height = geometry.film
    larger = geometry.of_larger(width * factor, height * factor)
    assert larger.film == (width * factor, height * factor)
    np.testing.assert_allclose(larger.boxes_to_square(box * factor), geometry.boxes_to_square(box), atol=1e-9)
    np.testing.assert_allclose(larger.visible(box * factor), geometry.visible(box), atol=1e-9)
    square = geometry.boxes_to_square(box)
    np.testing.assert_allclose(
        larger.boxes_to_film(square), geometry.boxes_to_film(square) * factor, atol=1e-6
    )


def test_the_share_of_a_box_that_is_visible() -> None:
    geometry = Geometry((100, 100), 50, (0.0, 0.0, 50.0, 50.0))
    boxes = [[0, 0, 10, 10], [45, 0, 55, 10], [45, 45, 55, 55], [60, 60, 70, 70], [5, 5, 5, 9]]
    assert geometry.visible(boxes).tolist() == [1.0, 0.5, 0.25, 0.0, 0.0]


@pytest.mark.parametrize("film", [(80, 40), (40, 80), (61, 60)])
def test_the_fixed_square_of_padding_shows_the_whole_film(film: tuple[int, int]) -> None:
    geometry = fixed_geometry(film, Preprocessing(size=80, fit="pad"))
    whole = np.array([[0.0, 0.0, *film]])
    assert geometry.visible(whole) == pytest.approx(1.0)
    assert geometry.boxes_to_film(geometry.boxes_to_square(whole))[0] == pytest.approx([0, 0, *film])


def test_mirroring_turns_left_to_right_and_nothing_else() -> None:
    geometry = Geometry((40, 40), 80, (0.0, 0.0, 40.0, 40.0))
    assert geometry.boxes_to_square([[2, 3, 10, 20]]).tolist() == [[4, 6, 20, 40]]
    turned = replace(geometry, mirrored=True)
    assert turned.boxes_to_square([[2, 3, 10, 20]]).tolist() == [[60, 6, 76, 40]]
