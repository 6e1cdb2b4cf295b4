"""Linear probes end to end: a model that knows, one that does not, fractions, and what is refused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from plainfilm.collection.leaks import patient_keys
from plainfilm.config import build
from plainfilm.errors import ConfigError, DataError, LeakageError
from plainfilm.predictor import Predictor, load
from plainfilm.results import as_document
from plainfilm.seeding import generator
from plainfilm.tasks import linear_probe

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.preprocessing import StandardScaler

FINDINGS = ("Pleural Effusion", "Cardiomegaly", "Pneumothorax")
"""What the studies of the small world have, in turn; every fourth has nothing."""


class Knowing(Predictor):
    """A stand-in whose features are what films show, and noise; untrained it has the noise alone."""

    def __init__(self, real, collection, signal=1.0):
        self.__dict__ |= real.__dict__
        self.collection, self.real, self.signal = collection, real, signal
        self.name, self.trained_patients = "knowing", None
        films = collection.frame("images")
        self.shows = {
            str(collection.image_path(path).resolve()): int(study.removeprefix("s")) % 4
            for path, study in zip(films["path"], films["study_id"], strict=True)
        }
        self.read = []

    def stream_features(self, images, progress=None):
        self.read += images
        rows = np.eye(4, 8)[[self.shows[str(image)] for image in images]] * self.signal
        noise = [generator("noise", image.rpartition("/")[2]).normal(size=8) for image in images]
        yield (rows + np.array(noise) * 0.4).astype(np.float32)

    def untrained(self, seed=0):
        return Knowing(self.real, self.collection, 0.0)


@pytest.fixture(scope="module")
def real(tiny_model):
    return load(tiny_model)


def evaluate(predictor, *worlds, **settings):
    settings = {"resamples": 100, "observations": FINDINGS, "fractions": [0.5, 1.0], **settings}
    return linear_probe.run(predictor, worlds, build(linear_probe.Config, settings, "task"))


@pytest.fixture(scope="module")
def knowing(real, divided):
    return evaluate(Knowing(real, divided), divided)


def metric(results, name):
    return next(one for one in results.metrics if one.name == name)


def test_a_model_that_knows_is_above_the_untrained_one(knowing):
    found = metric(knowing, "fraction_1/auroc_macro")
    assert found.value > 0.9
    assert found.baselines["random"] == 0.5
    assert found.baselines["untrained"] < 0.7
    assert found.over_baselines["untrained"][1] > 0.1


def test_more_labels_are_no_worse(knowing):
    few, all_of_them = (
        metric(knowing, f"fraction_{fraction}/auroc_macro").value for fraction in ("0.5", "1")
    )
    assert few <= all_of_them + 0.02


def test_a_score_is_the_mean_over_the_repeats_and_each_stands_beside_it(knowing):
    each = [metric(knowing, f"fraction_0.5/auroc_macro repeat {repeat}").value for repeat in (1, 2, 3)]
    assert metric(knowing, "fraction_0.5/auroc_macro").value == pytest.approx(np.mean(each))
    assert knowing.protocol["spread"]["fraction_0.5"]["auroc_macro"] == pytest.approx(np.std(each, ddof=1))
    assert not any("repeat" in one.name for one in knowing.metrics if one.group == "fraction_1")


def test_penalty_and_thresholds_are_chosen_on_validation_and_written(knowing):
    assert knowing.protocol["penalty"]["chosen_on"] == "validation"
    assert len(knowing.protocol["penalty"]["values"]["fraction_0.5"]) == 3
    assert len(knowing.protocol["thresholds"]["values"]["fraction_1"]["Cardiomegaly"]) == 1
    assert metric(knowing, "fraction_1/f1/Cardiomegaly").value > 0.7


def test_without_validation_films_the_default_penalty_is_taken_and_nothing_decided(real, small_world):
    results = evaluate(Knowing(real, small_world), small_world, penalty=3.0)
    assert results.protocol["penalty"]["values"] == 3.0
    assert results.protocol["thresholds"]["chosen_on"] == "none"
    names = {one.name for one in results.metrics}
    assert "fraction_1/f1_at_half/Cardiomegaly" in names
    assert "fraction_1/f1/Cardiomegaly" not in names


def test_scores_are_those_of_scikit_learn(real, small_world):
    model = Knowing(real, small_world)
    results = evaluate(model, small_world, fractions=[1.0], penalty=10.0, untrained=False)
    images, studies = (small_world.frame(name) for name in ("images", "studies"))
    rows = images.merge(studies[["study_id", "split"]], on="study_id")
    paths = [str(small_world.image_path(path).resolve()) for path in rows["path"]]
    features = next(model.stream_features(paths)).astype(np.float64)
    train, test = (rows["split"] == split for split in ("train", "test"))
    shows = np.array([model.shows[path] for path in paths])
    scaled = StandardScaler().fit(features[train]).transform(features)
    for place, name in enumerate(FINDINGS):
        solver = LogisticRegression(C=0.1, solver="newton-cholesky", tol=1e-12)
        scores = solver.fit(scaled[train], shows[train] == place).decision_function(scaled[test])
        wanted = roc_auc_score(shows[test] == place, scores)
        assert metric(results, f"fraction_1/auroc/{name}").value == pytest.approx(wanted, abs=1e-12)
        found = results.predictions.loc[results.predictions["observation"] == name]
        assert found["logit_fraction_1_repeat_1"].to_numpy() == pytest.approx(scores, abs=1e-4)


def test_the_same_bytes_twice_and_others_with_another_seed(real, divided):
    first, again, other = (evaluate(Knowing(real, divided), divided, seed=seed) for seed in (0, 0, 1))
    assert as_document(first) == as_document(again)
    assert first.predictions.equals(again.predictions)
    assert not first.predictions.equals(other.predictions)


def test_every_film_is_encoded_once(real, divided):
    model = Knowing(real, divided)
    evaluate(model, divided, untrained=False)
    assert len(model.read) == len(set(model.read)) == 96


def test_films_of_no_fraction_are_not_encoded(real, small_world):
    model = Knowing(real, small_world)
    evaluate(model, small_world, fractions=[0.25], repeats=1, untrained=False)
    assert len(model.read) == 4 * 4 + 32


def test_what_a_fraction_cannot_learn_has_a_reason_and_is_in_no_mean(real, small_world):
    results = evaluate(Knowing(real, small_world), small_world, fractions=[0.05, 1.0], repeats=1)
    few = [metric(results, f"fraction_0.05/auroc/{name}") for name in FINDINGS]
    [missing] = [one for one in few if one.value is None]
    assert missing.note == "not computable: no positive training film among 1 patients"
    mean = metric(results, "fraction_0.05/auroc_macro")
    assert mean.value == pytest.approx(np.mean([one.value for one in few if one.value is not None]))
    name = missing.name.rpartition("/")[2]
    assert mean.note == f"left out: {name}"
    assert results.protocol["left_out"]["observations"] == {"fraction_0.05": [name], "fraction_1": []}


def test_fractions_that_learn_different_things_are_compared_over_what_all_learn(real, small_world):
    results = evaluate(Knowing(real, small_world), small_world, fractions=[0.05, 1.0], repeats=1)
    known = [n for n in FINDINGS if metric(results, f"fraction_0.05/auroc/{n}").value is not None]
    wanted = np.mean([metric(results, f"fraction_1/auroc/{name}").value for name in known])
    assert metric(results, "fraction_1/auroc_common_macro").value == pytest.approx(wanted)
    assert not any(one.name == "fraction_0.05/auroc_common_macro" for one in results.metrics)


@pytest.fixture
def never_there(small_world, monkeypatch):
    """The small world without any Cardiomegaly."""
    table = small_world.table("labels")
    labels = table.to_pandas()
    labels.loc[labels["observation"] == "Cardiomegaly", "state"] = 0
    changed = table.from_pandas(labels, schema=table.schema, preserve_index=False)
    monkeypatch.setitem(small_world._tables, "labels", changed)
    return small_world


def test_an_observation_of_one_class_is_not_computable(real, never_there):
    found = metric(evaluate(Knowing(real, never_there), never_there), "fraction_1/auroc/Cardiomegaly")
    assert (found.value, found.support) == (None, 0)
    assert found.note == "not computable: all films are negative"


def test_projected_features_are_the_vectors_of_the_model(real, small_world):
    results = evaluate(real, small_world, features="projected", fractions=[1.0], untrained=False)
    again = evaluate(real, small_world, features="pooled", fractions=[1.0], untrained=False)
    assert results.protocol["features"] == "projected"
    assert not results.predictions.equals(again.predictions)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"observations": ["Cardiomegali"]}, DataError, "did you mean 'Cardiomegaly'"),
        ({"labels": "nobody"}, DataError, "no labels of films or studies from 'nobody'"),
        ({"views": ["AP"]}, DataError, "no labelled film in split 'train'"),
        ({"split": "train"}, LeakageError, "patients are in both"),
        ({"split": "validation"}, DataError, "no labelled film in split 'validation'"),
        ({"fractions": [0.1, 10.0]}, ConfigError, "10 is more than all patients"),
        ({"fractions": []}, ConfigError, "one or several different numbers"),
        ({"penalties": [1.0, 1.0]}, ConfigError, "one or several different numbers"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(real, small_world, settings, error, message):
    with pytest.raises(error, match=message):
        evaluate(real, small_world, **settings)


def test_patients_the_model_was_trained_on_may_be_trained_on_but_not_asked_about(
    real, small_world, monkeypatch
):
    model = Knowing(real, small_world)
    model.trained_patients = patient_keys([(small_world, "train")])
    assert evaluate(model, small_world, untrained=False).n == 32
    model.trained_patients = patient_keys([(small_world, "test")])
    with pytest.raises(LeakageError, match="the training data of the model"):
        evaluate(model, small_world)
