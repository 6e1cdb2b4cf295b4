"""Average precision of boxes against pycocotools, with ties, empty classes and boxes by size."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from plainfilm.geometry import box_area_xyxy, box_xywh_to_xyxy
from plainfilm.metrics.detection import (
    FALSE,
    HIT,
    IOU_THRESHOLDS,
    MISSED,
    UNKNOWN,
    average_precision,
    match_boxes,
    rank_boxes,
)
from plainfilm.metrics.scores import BOX_PRECISION, Score, ratio_statistics, score_values

FILMS, CLASSES, EMPTY = 25, 4, 3


def world(seed):
    """True boxes and found ones by film and class, in whole pixels with scores of one decimal: many ties. The
    last class has no true box."""
    rng = np.random.default_rng(seed)
    true, found = {}, {}
    for key in np.ndindex(FILMS, CLASSES):
        count = 0 if key[1] == EMPTY else int(rng.integers(0, 4))
        boxes = np.column_stack([rng.integers(0, 60, (count, 2)), rng.integers(5, 40, (count, 2))])
        own = np.column_stack([rng.integers(0, 60, (4, 2)), rng.integers(5, 40, (4, 2))])
        if count:
            near = boxes[rng.integers(0, count, 2)] + rng.integers(-3, 4, (2, 4))
            own[:2] = np.maximum(near, 1)
        true[key], scores = boxes.astype(float), rng.random(4).round(1)
        kept = rng.random(4) < 0.7
        found[key] = own[kept].astype(float), scores[kept]
    return true, found


def of_coco(true, found, areas):
    """Average precision (T, C) by pycocotools; NaN without true boxes."""
    annotations = [
        {
            "image_id": film + 1,
            "category_id": name + 1,
            "bbox": list(box),
            "area": box[2] * box[3],
            "iscrowd": 0,
        }
        for (film, name), boxes in true.items()
        for box in boxes.tolist()
    ]
    detections = [
        {"image_id": film + 1, "category_id": name + 1, "bbox": box, "score": score}
        for (film, name), (boxes, scores) in found.items()
        for box, score in zip(boxes.tolist(), scores.tolist(), strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": film + 1} for film in range(FILMS)],
            "categories": [{"id": name + 1} for name in range(CLASSES)],
            "annotations": [{**one, "id": place + 1} for place, one in enumerate(annotations)],
        }
        coco.createIndex()
        evaluated = COCOeval(coco, coco.loadRes(detections), "bbox")
        evaluated.params.iouThrs = np.array(IOU_THRESHOLDS)
        evaluated.params.maxDets = [100]
        evaluated.params.areaRng, evaluated.params.areaRngLbl = [list(areas)], ["own"]
        evaluated.evaluate()
        evaluated.accumulate()
    precision = evaluated.eval["precision"][:, :, :, 0, 0].mean(axis=1)
    return np.where(precision < 0, np.nan, precision)


def rows_of(true, found, name, areas=None):
    """Scores and codes (T, N) of a class, in the order of films."""
    scores, codes = [], []
    for film in range(FILMS):
        own, values = found[film, name]
        boxes, truth = box_xywh_to_xyxy(own), box_xywh_to_xyxy(true[film, name])
        beyond = [np.zeros(len(one), dtype=bool) for one in (truth, boxes)]
        if areas is not None:
            beyond = [
                (box_area_xyxy(one) < areas[0]) | (box_area_xyxy(one) > areas[1]) for one in (truth, boxes)
            ]
        match = match_boxes(boxes, values, truth, ignored=beyond[0])
        hits = match.taken >= 0
        own_codes = np.where(hits, HIT, FALSE)
        own_codes[hits & np.append(beyond[0], False)[match.taken]] = UNKNOWN
        own_codes[~hits & beyond[1][match.order]] = UNKNOWN
        missed = ~match.found(len(truth)) & ~beyond[0]
        scores.append(np.concatenate([values[match.order], np.zeros(len(truth))]))
        codes.append(np.concatenate([own_codes, np.where(missed, MISSED, UNKNOWN)], axis=1))
    return np.concatenate(scores), np.concatenate(codes, axis=1)


@pytest.mark.parametrize("areas", [None, (400.5, 900.5)])
@pytest.mark.parametrize("seed", range(5))
def test_is_that_of_pycocotools_with_ties_and_an_empty_class(seed, areas):
    true, found = world(seed)
    ours = np.full((len(IOU_THRESHOLDS), CLASSES), np.nan)
    for name in range(CLASSES):
        scores, codes = rows_of(true, found, name, areas)
        ours[:, name] = [average_precision(scores, row) for row in codes]
    assert np.isnan(ours[:, EMPTY]).all()
    np.testing.assert_allclose(ours, of_coco(true, found, areas or (0, 1e10)), atol=1e-12, equal_nan=True)


def test_a_row_of_weight_three_counts_as_three_rows():
    true, found = world(0)
    scores, codes = rows_of(true, found, 0)
    weights = np.random.default_rng(1).integers(0, 4, len(scores))
    repeated = np.repeat(np.arange(len(scores)), weights)
    weighted = rank_boxes(scores[:, None], codes[3][:, None]).under(weights[None])[0, 0]
    assert weighted == pytest.approx(average_precision(scores[repeated], codes[3][repeated]), abs=1e-12)


def test_without_boxes_found_it_is_0_and_without_true_ones_no_number():
    assert average_precision([0.0], [MISSED]) == 0.0
    assert np.isnan(average_precision([0.5], [FALSE]))


def test_a_score_is_the_mean_over_parts_with_true_boxes():
    values = {
        "a": ratio_statistics([0.9, 0.8], [HIT, FALSE]),
        "b": ratio_statistics([0.9, 0.8], [FALSE, HIT]),
        "none": ratio_statistics([0.9, 0.8], [FALSE, UNKNOWN]),
    }
    score = Score("map", BOX_PRECISION, ("a", "b", "none"))
    assert score_values([score], values) == [pytest.approx((1 + 0.5) / 2)]


def test_a_true_box_is_hit_once_by_the_best_box():
    true = np.array([[0.0, 0, 10, 10]])
    boxes = np.array([[0.0, 0, 10, 9], [0, 0, 10, 10]])
    match = match_boxes(boxes, [0.3, 0.9], true, (0.5,))
    assert match.order.tolist() == [1, 0]
    assert match.taken.tolist() == [[0, -1]]
