from __future__ import annotations

import numpy as np

from plainfilm.geometry import (
    box_area_xyxy,
    box_iou_xyxy,
    box_xywh_to_xyxy,
    box_xyxy_to_xywh,
    clip_boxes_xyxy,
    scale_boxes_xyxy,
)


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
