"""Changed films: what is covered is covered, and nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from plainfilm.geometry import box_area_xyxy, box_iou_xyxy
from plainfilm.seeding import generator
from plainfilm.tasks.auditing.film_changes import (
    HARMLESS,
    at_half_resolution,
    compressed,
    elsewhere,
    mirrored,
    mirrored_boxes,
    occluded,
    with_gamma,
    with_noise,
    with_text,
    without_markers,
)
from tests.image_analysis.test_markers import marked_film

FILM = generator("film changes").integers(0, 256, (80, 60), dtype=np.uint8)
NONE = np.empty((0, 4))


def test_only_the_box_is_covered_with_the_grey_around_it() -> None:
    film = np.full((80, 60), 100, dtype=np.uint8)
    film[20:40, 10:30] = 250
    film[:, 50:] = 7
    covered = occluded(film, np.array([[10.0, 20.0, 30.0, 40.0]]))
    assert (covered[20:40, 10:30] == 100).all()
    film[20:40, 10:30] = 100
    assert np.array_equal(covered, film)


@pytest.mark.parametrize(
    "box", [[-5, -5, 10, 10], [50, 70, 90, 90], [0, 0, 60, 80], [20.4, 20.6, 20.5, 20.7]]
)
def test_a_box_over_the_edge_or_of_a_part_of_a_pixel_is_covered(box) -> None:
    covered = occluded(FILM, np.array([box], dtype=np.float64))
    assert covered.shape == FILM.shape
    x0, y0, x1, y1 = (max(0, edge) for edge in box)
    outside = np.ones(FILM.shape, dtype=bool)
    outside[int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))] = False
    assert np.array_equal(covered[outside], FILM[outside])


def test_elsewhere_is_the_other_side_where_it_is_free() -> None:
    box = np.array([[5.0, 10.0, 20.0, 30.0]])
    assert elsewhere(box, NONE, (60, 80), generator(0)).tolist() == [[40.0, 10.0, 55.0, 30.0]]


@pytest.mark.parametrize("seed", range(5))
def test_elsewhere_is_as_large_and_touches_nothing(seed: int) -> None:
    boxes = np.array([[5.0, 10.0, 20.0, 30.0], [20.0, 50.0, 44.0, 60.0]])
    avoided = np.array([[40.0, 10.0, 55.0, 30.0]])
    found = elsewhere(boxes, avoided, (60, 80), generator(seed))
    assert box_area_xyxy(found) == pytest.approx(box_area_xyxy(boxes))
    assert not box_iou_xyxy(found, np.concatenate([boxes, avoided])).any()
    assert not box_iou_xyxy(found[:1], found[1:]).any()
    assert (found >= 0).all()
    assert (found[:, 2] <= 60).all()
    assert (found[:, 3] <= 80).all()


def test_without_room_there_is_no_elsewhere() -> None:
    assert elsewhere(np.array([[5.0, 5.0, 50.0, 75.0]]), NONE, (60, 80), generator(0)) is None


def test_boxes_are_mirrored_with_their_film() -> None:
    box = np.array([[5, 10, 20, 30]], dtype=np.float64)
    x0, y0, x1, y1 = mirrored_boxes(box, 60)[0].astype(int)
    assert np.array_equal(mirrored(FILM)[y0:y1, x0:x1], FILM[10:30, 5:20][:, ::-1])


def test_gamma_keeps_black_white_and_order() -> None:
    for gamma, sign in ((0.7, 1), (1.4, -1)):
        table = with_gamma(np.arange(256, dtype=np.uint8)[None], gamma)[0].astype(int)
        assert (table[0], table[255]) == (0, 255)
        assert (np.diff(table) >= 0).all()
        assert sign * (table[128] - 128) > 10


def test_letters_are_removed_unless_they_touch_a_finding() -> None:
    film, box = marked_film("R")
    plain, _ = marked_film("")
    cleaned = without_markers(film, NONE)
    x0, y0, x1, y1 = box
    assert cleaned[y0:y1, x0:x1].max() < 160
    assert np.abs(cleaned.astype(int) - plain).mean() < 0.5
    assert without_markers(film, np.array([box], dtype=np.float64)) is None
    assert without_markers(plain, NONE) is None


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_change_keeps_size_and_kind_and_is_the_same_again(name: str) -> None:
    changed = HARMLESS[name].apply(FILM, NONE)
    assert (changed.shape, changed.dtype) == (FILM.shape, FILM.dtype)
    assert not np.array_equal(changed, FILM)
    assert np.array_equal(changed, HARMLESS[name].apply(FILM, NONE))


def test_compression_is_that_of_a_jpeg_file(tmp_path) -> None:
    Image.fromarray(FILM).save(tmp_path / "film.jpg", quality=30)
    assert np.array_equal(compressed(FILM), np.array(Image.open(tmp_path / "film.jpg")))


def test_half_the_resolution_keeps_what_is_coarse_and_loses_what_is_fine() -> None:
    coarse = np.repeat(np.repeat(np.arange(0, 240, 6, dtype=np.uint8)[None], 80, 0), 2, 1)
    assert np.abs(at_half_resolution(coarse).astype(int) - coarse)[8:-8, 8:-8].max() <= 4
    stripes = np.tile(np.array([0, 255], dtype=np.uint8), (80, 30))
    assert at_half_resolution(stripes).std() < 5


def test_noise_has_its_spread() -> None:
    grey = np.full((200, 200), 128, dtype=np.uint8)
    assert with_noise(grey).astype(float).std() == pytest.approx(8, abs=0.3)
    assert with_noise(grey).mean() == pytest.approx(128, abs=0.2)


def test_text_touches_no_finding_and_nothing_else_than_a_corner() -> None:
    film = np.full((200, 240), 60, dtype=np.uint8)
    written = with_text(film, NONE)
    rows, columns = np.nonzero(written != film)
    assert rows.max() < 20
    assert columns.max() < 200
    finding = np.array([[0.0, 0.0, 240.0, 40.0]])
    below = with_text(film, finding)
    assert np.array_equal(below[:40], film[:40])
    assert (below != film).any()
    whole = np.array([[0.0, 0.0, 240.0, 200.0]])
    assert np.array_equal(with_text(film, whole), film)
