from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from plainfilm.phantom.layouts.siim import run_lengths
from plainfilm.sources.common.run_length import MaskFault, component_boxes, relative_runs


def painted(runs: NDArray[np.int64], size: tuple[int, int]) -> NDArray[np.bool_]:
    mask = np.zeros((size[1], size[0]), bool)
    for column, top, bottom in runs:
        mask[top:bottom, column] = True
    return mask


def test_starts_count_from_the_end_before_and_pixels_run_down_the_columns() -> None:
    # Pixels 2 and 3 of the first column of four, then pixel 5, the second of the second column.
    runs = relative_runs("2 2 1 1", (3, 4))
    assert runs.tolist() == [[0, 2, 4], [1, 1, 2]]


def test_a_run_goes_on_in_the_next_column() -> None:
    assert relative_runs("3 6", (3, 4)).tolist() == [[0, 3, 4], [1, 0, 4], [2, 0, 1]]


def test_a_run_of_no_length_marks_nothing() -> None:
    assert len(relative_runs("5 0", (3, 4))) == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1 2 3", "has 3 numbers"),
        ("", "has 0 numbers"),
        ("1 -2", "has '-2' among its numbers"),
        ("1 2.5", "has '2.5'"),
        ("10 3", "ends at pixel 13, beyond the 12 of 3 x 4"),
        ("1 99999999999999999999", "beyond the 12"),
    ],
)
def test_what_is_no_mask(text: str, reason: str) -> None:
    with pytest.raises(MaskFault, match=reason):
        relative_runs(text, (3, 4))


def test_parts_that_touch_at_a_corner_are_one() -> None:
    runs = np.array([[0, 0, 2], [1, 2, 3], [5, 7, 9]])
    assert component_boxes(runs) == [(0, 0, 2, 3), (5, 7, 6, 9)]


def test_runs_of_several_masks_may_overlap() -> None:
    assert component_boxes(np.array([[4, 1, 5], [4, 3, 8], [4, 8, 9]])) == [(4, 1, 5, 9)]


def test_the_foot_of_a_column_does_not_touch_the_head_of_the_next() -> None:
    assert len(component_boxes(np.array([[0, 3, 4], [1, 0, 1]]))) == 2


def test_nothing_has_no_box() -> None:
    assert component_boxes(np.empty((0, 3), np.int64)) == []


@pytest.mark.parametrize("density", [0.02, 0.3, 0.6])
def test_decoding_and_parts_as_scipy_finds_them(density: float) -> None:
    label = pytest.importorskip("scipy.ndimage").label
    find_objects = pytest.importorskip("scipy.ndimage").find_objects
    rng = np.random.default_rng(5)
    for _ in range(20):
        mask = rng.random((23, 31)) < density
        runs = relative_runs(run_lengths(mask), (31, 23))
        assert (painted(runs, (31, 23)) == mask).all()
        slices = find_objects(label(mask, np.ones((3, 3)))[0])
        expected = {(float(x.start), float(y.start), float(x.stop), float(y.stop)) for y, x in slices}
        boxes = component_boxes(rng.permutation(runs))
        assert len(boxes) == len(slices)
        assert set(boxes) == expected
