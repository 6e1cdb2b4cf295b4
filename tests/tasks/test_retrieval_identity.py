"""Where a query's own text or film stands: against plain NumPy, and on collections with nothing else."""

from __future__ import annotations

import csv
import json
import zlib

import numpy as np
import pytest
from PIL import Image

from plainfilm.collection import prepare
from plainfilm.config import build
from plainfilm.errors import ConfigError, DataError, LeakageError
from plainfilm.predictor import load
from plainfilm.tasks import retrieval

REPORTS = (
    "FINDINGS: The lungs are clear. IMPRESSION: Normal.",
    "FINDINGS: the lungs  are CLEAR. IMPRESSION: No change.",
    "FINDINGS: Large left effusion. IMPRESSION: Effusion, larger than before, on the left side.",
    "FINDINGS: The heart is enlarged and there is oedema. IMPRESSION: Failure.",
)
"""Reports of the studies in turn; the longer section of the first two is one text."""
IDENTITY = {"bank_split": None, "resamples": 100, "text_rule": "longest_section"}
TEXTS = (
    *("The lungs are clear.", "the lungs  are CLEAR."),
    *("Effusion, larger than before, on the left side.", "The heart is enlarged and there is oedema."),
)
"""What is read of each under `longest_section`."""


class Guessing:
    """A stand-in for a model whose vectors follow from bytes and text and mean nothing."""

    def __init__(self, real, trained_patients=None):
        self.config, self.name, self.fingerprint = real.config, "guessing", "0"
        self.trained_patients = trained_patients

    def vector(self, what):
        vector = np.random.default_rng(zlib.crc32(str(what).encode())).normal(size=6)
        return (vector / np.linalg.norm(vector)).astype(np.float32)

    def stream_images(self, images, progress):
        yield np.stack([self.vector(image.name) for image in images])

    def stream_texts(self, texts, progress):
        yield np.stack([self.vector(" ".join(text.lower().split())) for text in texts])


