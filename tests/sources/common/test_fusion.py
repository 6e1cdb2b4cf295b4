from __future__ import annotations

import math

import numpy as np
import pytest

from plainfilm.geometry import box_iou_xyxy
from plainfilm.sources.common.fusion import fuse_boxes, iou_of


def test_two_boxes_that_overlap_become_their_mean() -> None:
    (fused,) = fuse_boxes([(0, 0, 10, 10), (2, 2, 12, 12)], 3, iou_above=0.1)
    assert fused.box_xyxy == (1, 1, 11, 11)
    assert fused.members == (0, 1)
    assert fused.score == pytest.approx(2 / 3)


def test_a_box_alone_is_kept_as_it_is() -> None:
    fused = fuse_boxes([(0, 0, 10, 10), (50, 50, 60, 60)], 3, iou_above=0.1)
    assert {box.box_xyxy for box in fused} == {(0, 0, 10, 10), (50, 50, 60, 60)}


def test_scores_weigh_the_corners() -> None:
    (fused,) = fuse_boxes([(0, 0, 10, 10), (0, 0, 10, 14)], 2, scores=[0.9, 0.3])
    assert fused.box_xyxy == pytest.approx((0, 0, 10, 11))
    assert fused.score == pytest.approx(0.6)


def test_an_overlap_of_exactly_the_threshold_does_not_join() -> None:
    halves = [(0.0, 0.0, 2.0, 1.0), (0.0, 0.0, 1.0, 1.0)]
    assert iou_of(*halves) == 0.5
    assert len(fuse_boxes(halves, 2, iou_above=0.5)) == 2
    assert len(fuse_boxes(halves, 2, iou_above=0.49)) == 1


def test_more_boxes_than_readers_do_not_raise_the_score_above_their_mean() -> None:
    (fused,) = fuse_boxes([(0, 0, 10, 10)] * 3, 2)
    assert fused.score == 1.0


def test_nothing_makes_nothing() -> None:
    assert fuse_boxes([], 3) == []


def test_the_overlap_is_that_of_the_geometry_module() -> None:
    boxes = random_boxes(np.random.default_rng(1), 40)
    found = [[iou_of(one, other) for other in boxes] for one in boxes]
    np.testing.assert_allclose(found, box_iou_xyxy(boxes, boxes))


@pytest.mark.parametrize("threshold", [0.1, 0.4, 0.55])
@pytest.mark.parametrize("scored", [False, True])
def test_as_the_authors_code(threshold: float, scored: bool) -> None:
    """On fifty films with up to 14 boxes of three readers; their code holds corners in single precision."""
    reference = pytest.importorskip("ensemble_boxes", reason="the reference is not installed: ensemble-boxes")
    rng = np.random.default_rng(7)
    for _ in range(50):
        boxes = random_boxes(rng, int(rng.integers(1, 15)))
        scores = rng.uniform(0.1, 1.0, len(boxes)).tolist() if scored else [1.0] * len(boxes)
        parts = np.array_split(np.arange(len(boxes)), 3)
        expected, expected_scores, _ = reference.weighted_boxes_fusion(
            [[boxes[place] for place in part] for part in parts],
            [[scores[place] for place in part] for part in parts],
            [[0] * len(part) for part in parts],
            iou_thr=threshold,
        )
        fused = fuse_boxes(boxes, 3, scores=scores, iou_above=threshold)
        assert len(fused) == len(expected)
        found = sorted((*box.box_xyxy, box.score) for box in fused)
        wanted = sorted((*box, score) for box, score in zip(expected, expected_scores, strict=True))
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def random_boxes(rng: np.random.Generator, count: int) -> list[tuple[float, float, float, float]]:
    corners = rng.uniform(0.0, 0.6, (count, 2))
    sides = rng.uniform(0.05, 0.4, (count, 2))
    return [tuple(row) for row in np.concatenate([corners, corners + sides], axis=1).tolist()]


def test_a_fused_box_has_whole_members() -> None:
    boxes = random_boxes(np.random.default_rng(3), 30)
    fused = fuse_boxes(boxes, 3, iou_above=0.1)
    assert sorted(place for box in fused for place in box.members) == list(range(30))
    assert all(math.isfinite(side) for box in fused for side in box.box_xyxy)
