"""Banks of a collection, made with a real (untrained) model, and questions to them."""

from __future__ import annotations

import numpy as np
import pytest

from plainfilm.bank import Bank, build_bank
from plainfilm.bank.build import as_matrix
from plainfilm.bank.items import ItemFilter
from plainfilm.bank.query import ask
from plainfilm.bank.selection import SelectionConfig
from plainfilm.errors import ModelError, UsageError
from plainfilm.predictor import load


@pytest.fixture(scope="module")
def predictor(tiny_model):
    return load(tiny_model)


@pytest.fixture(scope="module")
def sentences(predictor, small_world, tmp_path_factory):
    return build_bank(
        predictor, small_world, "sentences", tmp_path_factory.mktemp("bank"), ItemFilter("train")
    )


def test_vectors_belong_to_their_texts(predictor, sentences):
    expected = predictor.encode_texts([sentences.items["text"][3]])
    assert sentences.vectors[3] == pytest.approx(expected[0], abs=1e-6)


def test_the_bank_says_what_it_was_made_from(predictor, sentences, small_world):
    assert sentences.meta["model_fingerprint"] == predictor.fingerprint
    assert sentences.meta["collection_fingerprint"] == small_world.fingerprint
    assert (sentences.meta["kind"], sentences.meta["split"]) == ("sentence", "train")


def test_labels_go_with_the_items(sentences):
    place = sentences.items.index[sentences.items["text"] == "The heart is enlarged."][0]
    assert sentences.labels(place) == {"Cardiomegaly": 1}


def test_a_text_finds_itself(predictor, sentences):
    document = ask(predictor, sentences, SelectionConfig(k=1), text="the heart is ENLARGED.")
    found = document["results"][0]
    assert (found["rank"], found["kind"], found["text"]) == (1, "sentence", "The heart is enlarged.")
    assert found["labels"] == {"Cardiomegaly": 1}


def test_a_film_finds_itself_among_films(predictor, small_world, tmp_path):
    bank = build_bank(predictor, small_world, "images", tmp_path, ItemFilter("test"))
    film = bank.items["image"][5]
    document = ask(predictor, bank, SelectionConfig(k=2), image=film)
    assert document["query"] == {"image": film}
    assert document["results"][0]["image"] == film
    assert document["results"][0]["score"] == pytest.approx(1.0, abs=1e-5)


def test_reports_without_labels_make_a_bank_without_labels(predictor, small_world, tmp_path, monkeypatch):
    monkeypatch.setitem(small_world._tables, "labels", small_world.table("labels").slice(0, 0))
    bank = build_bank(predictor, small_world, "reports", tmp_path, ItemFilter(text_rule="findings"))
    assert bank.labels(0) == {}


def test_a_bank_of_another_model_is_refused(predictor, sentences, tmp_path):
    other = Bank.write(
        tmp_path, np.asarray(sentences.vectors), sentences.items, {"model_fingerprint": "other"}
    )
    with pytest.raises(ModelError, match="embed again"):
        ask(predictor, other, SelectionConfig(), text="effusion")


@pytest.mark.parametrize("question", [{}, {"text": "  "}, {"text": "a", "image": "b.png"}])
def test_a_question_is_one_film_or_one_text(predictor, sentences, question):
    with pytest.raises(UsageError):
        ask(predictor, sentences, SelectionConfig(), **question)


def test_a_matrix_of_blocks_is_not_held_in_memory():
    blocks = (np.full((size, 3), size, np.float32) for size in (2, 1))
    matrix = as_matrix(blocks, 3)
    assert matrix.tolist() == [[2.0] * 3, [2.0] * 3, [1.0] * 3]
    assert isinstance(matrix, np.memmap)
