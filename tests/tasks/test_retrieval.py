"""Retrieval end to end: a model that knows everything, one that knows nothing, and what is refused."""

from __future__ import annotations

import json
import zlib

import numpy as np
import pytest

from plainfilm.collection.labels import Labels
from plainfilm.collection.leaks import patient_keys
from plainfilm.config import build
from plainfilm.errors import ConfigError, DataError, LeakageError
from plainfilm.predictor import load
from plainfilm.tasks import retrieval
from plainfilm.text.rules import normalise

SETTINGS = {"resamples": 200, "text_rule": "findings"}


class Knowing:
    """A stand-in for a model: a film's or text's vector is a code of what its study says first."""

    def __init__(self, real, collection, shuffled=False):
        self.config, self.name, self.fingerprint = real.config, "knowing", "0"
        self.trained_patients = None
        sentences = collection.frame("sentences").groupby("study_id")["text"].first()
        studies = sentences.sample(frac=1, random_state=0).to_numpy() if shuffled else sentences.to_numpy()
        said = dict(zip(sentences.index, studies, strict=True))
        films = collection.frame("images")
        self.says = {
            str(collection.image_path(path).resolve()): said[study]
            for path, study in zip(films["path"], films["study_id"], strict=True)
        }

    def code(self, text):
        first = normalise(text).split(".")[0]
        vector = np.random.default_rng(zlib.crc32(first.encode())).normal(size=32)
        return (vector / np.linalg.norm(vector)).astype(np.float32)

    def stream_images(self, images, progress):
        yield np.stack([self.code(self.says[str(image)]) for image in images])

    def stream_texts(self, texts, progress):
        yield np.stack([self.code(text) for text in texts])


def evaluate(predictor, world, **settings):
    return retrieval.run(predictor, [world], build(retrieval.Config, {**SETTINGS, **settings}, "task"))


@pytest.fixture(scope="module")
def real(tiny_model):
    return load(tiny_model)


@pytest.fixture(scope="module")
def knowing(real, small_world):
    return evaluate(Knowing(real, small_world), small_world)


def metric(results, name):
    return next(metric for metric in results.metrics if metric.name == name)


def test_a_model_that_knows_is_wholly_above_both_baselines(knowing):
    for direction in ("image->sentence", "image->report", "text->image"):
        found = metric(knowing, f"{direction}/finding_f1_micro_positive@2")
        assert found.low > max(high for _, high in found.baseline_intervals.values())
        assert all(low > 0 for _, low, _ in found.over_baselines.values())


def test_a_model_of_shuffled_pairs_is_not(real, small_world):
    shuffled = evaluate(Knowing(real, small_world, shuffled=True), small_world, directions=["image->report"])
    found = metric(shuffled, "image->report/finding_f1_micro_positive@2")
    assert found.low <= max(high for _, high in found.baseline_intervals.values())


def test_identity_counts_the_texts_of_the_query_s_own_study(knowing):
    # Four reports of each of the four sentences are told apart by nothing: expected recall at 1 is 1 in 4.
    assert metric(knowing, "image->report/recall@1").value == pytest.approx(1 / 4)
    assert metric(knowing, "image->report/recall@5").value == 1.0


def test_a_film_does_not_find_itself(knowing):
    found = metric(knowing, "image->image/recall@1")
    assert found.value == pytest.approx(1 / 7)
    assert found.baselines["random"] == pytest.approx(1 / 31)


def test_every_metric_has_n_unit_and_ordered_bounds(knowing):
    for found in knowing.metrics:
        assert found.unit == "patient"
        if found.value is not None:
            assert found.low <= found.value <= found.high
            assert 0 < found.n <= 32
        else:
            assert found.note


def test_random_recall_is_the_expected_value(knowing):
    found = metric(knowing, "image->report/recall@5")
    assert found.baselines["random"] == pytest.approx(5 / 16)


