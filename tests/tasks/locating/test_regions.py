"""Classification and explanation of boxes, from vectors and texts that are known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import label_ranking_average_precision_score, recall_score, roc_auc_score

from plainfilm.config import build
from plainfilm.metrics.scores import score_values
from plainfilm.predictor import load
from plainfilm.tasks import chex, region_classification
from plainfilm.tasks.locating.box_classes import choice_scores, choice_statistics, class_scores
from plainfilm.tasks.locating.described import abnormal_regions, finding_boxes, region_boxes
from plainfilm.tasks.locating.films import gather_boxed_films
from plainfilm.tasks.locating.region_findings import (
    FILMS,
    REGIONS,
    RegionTruth,
    film_scores,
    region_scores,
    region_statistics,
    region_truth,
)

CLASSES = ("a", "b", "c")


def values_of(scores, values):
    return dict(zip([one.name for one in scores], score_values(scores, values), strict=True))


def test_scores_of_classes_are_cosines_less_that_with_the_mean_prompt():
    prompts = np.eye(3)
    scores = class_scores(np.eye(3)[:2], prompts)
    assert scores[0].tolist() == pytest.approx([1 - 3**-0.5, -(3**-0.5), -(3**-0.5)])


def test_the_choice_of_a_class_is_scored_as_scikit_learn_does():
    rng = np.random.default_rng(0)
    truth, scores = rng.integers(0, 3, 60), rng.normal(size=(60, 3))
    values = choice_statistics(scores, truth, CLASSES)
    found = values_of(choice_scores(values, CLASSES, CLASSES), values)
    aurocs = [roc_auc_score(truth == place, scores[:, place]) for place in range(3)]
    assert found["macro_auroc"] == pytest.approx(np.mean(aurocs))
    assert found["macro_accuracy"] == pytest.approx(recall_score(truth, scores.argmax(1), average="macro"))


@pytest.fixture
def regions():
    """20 films, 2 regions and 3 findings, of which the last occurs nowhere."""
    rng = np.random.default_rng(1)
    positive = rng.random((20, 2, 3)) < (0.3, 0.6, 0.0)
    there = rng.random((20, 2)) < 0.9
    truth = RegionTruth(("left", "right"), CLASSES, positive & there[:, :, None], there)
    return truth, rng.normal(size=(20, 2, 3))


def test_the_weighted_auroc_is_the_published_one(regions):
    truth, scores = regions
    values = region_statistics(truth, scores, scores > 0)[REGIONS]
    found = values_of(region_scores(values), values)
    aurocs, counts = [], []
    for region in range(2):
        for finding in range(2):
            there, own = truth.there[:, region], truth.positive[:, region, finding]
            aurocs.append(roc_auc_score(own[there], scores[there, region, finding]))
            counts.append(own.sum())
    assert found["weighted_auroc"] == pytest.approx(np.average(aurocs, weights=counts))
    assert found["macro_auroc"] == pytest.approx(np.mean(aurocs))


def test_films_are_scored_by_their_highest_region(regions):
    truth, scores = regions
    values = region_statistics(truth, scores, scores > 0)[FILMS]
    found = values_of(film_scores(values), values)
    best = np.where(truth.there[:, :, None], scores, -np.inf).max(axis=1)
    of_films = truth.positive.any(axis=1)
    aurocs = [roc_auc_score(of_films[:, place], best[:, place]) for place in range(2)]
    assert found["macro_auroc"] == pytest.approx(np.mean(aurocs))
    some = of_films.any(axis=1)
    expected = label_ranking_average_precision_score(of_films[some], np.maximum(best[some], -1e9))
    assert found["ranking_precision"] == pytest.approx(expected)


def test_boxes_have_the_texts_and_states_of_the_collection(boxed_world):
    films = gather_boxed_films([boxed_world], "test", None)
    findings, regions = finding_boxes(films), region_boxes(films)
    assert set(findings.names) == {"Pleural Effusion", "Cardiomegaly", "Pneumothorax"}
    assert len(regions) == 2 * len(films)
    assert all(regions.texts)
    truth = region_truth([boxed_world], films, regions)
    assert truth.findings == ("lung opacity",)
    abnormal = abnormal_regions([boxed_world], films, regions)
    places = [truth.regions.index(name) for name in regions.names]
    assert (abnormal == truth.positive[regions.film, places, 0]).all()


def test_a_dual_encoder_classifies_boxes_by_its_patches(boxed_world, tiny_model):
    values = {"resamples": 100, "max_films": 6, "about": "findings"}
    config = build(region_classification.Config, values, "region_classification")
    results = region_classification.run(load(tiny_model), [boxed_world], config)
    assert results.protocol["boxes_encoded_by"] == "mean of patches"


def test_chex_runs_what_the_model_can_and_says_what_it_cannot(boxed_world, tiny_model):
    config = build(chex.Config, {"resamples": 100, "max_films": 4}, "chex")
    results = chex.run(load(tiny_model), [boxed_world], config)
    name = boxed_world.name
    classified = [f"region_classification-{about}" for about in ("findings", "regions")]
    assert set(results.parts) == {f"{part}-{name}" for part in ("grounding", "detection", *classified)}
    assert results.not_run == {
        f"region_explanation-findings-{name}": "the model does not describe boxes",
        f"region_explanation-regions-{name}": "the model does not describe boxes",
        f"report_generation-{name}": "the model does not write reports",
    }
