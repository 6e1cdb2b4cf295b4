"""States from a collection's labels, and which origin they are of."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from plainfilm.bank.labels import FILMS, Labels, strongest
from plainfilm.collection.schema import LABELS
from plainfilm.errors import DataError
from plainfilm.labelling.vocabularies import CHEXPERT_OBSERVATIONS


class Labelled:
    """A collection of nothing but labels."""

    path = "somewhere"

    def __init__(self, *rows):
        names = ("target", "target_id", "observation", "state", "origin")
        self.rows = pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema=LABELS)

    def table(self, name):
        return self.rows


STUDY = ("study", "s1", "Edema", 1, "a")
SENTENCE = ("sentence", "s1:0", "Edema", 0, "a")


def test_states_are_by_id_and_observation():
    labels = Labels([Labelled(STUDY, SENTENCE)])
    assert labels.observations == CHEXPERT_OBSERVATIONS
    states = labels.states(0, "study", ["s2", "s1", "s1"])
    edema = CHEXPERT_OBSERVATIONS.index("Edema")
    assert states[:, edema].tolist() == [-2, 1, 1]
    assert (np.delete(states, edema, axis=1) == -2).all()


def test_other_vocabularies_are_in_alphabetical_order():
    labels = Labels([Labelled(STUDY, SENTENCE, ("study", "s1", "Apical cap", 1, "a"))])
    assert labels.observations == ("Apical cap", "Edema")


def test_statements_that_differ_give_the_strongest():
    states = np.array([[0], [-1], [1], [-2], [0], [-1]], np.int8)
    assert strongest(states, np.array([0, 0, 0, 1, 2, 2]), 4).tolist() == [[1], [-2], [-1], [-2]]


def test_no_labels_names_the_way_out():
    with pytest.raises(DataError, match="run `plainfilm label somewhere`"):
        Labels([Labelled()])


def test_study_labels_alone_do_not_label_sentences():
    with pytest.raises(DataError, match="no labels of its studies and sentences"):
        Labels([Labelled(STUDY)])


def test_of_several_origins_one_must_be_chosen():
    both = Labelled(STUDY, SENTENCE, (*STUDY[:4], "b"), (*SENTENCE[:4], "b"))
    with pytest.raises(DataError, match=r"several origins \(a, b\)"):
        Labels([both])
    assert Labels([both], "b").origin == "b"


def test_an_unknown_origin_is_answered_with_the_nearest():
    with pytest.raises(DataError, match="Known: a"):
        Labels([Labelled(STUDY, SENTENCE)], "c")


def test_films_take_their_own_labels_or_those_of_their_study(small_world, monkeypatch):
    table = small_world.table("labels")
    labels = Labels([small_world], targets=FILMS)
    own = dict.fromkeys(table.column_names) | {"target": "image", "target_id": "0PA", "state": 0}
    own |= {"observation": "Pleural Effusion", "origin": labels.origin}
    more = pa.concat_tables([table, pa.Table.from_pylist([own], schema=table.schema)])
    monkeypatch.setitem(small_world._tables, "labels", more)
    labels = Labels([small_world], targets=FILMS)
    states = labels.of_films(0, ["0PA", "0LATERAL"], ["s0", "s0"])
    assert states[:, labels.observations.index("Pleural Effusion")].tolist() == [0, 1]
