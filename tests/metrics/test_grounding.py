"""Scores of one answer to a phrase, against masks painted pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest

from plainfilm.metrics.grounding import (
    best_overlaps,
    contrast_to_noise,
    covered_areas,
    is_pointed,
    painted,
)
from plainfilm.metrics.lenient import lenient_overlap, sample_precision

SIDE = 40
NONE = np.zeros((0, 4))


def boxes_of(rng, count):
    corners = np.sort(rng.integers(0, SIDE + 1, (count, 2, 2)), axis=1)
    return corners.reshape(count, 4).astype(float)


def mask(boxes):
    found = np.zeros((SIDE, SIDE), dtype=bool)
    for x0, y0, x1, y1 in boxes.astype(int).tolist():
        found[y0:y1, x0:x1] = True
    return found


@pytest.mark.parametrize("seed", range(20))
def test_areas_are_the_pixels_of_the_masks(seed):
    rng = np.random.default_rng(seed)
    first, second = boxes_of(rng, rng.integers(0, 4)), boxes_of(rng, rng.integers(0, 4))
    both, either = mask(first) & mask(second), mask(first) | mask(second)
    assert covered_areas(first, second) == (both.sum(), either.sum())


def test_a_painted_cell_has_the_highest_value_of_its_boxes():
    boxes = np.array([[0, 0, 4, 4], [2, 2, 6, 6]], dtype=float)
    grid = painted(boxes, [0.4, 0.9], 8)
    assert (grid[1, 1], grid[3, 3], grid[5, 5], grid[7, 7]) == (0.4, 0.9, 0.9, 0.0)


def test_a_point_on_the_far_edge_is_outside():
    box = np.array([[2.0, 2, 6, 6]])
    assert is_pointed((2, 2), box)
    assert not is_pointed((6, 4), box)
    assert not is_pointed((3, 3), NONE)


def test_contrast_to_noise_is_signed_and_of_known_places_alone():
    rng = np.random.default_rng(0)
    values, inside = rng.normal(size=(9, 9)), rng.random((9, 9)) < 0.3
    values[0, 0] = np.nan
    own, other = values[inside & ~np.isnan(values)], values[~inside & ~np.isnan(values)]
    expected = (own.mean() - other.mean()) / np.sqrt(own.var() + other.var())
    assert contrast_to_noise(values, inside) == pytest.approx(expected)
    assert contrast_to_noise(-values, inside) == pytest.approx(-expected)


def test_contrast_of_a_flat_map_is_0_and_of_a_full_box_no_number():
    assert contrast_to_noise(np.ones((4, 4)), np.eye(4, dtype=bool)) == 0.0
    assert np.isnan(contrast_to_noise(np.ones((4, 4)), np.ones((4, 4), dtype=bool)))


def test_every_true_box_counts_also_without_boxes():
    true = np.array([[0, 0, 10, 10], [20, 0, 30, 10]], dtype=float)
    assert best_overlaps(true[:1], true).tolist() == [1.0, 0.0]
    assert best_overlaps(NONE, true).tolist() == [0.0, 0.0]


def test_the_lenient_overlap_forgives_a_missed_box_and_skips_an_empty_answer():
    true = np.array([[0, 0, 10, 10], [20, 0, 30, 10]], dtype=float)
    assert lenient_overlap(true[:1], true) == 1.0
    assert lenient_overlap(NONE, true) is None
    assert sample_precision(NONE, true) is None


def test_the_precision_of_a_sample_is_that_of_torchmetrics():
    import torch
    from torchmetrics.detection import MeanAveragePrecision

    rng = np.random.default_rng(3)
    for _ in range(5):
        true, found = (boxes_of(rng, count) + np.array([0, 0, 1, 1]) for count in (3, 4))
        found[:2] = true[:2] + rng.integers(0, 3, (2, 4))
        metric = MeanAveragePrecision(iou_thresholds=[0.25, 0.5, 0.75, 0.95])
        labels = torch.zeros(4, dtype=torch.int64)
        answer = {"boxes": torch.tensor(found), "scores": torch.ones(4), "labels": labels}
        metric.update([answer], [{"boxes": torch.tensor(true), "labels": labels[:3]}])
        assert sample_precision(found, true) == pytest.approx(float(metric.compute()["map"]), abs=1e-6)
