"""Whose labels are read where nobody says, and what is said where that is not clear."""

from __future__ import annotations

import pytest

from plainfilm.collection.label_origins import (
    check_origins,
    choose_origins,
    labelled_studies,
    origins,
    preferred_origins,
)
from plainfilm.collection.labels import Labels
from plainfilm.errors import DataError
from tests.labels_world import Labelled

FILMS = {"s": "f", "t": "g", "u": "h"}
SPLITS = {"s": "train", "t": "validation", "u": "test"}


def study(name, origin, observation="Edema"):
    return ("study", name, observation, 1, origin)


def world(*rows, sentences=None):
    return Labelled(FILMS, rows, SPLITS, sentences)


PARTED = world(study("s", "c/train"), study("t", "c/valid"), ("image", "h", "Edema", 1, "c/test"))
"""As CheXpert: each split has its own origin."""


def chosen(collection, split="test", kinds=("images",), **options):
    (found,) = choose_origins([collection], kinds, split, **options)
    return found


@pytest.mark.parametrize(
    ("split", "origin"), [("train", "c/train"), ("validation", "c/valid"), ("test", "c/test")]
)
def test_the_only_origin_with_labels_of_the_split_is_taken(split, origin):
    assert chosen(PARTED, split) == (origin,)


def test_of_several_none_is_taken_and_all_are_counted():
    both = world(study("u", "a"), study("u", "b"), study("s", "b"), study("t", "c"))
    with pytest.raises(
        DataError,
        match=r"labels of split 'test' from several origins \(a: 1 studies, b: 1 studies\).*labels=OR",
    ):
        chosen(both)
    assert chosen(both, wanted="b") == ("b",)
    assert chosen(both, "validation") == ("c",)


def test_what_the_model_learned_from_goes_before_others():
    both = world(study("u", "a"), study("u", "b"), study("u", "plainfilm-x-1"))
    assert chosen(both, learned=("b",)) == ("b",)
    assert chosen(both, learned=("gone", "plainfilm-x-1")) == ("plainfilm-x-1",)
    assert chosen(both, learned=()) == ("a", "b")
    assert chosen(both, learned=("b",), wanted="a") == ("a",)


def test_what_the_model_learned_from_must_label_the_split():
    assert chosen(world(study("s", "a"), study("u", "b")), learned=("a",)) == ("b",)


def test_a_model_that_learned_from_labels_that_are_not_here_asks_as_any_other():
    both = world(study("u", "a"), study("u", "b"))
    with pytest.raises(DataError, match="several origins"):
        chosen(both, learned=("elsewhere",))


def test_a_name_stands_for_what_begins_with_it_up_to_a_slash():
    two = world(study("u", "m/one"), study("u", "m/two"), study("u", "mm/three"))
    assert chosen(two, wanted="m") == ("m/one", "m/two")
    assert preferred_origins(two, ["x", "mm"]) == ["mm/three"]
    check_origins([two], ["m", "mm/three"])
    with pytest.raises(DataError, match="no collection has labels from 'm/on': did you mean 'm/one'"):
        check_origins([two], ["m/on"])


def test_the_corpus_own_are_all_but_the_labellers():
    mixed = world(study("u", "plainfilm-chexpert-4"), study("u", "b"), ("sentence", "u:0", "Edema", 1, "c"))
    assert preferred_origins(mixed, ()) == ["b"]
    assert origins(mixed) == ["b", "plainfilm-chexpert-4"]


def test_an_unknown_origin_is_answered_with_the_nearest():
    with pytest.raises(DataError, match="no labels of films or studies from 'c/tets': did you mean 'c/test'"):
        chosen(PARTED, wanted="c/tets")


def test_an_origin_must_label_what_is_asked_about():
    reports = world(study("u", "a"), ("image", "h", "Edema", 1, "b"))
    assert chosen(reports, kinds=("reports",)) == ("a",)
    with pytest.raises(DataError, match="no labels of its sentences; run `plainfilm label somewhere`"):
        chosen(reports, kinds=("sentences",))
    with pytest.raises(DataError, match="no labels of its studies and sentences"):
        chosen(reports, kinds=("reports", "sentences"))


def test_studies_are_counted_once_through_themselves_their_films_and_their_sentences():
    rows = [study("u", "a"), study("u", "a", "Mass"), ("image", "h", "Edema", 0, "a"), study("gone", "a")]
    rows += [("sentence", "s:0", "Edema", 1, "b"), ("region", "f:lung", "Edema", 1, "c")]
    labelled = world(*rows, sentences={"s": ["s:0"]})
    assert labelled_studies(labelled) == {"a": 1}
    assert labelled_studies(labelled, "train") == {"a": 0}
    assert labelled_studies(labelled, None, ("study", "sentence")) == {"a": 1, "b": 1}


def test_every_collection_must_have_the_origin():
    one, other = world(study("u", "a"), study("u", "b")), world(study("u", "b"))
    assert choose_origins([one, other], ("images",), "test") == [("b",), ("b",)]


def test_each_split_is_labelled_by_the_origin_that_has_labels_of_it():
    labels = Labels([PARTED], ("images",), ("test", "validation"))
    assert labels.origin == "c/test"
    assert labels.origins == {"test": "c/test", "validation": "c/valid"}
    edema = labels.observations.index("Edema")
    assert labels.images(0, "test", ["g", "h"])[:, edema].tolist() == [-2, 1]
    assert labels.images(0, "validation", ["g", "h"])[:, edema].tolist() == [1, -2]


def test_an_origin_that_is_asked_for_serves_all_splits():
    labels = Labels([PARTED], ("images",), ("test", "validation"), wanted="c/test")
    assert labels.origins == {"test": "c/test", "validation": "c/test"}


def test_a_split_that_is_labelled_by_several_others_stays_without():
    rows = [study("t", "b"), study("t", "c"), study("u", "a")]
    assert Labels([world(*rows)], ("images",), ("test", "validation")).origins["validation"] == "a"


def test_the_main_origin_serves_a_split_that_others_label_too():
    rows = [study("t", "a"), study("t", "b"), study("u", "a")]
    assert Labels([world(*rows)], ("images",), ("test", "validation")).origins["validation"] == "a"
