"""Classification end to end: against scikit-learn, what is left out or refused, what is carried away."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from plainfilm.cli.main import run
from plainfilm.config import build
from plainfilm.errors import DataError, LeakageError, UsageError
from plainfilm.predictor import load
from plainfilm.predictor.operating_points import OPERATING_POINTS_FILE
from plainfilm.results import write
from plainfilm.results.compare import Compared, read
from plainfilm.results.compare_curves import class_curves
from plainfilm.tasks import classification, zero_shot


@pytest.fixture(scope="module")
def evaluate():
    def evaluated(predictor, *worlds, **settings):
        config = build(classification.Config, {"resamples": 100, **settings}, "task")
        return classification.run(predictor, worlds, config)

    return evaluated


@pytest.fixture(scope="module")
def results(evaluate, tiny_classifier, divided):
    return evaluate(load(tiny_classifier), divided)


def metric(results, name):
    return next(one for one in results.metrics if one.name == name)


def test_auroc_is_that_of_the_kept_logits(results):
    for name in ("Cardiomegaly", "Pneumothorax"):
        rows = results.predictions[results.predictions["observation"] == name]
        expected = roc_auc_score(rows["positive"].to_numpy(dtype=bool), rows["logit"])
        assert metric(results, f"classifier/auroc/{name}").value == pytest.approx(expected)


def test_the_model_probability_is_the_sigmoid_of_the_logit(results):
    rows = results.predictions
    assert np.allclose(rows["probability_model"], 1 / (1 + np.exp(-rows["logit"])), atol=1e-6)


def test_there_are_thresholds_calibration_abstention_and_subgroups(results):
    names = {one.name for one in results.metrics}
    assert {"classifier/f1/Cardiomegaly", "calibration/brier_calibrated_macro"} <= names
    assert {"abstention/abstains/Cardiomegaly", "classifier/auroc_macro [view PA]"} <= names
    assert results.protocol["thresholds"]["chosen_on"] == "validation"
    assert results.protocol["prompts"] is None


def test_calibration_of_a_subgroup_is_that_of_its_films(results):
    rows = results.predictions
    for view in ("PA", "LATERAL"):
        own = rows[rows["query_id"].str.endswith(view) & rows["positive"].notna()]
        scores = [
            np.mean((one["probability_calibrated"] - one["positive"].astype(float)) ** 2)
            for _, one in own.groupby("observation")
            if one["positive"].nunique() == 2 and one["probability_calibrated"].notna().all()
        ]
        found = metric(results, f"calibration/brier_calibrated_macro [view {view}]")
        assert found.value == pytest.approx(np.mean(scores), abs=1e-6)
        assert found.subgroup == f"view {view}"
        error = metric(results, f"calibration/ece_mass_calibrated_macro [view {view}]")
        assert {"random", "prevalence"} <= set(error.baselines)


def test_a_model_that_answers_all_films_alike_is_warned_of(tiny_classifier, evaluate, divided):
    predictor = load(tiny_classifier)
    with torch.no_grad():
        predictor._core.model.head.weight.zero_()
    found = evaluate(predictor, divided).warnings
    assert any("films get nearly the same answers" in one for one in found)


def test_operating_points_name_the_metrics_at_the_threshold_and_lie_on_the_curves(results, tmp_path):
    write(results, tmp_path)
    stored = read(tmp_path)
    models = [Compared("first", (stored,)), Compared("second", (stored,))]
    found = {one.name: one for one in class_curves(models)}
    for name, pair in results.operating_points["classifier"].items():
        sensitivity, specificity = (metric(results, one).value for one in pair)
        decided = found[name].decided["first"]
        assert decided == pytest.approx((1 - specificity, sensitivity))
        x, y = found[name].roc["first"]
        assert np.min(np.hypot(x - decided[0], y - decided[1])) < 1e-9


def test_what_only_labels_or_only_the_model_has_is_named(results):
    left_out = results.protocol["left_out"]
    assert left_out["observations without labels"] == ["Hernia"]
    assert "No Finding" in left_out["labels the model does not answer"]
    assert "Hernia" not in results.protocol["observations"]


def test_an_observation_that_is_asked_for_must_be_in_both(evaluate, tiny_classifier, divided):
    with pytest.raises(DataError, match="tiny does not predict 'Edema'"):
        evaluate(load(tiny_classifier), divided, observations=["Edema"])
    with pytest.raises(DataError, match="no labels of 'Hernia'"):
        evaluate(load(tiny_classifier), divided, observations=["Hernia"])


def test_the_evaluated_films_may_not_be_trained_on(evaluate, tiny_classifier, divided):
    with pytest.raises(LeakageError):
        evaluate(load(tiny_classifier), divided, split="train")


def test_other_kinds_of_model_are_sent_elsewhere(evaluate, tiny_model, tiny_classifier, divided):
    with pytest.raises(UsageError, match="of kind 'dual_encoder' does not predict observations: fine-tune"):
        evaluate(load(tiny_model), divided)
    with pytest.raises(UsageError, match="tiny: model of kind 'classifier' does not encode texts or prompts"):
        zero_shot.run(load(tiny_classifier), [divided], zero_shot.Config())


def test_results_can_be_written_and_read_by_a_person(results, tmp_path):
    write(results, tmp_path)
    page = (tmp_path / "index.html").read_text()
    assert "AUROC per observation" in page
    assert '<th scope="row">Cardiomegaly</th>' in page


def test_operating_points_calibrate_what_predict_says(evaluate, tiny_classifier, divided, tmp_path, capsys):
    folder = tmp_path / "tiny"
    shutil.copytree(tiny_classifier, folder)
    film = divided.image_path(divided.table("images")["path"][0].as_py())
    assert run(["predict", str(folder), str(film), "--json"]) == 0
    [before] = json.loads(capsys.readouterr().out)
    assert {one["observation"] for one in before["findings"]} == set(load(folder).observations)
    assert not any(one["calibrated"] for one in before["findings"])
    evaluate(load(folder), divided, save_operating_points=True)
    assert (folder / OPERATING_POINTS_FILE).exists()
    [found] = load(folder).findings([film])
    assert {one.observation for one in found if one.is_calibrated} == {
        "Pneumothorax",
        "Cardiomegaly",
        "Pleural Effusion",
    }
    assert [one.negative_score for one in found] == [None] * 4
    assert run(["predict", str(folder), str(film), "--prompts", "cxr"]) == 2
    assert "does not encode texts or prompts" in capsys.readouterr().err
