"""Detection from boxes that are known: what each score means."""

from __future__ import annotations

import numpy as np
import pytest

from plainfilm.config import build
from plainfilm.errors import NothingToEvaluate, UsageError
from plainfilm.metrics.detection import HIT, MISSED
from plainfilm.metrics.scores import score_values
from plainfilm.predictor import load
from plainfilm.tasks import detection
from plainfilm.tasks.locating.answers import BoxAnswer
from plainfilm.tasks.locating.baselines import BoxPrior, random_answer
from plainfilm.tasks.locating.box_scores import (
    ClassBoxes,
    froc_scores,
    froc_statistics,
    precision_scores,
    precision_statistics,
)
from plainfilm.tasks.locating.classes import class_list
from plainfilm.tasks.locating.films import gather_boxed_films
from plainfilm.tasks.locating.gallery import chosen

SIZE = (100, 100)
BOX = np.array([[10.0, 10, 40, 40]])


def answer(boxes, scores):
    return BoxAnswer(np.array(boxes, dtype=float).reshape(-1, 4), np.array(scores, dtype=float), SIZE)


@pytest.fixture
def truth():
    """Two films: one with a box of class a, one with none; nothing of class b."""
    none = np.zeros((0, 4))
    return ClassBoxes(("a", "b"), [[BOX, none], [none, none]], [SIZE, SIZE])


def test_perfect_boxes_have_average_precision_1_and_missing_ones_0(truth):
    nothing = answer([], [])
    for own, expected in ((answer(BOX, [0.4]), 1.0), (nothing, 0.0)):
        values = precision_statistics(truth, [[own, nothing], [nothing, nothing]], 3)
        scores = {score.name: score for score in precision_scores(values, ["a"])}
        found = score_values([scores["map"], scores["ap_large"]], values)
        assert found == pytest.approx([expected, expected])
        assert score_values([scores["ap_small"]], values) == [None]


def test_rows_are_slots_of_films_so_that_two_models_have_the_same_rows(truth):
    nothing = answer([], [])
    one = precision_statistics(truth, [[answer(BOX, [0.4]), nothing], [nothing, nothing]], 3)
    two = precision_statistics(truth, [[answer([*BOX, *BOX], [0.4, 0.3]), nothing], [nothing] * 2], 3)
    assert one["ap@0.5/a"].shape == two["ap@0.5/a"].shape == (2 * (3 + 1), 2)
    assert one["ap@0.5/a"][0].tolist() == [0.4, HIT]
    assert (one["ap@0.5/a"][:, 1] == MISSED).sum() == 0


def test_froc_counts_true_boxes_at_a_number_of_false_ones(truth):
    nothing = answer([], [])
    false = answer([[60, 60, 90, 90], [61, 60, 90, 90]], [0.9, 0.8])
    values = froc_statistics(truth, [[answer(BOX, [0.5]), nothing], [false, nothing]])
    found = dict(zip((0.125, 0.25, 0.5, 1.0), score_values(froc_scores(["a"]), values), strict=True))
    assert found == {0.125: 0.0, 0.25: 0.0, 0.5: 0.0, 1.0: 1.0}


def test_the_list_of_classes_is_that_of_the_boxes():
    assert class_list("auto", ["Pleural effusion", "ILD", "Nodule/Mass"]).name == "vindr15"
    assert class_list("auto", ["Effusion", "Mass", "Infiltration"]).name == "nih8"
    assert class_list("auto", ["Pleural Effusion", "Lung Opacity", "Pneumonia"]).name == "mscxr"
    assert class_list("auto", ["x", "y"]).classes == ("x", "y")
    asked = class_list("mscxr", [], "chex")
    assert asked.prompts[asked.classes.index("Cardiomegaly")] == "Cardiac silhouette"
    assert "No pleural effusion" in asked.denials
    with pytest.raises(UsageError, match="did you mean 'nih8'"):
        class_list("nih", [])


def test_the_prior_is_the_mean_box_of_training_and_random_boxes_lie_on_the_film(boxed_world):
    films = gather_boxed_films([boxed_world], "train", None).of_kind("phrase")
    prior = BoxPrior.of(films)
    own = films.boxes[films.boxes["name"] == "Cardiomegaly"]
    means = own[["x0", "y0", "x1", "y1"]].mean().to_numpy()
    np.testing.assert_allclose(prior.answer("Cardiomegaly", films.sizes[0]).boxes[0], means)
    assert not len(prior.answer("Hernia", SIZE).boxes)
    boxes = random_answer(prior, "Cardiomegaly", SIZE, (0, "film")).boxes
    assert (boxes >= 0).all()
    assert (boxes <= 100).all()
    np.testing.assert_array_equal(boxes, random_answer(prior, "Cardiomegaly", SIZE, (0, "film")).boxes)
    assert not np.array_equal(boxes, random_answer(prior, "Cardiomegaly", SIZE, (0, "other")).boxes)


def test_the_gallery_shows_no_film_twice():
    found = chosen(np.linspace(0, 1, 20), np.arange(20), 3, 0)
    assert found["best"] == [19, 18, 17]
    assert found["worst"] == [0, 1, 2]
    every = [place for places in found.values() for place in places]
    assert len(set(every)) == len(every) == 12


def test_phrases_of_regions_are_no_classes(boxed_world, tiny_region_model):
    config = build(detection.Config, {"resamples": 100, "max_films": 4}, "detection")
    results = detection.run(load(tiny_region_model), [boxed_world], config)
    assert set(results.predictions["class"]) <= set(class_list("mscxr", []).classes)
    assert not any("left lung" in metric.name for metric in results.metrics)


def test_a_collection_without_boxes_says_so(small_world, tiny_region_model):
    config = build(detection.Config, {}, "detection")
    with pytest.raises(NothingToEvaluate, match="no film of split 'test' has a box"):
        detection.run(load(tiny_region_model), [small_world], config)


def test_a_model_that_cannot_locate_says_so(boxed_world, tiny_classifier):
    config = build(detection.Config, {}, "detection")
    with pytest.raises(UsageError, match="does not locate texts"):
        detection.run(load(tiny_classifier), [boxed_world], config)
