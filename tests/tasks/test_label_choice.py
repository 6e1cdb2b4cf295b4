"""Whose labels evaluation takes, and that it reads of training what the model's settings say."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from plainfilm.bank.build import build_bank
from plainfilm.bank.items import ItemFilter
from plainfilm.collection import Collection
from plainfilm.config import build
from plainfilm.errors import DataError
from plainfilm.model_folder import TrainedOn
from plainfilm.predictor import load
from plainfilm.tasks import classification, linear_probe, retrieval, zero_shot
from plainfilm.tasks.scoring.measure import choose_views, views_of_films
from plainfilm.types import View

SPLITS = ("train", "validation", "test")


class Heard:
    """Keeps what is reported."""

    def __init__(self):
        self.lines = []

    def log(self, line):
        self.lines.append(line)

    def track(self, items, total, what):
        return items


def relabelled(collection: Collection, origins) -> Collection:
    """The collection with every label once for each origin that `origins` has for the split of its study."""
    opened = Collection.open(collection.path)
    labels, studies = opened.table("labels"), opened.table("studies")
    split_of = dict(zip(studies["study_id"].to_pylist(), studies["split"].to_pylist(), strict=True))
    study_of = [key.partition(":")[0] for key in labels["target_id"].to_pylist()]
    names = [origins[split_of[study]] for study in study_of]
    rows = [row for row, own in enumerate(names) for _ in own]
    column = pa.array([name for own in names for name in own], pa.string())
    place = labels.schema.get_field_index("origin")
    opened._tables["labels"] = labels.take(rows).set_column(place, labels.schema.field("origin"), column)
    return opened


@pytest.fixture(scope="module")
def parted(divided):
    """As CheXpert: each split has labels of an origin of its own."""
    return relabelled(divided, {split: [f"c/{split}"] for split in SPLITS})


@pytest.fixture(scope="module")
def disputed(divided):
    """Two origins everywhere."""
    return relabelled(divided, {split: ["a", "b"] for split in SPLITS})


@pytest.fixture
def classifier(tiny_classifier, tmp_path):
    """A function: the classifier, as one that was trained on what is stated."""

    def made(trained_on):
        model = load(tiny_classifier)
        model.config = model.config.model_copy(update={"trained_on": trained_on})
        return model

    return made


def run(task, model, world, heard=None, **settings):
    config = build(task.Config, {"resamples": 100, **settings}, "task")
    return task.run(model, [world], config, heard or Heard())


def test_the_origin_of_the_evaluated_split_is_taken_and_said(tiny_model, parted):
    heard = Heard()
    results = run(zero_shot, load(tiny_model), parted, heard)
    assert results.protocol["labels"] == "c/test"
    assert results.protocol["labels_by_split"] == {"test": "c/test", "validation": "c/validation"}
    assert results.protocol["thresholds"]["chosen_on"] == "validation"
    assert heard.lines[0] == "labels: c/test (test); c/validation (validation)"


def test_an_origin_that_is_asked_for_is_the_only_one(tiny_model, parted):
    results = run(zero_shot, load(tiny_model), parted, label_origin="c/test")
    assert results.protocol["labels"] == "c/test"
    assert "labels_by_split" not in results.protocol
    assert results.protocol["thresholds"]["chosen_on"] == "none"


def test_probes_are_trained_on_the_labels_of_the_training_split(tiny_model, parted):
    results = run(linear_probe, load(tiny_model), parted, fractions=[1.0], untrained=False)
    assert results.protocol["labels_by_split"] == {split: f"c/{split}" for split in reversed(SPLITS)} | {
        "train": "c/train"
    }


@pytest.mark.parametrize("task", [zero_shot, linear_probe, retrieval])
def test_of_several_origins_one_must_be_chosen(task, tiny_model, disputed):
    with pytest.raises(
        DataError, match=r"from several origins \(a: 16 studies, b: 16 studies\); choose one with"
    ):
        run(task, load(tiny_model), disputed)


def test_what_a_classifier_learned_from_goes_before_others(classifier, disputed):
    model = classifier(TrainedOn(label_origin=("b",)))
    assert run(classification, model, disputed).protocol["labels"] == "b"
    assert run(classification, model, disputed, labels="a").protocol["labels"] == "a"


def test_a_classifier_of_which_nobody_says_what_it_learned_from_takes_no_sides(classifier, disputed, parted):
    with pytest.raises(DataError, match="several origins"):
        run(classification, classifier(None), disputed)
    assert run(classification, classifier(None), parted).protocol["labels"] == "c/test"


def test_the_same_numbers_whoever_chose_the_origin(classifier, divided, disputed):
    plain, chosen = (
        run(classification, classifier(None), divided),
        run(classification, classifier(TrainedOn(label_origin=("a",))), disputed),
    )
    assert [(one.name, one.value, one.low) for one in plain.metrics] == [
        (one.name, one.value, one.low) for one in chosen.metrics
    ]


def test_a_film_is_retrieved_for_what_it_shows_itself(tiny_model, divided):
    opened = relabelled(divided, {split: ["a"] for split in SPLITS})
    labels = opened.table("labels")
    own = {"target": "image", "target_id": "4PA", "observation": "Edema", "state": 1, "origin": "a"}
    more = pa.Table.from_pylist([dict.fromkeys(labels.column_names) | own], schema=labels.schema)
    opened._tables["labels"] = pa.concat_tables([labels, more])
    rows = run(retrieval, load(tiny_model), opened, directions=["image->image"], k=2).predictions
    said = {key: json.loads(cell) for key, cell in zip(rows["query_id"], rows["query_labels"], strict=True)}
    assert said["4PA"].pop("Edema") == 1
    assert said["4PA"] == said["4LATERAL"]


def test_a_bank_takes_the_labels_that_are_clear(tiny_model, parted, disputed, tmp_path):
    heard = Heard()
    films = build_bank(load(tiny_model), parted, "images", tmp_path / "one", ItemFilter("test"), heard)
    assert films.labels(0)
    unclear = build_bank(load(tiny_model), disputed, "images", tmp_path / "two", ItemFilter("test"), heard)
    assert unclear.labels(0) == {}
    assert "a bank without labels" in heard.lines[-1]


def test_views_are_those_of_training_where_they_are_known(classifier):
    trained = classifier(TrainedOn(views=(View.PA,)))
    assert choose_views(trained, None) == ("PA",)
    assert views_of_films(trained, None) == ("PA", "unknown")
    assert views_of_films(trained, [View.LATERAL]) == ("LATERAL",)
    assert views_of_films(classifier(None), None) is None


def test_the_recipe_of_training_decides_nothing(classifier):
    model = classifier(None)
    model.config = model.config.model_copy(
        update={"recipe": {"data": {"views": ["PA"], "label_origin": ["b"]}}}
    )
    assert choose_views(model, None) is None


def test_the_text_rule_is_that_of_training(tiny_model, divided):
    model = load(tiny_model)
    settings = {"directions": ["image->report"], "k": 1}
    assert run(retrieval, model, divided, **settings).protocol["text_rule"] == "findings"
    model.config = model.config.model_copy(update={"trained_on": None})
    assert run(retrieval, model, divided, **settings).protocol["text_rule"] == "best_section"
