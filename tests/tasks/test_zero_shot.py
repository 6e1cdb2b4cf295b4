"""Zero-shot end to end: a model that knows, one that does not, what is refused, and what is carried away."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from plainfilm.collection.leaks import patient_keys
from plainfilm.config import build
from plainfilm.errors import ConfigError, DataError, LeakageError, UsageError
from plainfilm.metrics import coded
from plainfilm.predictor import Predictor, load
from plainfilm.predictor import zero_shot as prompting
from plainfilm.predictor.operating_points import OPERATING_POINTS_FILE
from plainfilm.tasks import zero_shot

PACK = """
name: three
version: 1
observations:
  Cardiomegaly: {positive: ["The heart is enlarged."], negative: ["The heart is normal."]}
  Pleural Effusion: {positive: ["effusion", "fluid"], negative: ["no effusion", "no fluid"]}
  Pneumothorax: {positive: ["pneumothorax"], negative: ["no pneumothorax"]}
  Edema: {positive: ["edema"], negative: ["no edema"]}
  Hernia: {positive: ["hernia"], negative: ["no hernia"]}
"""
FINDINGS = ("Pleural Effusion", "Cardiomegaly", "Pneumothorax")
"""What the studies of the small world have, in turn; every fourth has nothing."""


class Knowing(Predictor):
    """A stand-in whose films and prompts are vectors of what they show and say."""

    def __init__(self, real, collection, noise=0.3):
        self.__dict__ |= real.__dict__
        self.name, self.trained_patients = "knowing", None
        films = collection.frame("images")
        self.shows = {
            str(collection.image_path(path).resolve()): int(study.removeprefix("s")) % 4
            for path, study in zip(films["path"], films["study_id"], strict=True)
        }
        self.noise = noise

    def stream_images(self, images, progress=None):
        rows = np.eye(4, 8)[[self.shows[str(image)] for image in images]]
        noise = np.random.default_rng(0).normal(size=rows.shape) * self.noise
        yield (rows + noise).astype(np.float32)

    def encode_texts(self, texts, progress=None):
        words = (("effusion", "fluid"), ("heart",), ("pneumothorax",))
        vectors = np.zeros((len(texts), 8), dtype=np.float32)
        for row, text in enumerate(text.lower() for text in texts):
            place = next((k for k, names in enumerate(words) if any(n in text for n in names)), 5)
            vectors[row, 3 if "no" in text.split() or "normal" in text else place] = 1.0
            vectors[row, 6] = 0.1 * len(text)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def prompt_vectors(self, prompts, ensembles="mean"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(prompting, "stream_texts", lambda _, texts: [self.encode_texts(texts)])
            return super().prompt_vectors(prompts, ensembles)

    @property
    def dimension(self):
        return 8


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    path = tmp_path_factory.mktemp("packs") / "three.yaml"
    path.write_text(PACK, encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def real(tiny_model):
    return load(tiny_model)


@pytest.fixture(scope="module")
def evaluate(pack):
    def evaluated(predictor, *worlds, **settings):
        config = build(zero_shot.Config, {"prompts": pack, "resamples": 100, **settings}, "task")
        return zero_shot.run(predictor, worlds, config)

    return evaluated


@pytest.fixture(scope="module")
def knowing(evaluate, real, divided):
    return evaluate(Knowing(real, divided), divided)


def metric(results, name):
    return next(one for one in results.metrics if one.name == name)


def test_a_model_that_knows_is_above_chance(knowing):
    found = metric(knowing, "combined/auroc_macro")
    assert found.low > 0.8
    assert found.baselines == {"random": 0.5, "view_only": 0.5}
    assert found.over_baselines["random"][1] > 0.3


def test_results_are_the_same_where_statistics_are_coded(evaluate, knowing, real, divided, monkeypatch):
    monkeypatch.setattr(coded, "FEWEST", 1)
    found = evaluate(Knowing(real, divided), divided)
    assert found.metrics == knowing.metrics
    assert found.items.frame().equals(knowing.items.frame())


def test_positive_negative_and_combined_scores_stand_together(knowing):
    for group in ("positive prompt", "negative prompt", "combined"):
        for kind in ("auroc", "average_precision", "f1"):
            assert metric(knowing, f"{group}/{kind}/Cardiomegaly").value is not None


def test_observations_of_one_side_only_are_left_out_and_named(knowing):
    left_out = knowing.protocol["left_out"]
    assert "Hernia" in left_out["observations without labels"]
    assert "No Finding" in left_out["observations without prompts"]


def test_thresholds_are_chosen_on_validation_and_written(knowing):
    thresholds = knowing.protocol["thresholds"]
    assert thresholds["chosen_on"] == "validation"
    assert isinstance(thresholds["values"]["combined"]["Cardiomegaly"], float)


def test_without_validation_films_nothing_is_decided(evaluate, real, small_world):
    results = evaluate(Knowing(real, small_world), small_world)
    assert results.protocol["thresholds"]["chosen_on"] == "none"
    names = {one.name for one in results.metrics}
    assert "combined/f1_at_half/Cardiomegaly" in names
    assert not any(name.startswith(("abstention/", "combined/f1/")) for name in names)


def test_calibration_makes_probabilities_better(knowing):
    before = metric(knowing, "calibration/brier_model_macro")
    after = metric(knowing, "calibration/brier_calibrated_macro")
    assert after.value < before.value
    assert after.value < after.baselines["prevalence"]


def test_predictions_hold_scores_probabilities_and_decisions(knowing):
    rows = knowing.predictions
    assert len(rows) == knowing.n * len(knowing.protocol["observations"])
    wanted = {"positive_score", "negative_score", "probability_model", "called_positive", "abstains"}
    assert wanted <= set(rows.columns)


@pytest.fixture
def unsure(small_world, monkeypatch):
    """The small world with all its labels of Cardiomegaly uncertain."""
    table = small_world.table("labels")
    labels = table.to_pandas()
    labels.loc[labels["observation"] == "Cardiomegaly", "state"] = -1
    changed = table.from_pandas(labels, schema=table.schema, preserve_index=False)
    monkeypatch.setitem(small_world._tables, "labels", changed)
    return small_world


def test_uncertain_labels_may_count_as_positive(evaluate, real, unsure):
    results = evaluate(Knowing(real, unsure), unsure, uncertain="positive")
    assert metric(results, "combined/auroc/Cardiomegaly").support == 8


def test_an_observation_of_one_class_is_not_computable_and_not_in_the_macro(evaluate, real, unsure):
    results = evaluate(Knowing(real, unsure), unsure)
    found = metric(results, "combined/auroc/Cardiomegaly")
    assert (found.value, found.support, found.n) == (None, 0, 24)
    assert "all films are negative" in found.note
    each = [metric(results, f"combined/auroc/{name}").value for name in ("Pleural Effusion", "Pneumothorax")]
    assert metric(results, "combined/auroc_macro").value == pytest.approx(np.mean(each))


def test_multiclass_asks_the_films_of_one_class(evaluate, real, small_world):
    results = evaluate(Knowing(real, small_world, 0.0), small_world, mode="multiclass", observations=FINDINGS)
    assert metric(results, "multiclass/accuracy").value == 1.0
    assert metric(results, "multiclass/accuracy").baselines["random"] == pytest.approx(1 / 3)
    assert results.n == 24
    assert results.protocol["left_out"]["films of no class"] == 8


def test_operating_points_are_written_only_when_asked_for_and_then_used(
    evaluate, tiny_model, divided, tmp_path, capsys
):
    folder = tmp_path / "tiny"
    shutil.copytree(tiny_model, folder)
    evaluate(load(folder), divided)
    assert not (folder / OPERATING_POINTS_FILE).exists()
    evaluate(load(folder), divided, save_operating_points=True)
    points = load(folder).operating_points
    assert set(FINDINGS) <= set(points.observations)
    assert points.protocol["split"] == "validation"
    json.dumps(points.protocol)
    [found] = load(folder).findings([divided.image_path(divided.table("images")["path"][0].as_py())])
    assert {one.observation for one in found if one.is_calibrated} == set(FINDINGS)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"observations": ["Cardiomegali"]}, DataError, "did you mean 'Cardiomegaly'"),
        ({"observations": ["No Finding"]}, DataError, "has no observation 'No Finding'"),
        ({"prompts": "cxrr"}, ConfigError, "did you mean 'cxr'"),
        ({"labels": "nobody"}, DataError, "no labels of films or studies from 'nobody'"),
        ({"views": ["AP"]}, DataError, "no labelled film in split 'test'"),
        ({"split": "train"}, LeakageError, "patients are in both"),
        ({"split": "tset"}, ConfigError, "did you mean 'test'"),
        ({"save_operating_points": True}, DataError, "labelled films in split 'validation'"),
        ({"save_operating_points": True, "mode": "multiclass"}, UsageError, "needs mode=each"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(evaluate, real, small_world, settings, error, message):
    with pytest.raises(error, match=message):
        evaluate(real, small_world, **settings)


def test_patients_the_model_was_trained_on_are_refused(evaluate, real, small_world, monkeypatch):
    monkeypatch.setattr(real, "trained_patients", patient_keys([(small_world, "test")]))
    with pytest.raises(LeakageError, match="the training data of the model"):
        evaluate(real, small_world)


def test_label_origin_is_another_name_of_labels():
    assert build(zero_shot.Config, {"label_origin": "a file"}, "task").labels == "a file"