def make(root, reports, split):
    """A collection of studies with these reports (none where empty), a frontal and a lateral film each."""
    rows = [["path", "report", "study_id", "patient_id", "view", "split"]]
    for number, report in enumerate(reports):
        for view in ("PA", "LATERAL"):
            name = f"{number}{view}.png"
            pixels = np.random.default_rng([number, len(view)]).integers(0, 255, (9, 8), dtype=np.uint8)
            Image.fromarray(pixels).resize((32, 36)).save(root / name)
            rows.append([name, report, f"s{number}", f"p{number}", view, split])
    with (root / "films.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return prepare("table", root / "films.csv", root / "collection", size=32, workers=1)


@pytest.fixture(scope="module")
def real(tiny_model):
    return load(tiny_model)


@pytest.fixture(scope="module")
def held_out(tmp_path_factory):
    """Twelve studies that are all for testing, and no labels."""
    return make(tmp_path_factory.mktemp("held out"), [REPORTS[number % 4] for number in range(12)], "test")


def evaluate(predictor, collection, **settings):
    return retrieval.run(predictor, [collection], build(retrieval.Config, {**IDENTITY, **settings}, "task"))


def value(results, name):
    return next(metric.value for metric in results.metrics if metric.name == name)


def ranks_by_numpy(queries, items, own):
    """The rank of the best of each query's own items among all; without ties."""
    similarity = queries.astype(np.float64) @ items.astype(np.float64).T
    return np.array(
        [1 + (row > row[places].max()).sum() for row, places in zip(similarity, own, strict=True)]
    )


def films_and_texts(guessing, collection):
    """Vectors of 24 films with the studies they are of, and of the three texts that differ."""
    films = collection.frame("images")
    studies = films["study_id"].str.removeprefix("s").astype(int).to_numpy()
    names = [collection.image_path(path).name for path in films["path"]]
    folded = [" ".join(text.lower().split()) for text in (TEXTS[0], TEXTS[2], TEXTS[3])]
    return (
        np.stack([guessing.vector(name) for name in names]),
        studies,
        np.stack([guessing.vector(text) for text in folded]),
        np.array([0, 0, 1, 2])[studies % 4],
    )


def test_films_find_their_text_among_merged_texts_as_in_numpy(real, held_out):
    guessing = Guessing(real)
    found = evaluate(guessing, held_out, directions=["image->report"])
    films, _, texts, text_of_film = films_and_texts(guessing, held_out)
    ranks = ranks_by_numpy(films, texts, [[place] for place in text_of_film])
    assert value(found, "image->report/recall@1") == pytest.approx((ranks <= 1).mean())
    assert value(found, "image->report/mean_rank") == pytest.approx(ranks.mean())
    assert value(found, "image->report/median_rank") == np.median(ranks)
    assert value(found, "image->report/map") == pytest.approx((1 / ranks).mean())


def test_texts_find_the_films_of_all_who_share_them_as_in_numpy(real, held_out):
    guessing = Guessing(real)
    found = evaluate(guessing, held_out, directions=["text->image"])
    films, studies, texts, text_of_film = films_and_texts(guessing, held_out)
    text_of_study = [text_of_film[studies == study][0] for study in range(12)]
    own = [np.flatnonzero(text_of_film == text) for text in text_of_study]
    ranks = ranks_by_numpy(texts[text_of_study], films, own)
    for k in (1, 5, 10):
        assert value(found, f"text->image/recall@{k}") == pytest.approx((ranks <= k).mean())
    assert value(found, "text->image/mean_rank") == pytest.approx(ranks.mean())
    assert next(m.n for m in found.metrics if m.name == "text->image/mean_rank") == 12


def test_the_expected_mean_rank_of_a_random_order_stands_beside(real, held_out):
    found = evaluate(Guessing(real), held_out, directions=["image->report"])
    mean = next(metric for metric in found.metrics if metric.name == "image->report/mean_rank")
    assert mean.baselines["random"] == pytest.approx((3 + 1) / 2)


def test_only_the_first_of_the_wanted_films_is_asked(real, held_out):
    found = evaluate(Guessing(real), held_out, directions=["image->report"], first_film=True)
    assert found.n == 12
    assert found.protocol["first_film"] is True
    lateral = evaluate(
        Guessing(real), held_out, directions=["image->report"], views=["LATERAL"], first_film=True
    )
    assert not set(found.items["item_id"]) & set(lateral.items["item_id"])


def test_without_a_bank_no_labels_are_needed_and_no_findings_scored(real, held_out):
    found = evaluate(Guessing(real), held_out)
    assert {
        metric.name.partition("/")[2].partition("@")[0].partition(" [")[0] for metric in found.metrics
    } == {*("recall", "median_rank", "mean_rank", "map")}
    assert found.protocol["labels"] is None
    json.dumps(found.protocol)


def test_without_a_bank_answers_come_from_the_same_split_and_no_film_answers_itself(real, held_out):
    rows = evaluate(Guessing(real), held_out, k=3).predictions
    assert rows.groupby(["direction", "query_id"]).size().eq(3).all()
    films = rows[rows["direction"] == "image->image"]
    assert (films["query_id"] != films["item_id"]).all()
    assert films.groupby("query_id")["score"].apply(lambda scores: scores.is_monotonic_decreasing).all()


def test_every_study_can_be_asked_about_whatever_its_split(real, tmp_path):
    reports = [f"FINDINGS: Study number {number} is special." for number in range(6)]
    collection = make(tmp_path, reports, "train")
    found = evaluate(Guessing(real), collection, split="all", directions=["image->report"])
    assert (found.split, found.n) == ("all", 12)


def test_all_studies_are_refused_where_the_model_was_trained_on_some(real, held_out):
    from plainfilm.collection.leaks import patient_keys

    trained = patient_keys([(held_out, "test")])[:3]
    with pytest.raises(LeakageError, match="3 patients are in both the training data of the model"):
        evaluate(Guessing(real, trained), held_out, split="all")


def test_a_collection_for_testing_alone_is_told_the_way_out(real, held_out):
    with pytest.raises(DataError, match="no studies in split 'train' to retrieve from; bank_split=null"):
        evaluate(Guessing(real), held_out, bank_split="train")


def test_a_collection_without_reports_says_so(real, tmp_path):
    collection = make(tmp_path, [""] * 3, "test")
    with pytest.raises(DataError, match="no reports, so no texts"):
        evaluate(Guessing(real), collection)
    assert (
        value(evaluate(Guessing(real), collection, directions=["image->image"]), "image->image/recall@5") == 1
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"split": "all", "bank_split": "train"}, "set bank_split=null"),
        ({"threshold": 0.5}, "threshold applies to the finding scores"),
        ({"labels": "mine"}, "labels applies to the finding scores"),
    ],
)
def test_settings_that_would_do_nothing_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        build(retrieval.Config, {**IDENTITY, **settings}, "task retrieval")
