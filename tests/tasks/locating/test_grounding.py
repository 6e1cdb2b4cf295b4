"""Grounding from answers that are known: what each score means."""

from __future__ import annotations

import numpy as np
import pytest

from plainfilm.config import build
from plainfilm.metrics.detection import average_precision
from plainfilm.predictor import load
from plainfilm.predictor.box_tuning import BoxTuning
from plainfilm.tasks import grounding
from plainfilm.tasks.locating.answers import BoxAnswer
from plainfilm.tasks.locating.films import gather_boxed_films
from plainfilm.tasks.locating.phrase_measures import SCORE_THRESHOLDS, PhraseAnswers, measure_phrases
from plainfilm.tasks.locating.phrases import Phrases, denials_of, phrases_of

SIZE = (64, 64)
TRUE = [np.array([[0.0, 0, 32, 32]]), np.array([[32.0, 32, 64, 64], [0, 0, 16, 16]])]
WRONG = [np.array([[32.0, 0, 64, 32]]), np.array([[32.0, 0, 64, 32]])]


def scored(boxes, score):
    return [BoxAnswer(one, np.full(len(one), score), SIZE) for one in boxes]


def measured(found, mirrored, denied, threshold=0.3):
    phrases = Phrases(np.array([0, 1]), ["Left a.", "Right b."], ["A", "B"], TRUE)
    answers = PhraseAnswers(found, np.array([0, 1]), mirrored, np.arange(len(denied)), denied)
    own = measure_phrases(
        phrases, {"": answers}, np.array(["p", "q"]), ["x", "y"], threshold, (100, 0), 3, {}
    )
    return {metric.name: metric.value for metric in own.metrics}


def test_true_boxes_have_the_best_scores():
    found = measured(scored(TRUE, 0.9), scored(WRONG, 0.1), scored(WRONG, 0.1))
    for name in ("phrases/miou", "phrases/best_iou", "phrases/pointing", "boxes/map", "anatomix/strict_iou"):
        assert found[name] == pytest.approx(1.0), name
    assert (found["sides/wrong_side_lower"], found["sides/wrong_side_elsewhere"]) == (1.0, 1.0)
    assert found["sides/score_fall"] == pytest.approx(0.8)
    assert found["denials/false_box"] == 0.0


def test_the_published_mean_iou_is_of_all_pixels_of_all_films():
    """One film is right and large, the other wrong: the sum of pixels, not the mean of films."""
    found = measured([*scored(TRUE[:1], 0.35), *scored(WRONG[1:], 0.35)], scored(WRONG, 0.1), [])
    both, either = 32 * 32, 32 * 32 + (32 * 32 + 16 * 16) + 32 * 32
    nothing = 0.0
    expected = np.mean([both / either] * 3 + [nothing] * 2)
    assert found["phrases/miou"] == pytest.approx(expected)
    assert found["phrases/iou@0.3"] == pytest.approx(both / either)


def test_lenient_definitions_forgive_what_strict_ones_do_not():
    one_of_two = [BoxAnswer(TRUE[1][:1], np.array([0.9]), SIZE)]
    nothing = scored([np.zeros((0, 4))], 0.0)
    found = measured([*nothing, *one_of_two], scored(WRONG, 0.1), [])
    assert found["anatomix/lenient_iou"] == 1.0
    assert found["anatomix/strict_iou"] == pytest.approx((0.0 + 0.5) / 2)
    assert found["anatomix/has_box"] == 0.5
    assert found["anatomix/sample_ap"] == pytest.approx(average_precision([1, 0], [2, 3]))


def test_a_model_that_ignores_the_side_scores_nothing_lower():
    found = measured(scored(TRUE, 0.9), scored(TRUE, 0.9), scored(TRUE, 0.9))
    assert (found["sides/wrong_side_lower"], found["denials/false_box"]) == (0.0, 1.0)


def test_phrases_are_those_of_findings_or_of_regions(boxed_world):
    films = gather_boxed_films([boxed_world], "test", None)
    findings, regions = phrases_of(films), phrases_of(films, of_regions=True)
    assert set(findings.names) == {"Pleural Effusion", "Cardiomegaly", "Pneumothorax"}
    assert set(regions.names) == {"left lung", "right lung"}
    assert all("lung" in text for text in regions.texts)


def test_sentences_that_deny_affirm_nothing(boxed_world):
    films = gather_boxed_films([boxed_world], "test", None)
    found = denials_of([boxed_world], films, 3)
    said = {text for own in found for text in own}
    assert said == {"No pleural effusion or pneumothorax."}
    assert any(not own for own in found)


@pytest.mark.parametrize("way", ["boxes", "map"])
def test_a_model_answers_by_boxes_or_by_its_map(way, boxed_world, tiny_region_model):
    values = {"resamples": 100, "way": way, "max_films": 6, "examples": 1}
    config = build(grounding.Config, values, "grounding")
    results = grounding.run(load(tiny_region_model), [boxed_world], config)
    assert results.protocol["way"] == way
    assert {metric.name: metric.value for metric in results.metrics}["phrases/pointing"] is not None
    assert [example.group for example in results.examples] == ["best", "middle", "worst", "drawn at random"]


def test_a_dual_encoder_takes_part_by_its_map(boxed_world, tiny_model):
    config = build(grounding.Config, {"resamples": 100, "max_films": 4}, "grounding")
    assert grounding.run(load(tiny_model), [boxed_world], config).protocol["way"] == "map"


def test_a_calibration_changes_no_area() -> None:
    own = BoxAnswer(TRUE[1], np.array([0.45, 0.15]), SIZE)
    calibrate = BoxTuning(model_fingerprint="", slope=1.3, bias=-2.0).calibrated
    tuned = BoxAnswer(TRUE[1], calibrate(own.scores), SIZE, calibrate)
    assert tuned.scores.max() < 0.2
    for threshold in SCORE_THRESHOLDS:
        assert tuned.areas(threshold, TRUE[1]) == own.areas(threshold, TRUE[1])
    assert own.areas(0.1, TRUE[1]) != own.areas(0.5, TRUE[1])