def test_classes_without_a_positive_query_are_left_out_of_the_macro_mean(knowing):
    macro = metric(knowing, "image->report/finding_f1_macro_positive@2")
    assert {part.removeprefix("f1/") for part in macro.parts} == {
        "Cardiomegaly",
        "Pleural Effusion",
        "Pneumothorax",
    }
    assert metric(knowing, "image->report/finding_f1_positive/Edema@2").support == 0


def test_predictions_hold_every_answer_with_ids_and_labels(knowing):
    rows = knowing.predictions
    assert len(rows) == 2 * (32 + 32 + 16 + 32)
    assert rows.groupby(["direction", "query_id"])["rank"].max().eq(2).all()
    assert set(json.loads(rows["query_labels"][0]).values()) <= {1, 0, -1}


def test_the_same_evaluation_gives_the_same_results(real, small_world):
    first, again = (evaluate(real, small_world) for _ in range(2))
    assert first.metrics == again.metrics
    assert first.predictions.equals(again.predictions)


def test_fewer_queries_are_drawn_by_the_seed(real, small_world):
    few = evaluate(real, small_world, max_queries=5, directions=["image->sentence"])
    assert few.predictions["query_id"].nunique() == 5


def test_a_threshold_above_everything_answers_nothing(real, small_world):
    silent = evaluate(real, small_world, threshold=1.0, directions=["image->sentence"])
    assert silent.predictions.empty
    assert metric(silent, "image->sentence/finding_recall_micro_positive@2").value == 0.0


def test_the_protocol_says_what_decides_the_numbers(knowing, small_world):
    expected = {"split": "test", "bank_split": "train", "text_rule": "findings", "k": 2, "seed": 0}
    assert expected.items() <= knowing.protocol.items()
    assert knowing.protocol["labels"] == Labels([small_world], ("sentences",)).origin
    assert knowing.protocol["collection_fingerprints"] == [small_world.fingerprint]
    json.dumps(knowing.protocol)


def test_the_text_rule_is_the_model_s_own_by_default(real, small_world):
    results = evaluate(real, small_world, text_rule=None, directions=["image->image"])
    assert results.protocol["text_rule"] == "findings"


def test_patients_on_both_sides_are_refused(real, small_world, monkeypatch):
    everybody = small_world.table("studies")["patient_id"].unique()
    monkeypatch.setattr(type(small_world), "patients_of", lambda self, split: everybody)
    with pytest.raises(LeakageError, match="24 patients"):
        evaluate(real, small_world)


def test_patients_the_model_was_trained_on_are_refused(real, small_world, monkeypatch):
    keys = patient_keys([(small_world, "test")])
    monkeypatch.setattr(real, "trained_patients", keys, raising=False)
    with pytest.raises(LeakageError, match="the training data of the model"):
        evaluate(real, small_world)


def test_missing_labels_name_the_command(real, small_world, monkeypatch):
    empty = small_world.table("labels").slice(0, 0)
    monkeypatch.setitem(small_world._tables, "labels", empty)
    with pytest.raises(DataError, match="run `plainfilm label"):
        evaluate(real, small_world)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"directions": ["image->sentense"]}, "did you mean 'image->sentence'"),
        ({"split": "train"}, "would find its own report"),
        ({"split": "tset"}, "did you mean 'test'"),
        ({"text_rule": "impresion"}, "did you mean 'impression'"),
        ({"kk": 3}, "unknown key 'kk'"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        build(retrieval.Config, settings, "task retrieval")


def test_views_are_scored_apart_beside_the_same_baselines(knowing):
    found = {m.subgroup: m for m in knowing.metrics if m.name.startswith("image->report/finding_f1_micro")}
    assert set(found) == {None, "view PA", "view LATERAL"}
    assert found["view PA"].n == 16
    assert set(found["view PA"].baselines) == {"random", "most_frequent"}


def test_n_of_the_positive_only_scores_counts_normal_studies_too(knowing):
    assert metric(knowing, "image->report/finding_f1_micro_positive@2").n == 32
