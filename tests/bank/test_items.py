"""What a bank can hold, gathered from a collection."""

from __future__ import annotations

import numpy as np
import pytest

from plainfilm.bank.items import ItemFilter, gather
from plainfilm.collection.labels import Labels
from plainfilm.errors import DataError


def test_every_film_is_an_item(small_world):
    items = gather([small_world], "images", ItemFilter("test"))
    assert len(items) == 32
    assert items.frame["kind"].unique().tolist() == ["image"]


def test_views_can_be_chosen(small_world):
    assert len(gather([small_world], "images", ItemFilter("test", views=("PA",)))) == 16


def test_the_same_sentence_is_one_item_with_its_count_and_all_its_studies(small_world):
    items = gather([small_world], "sentences", ItemFilter())
    row = items.frame.index[items.frame["text"] == "The heart is enlarged."]
    assert items.frame.loc[row, "count"].tolist() == [12]
    assert (items.members["item"] == row[0]).sum() == 12
    assert items.frame.loc[row, "study_id"].tolist() == ["s1"]


def test_sentences_follow_the_text_rule(small_world):
    with pytest.raises(DataError, match="no sentences in split 'test'"):
        gather([small_world], "sentences", ItemFilter("test", text_rule="impression"))


def test_reports_are_the_text_of_the_rule(small_world):
    items = gather([small_world], "reports", ItemFilter("train", text_rule="findings"))
    assert items.frame["text"].str.startswith("Large left pleural effusion. Image").any()
    assert items.frame["count"].sum() == 32


def test_sentences_carry_their_own_labels_and_films_those_of_their_study(small_world):
    labels = Labels([small_world], ("images", "sentences"))
    sentences = gather([small_world], "sentences", ItemFilter(), labels)
    place = sentences.frame.index[sentences.frame["text"] == "Large left pleural effusion."][0]
    said = dict(zip(sentences.observations, sentences.states[place].tolist(), strict=True))
    assert {name for name, state in said.items() if state != -2} == {"Pleural Effusion"}
    films = gather([small_world], "images", ItemFilter(), labels)
    mine = films.states[(films.frame["study_id"] == "s3").to_numpy()]
    assert (mine[:, films.observations.index("No Finding")] == 1).all()


def test_two_collections_share_texts_but_not_studies(small_world):
    once = gather([small_world], "sentences", ItemFilter())
    twice = gather([small_world, small_world], "sentences", ItemFilter())
    assert len(twice) == len(once)
    assert (twice.frame["count"] == 2 * once.frame["count"]).all()
    assert twice.members["study"].nunique() == 96


def test_states_and_members_fit_the_items(small_world):
    items = gather(
        [small_world], "sentences", ItemFilter("train"), Labels([small_world], ("sentences",), ("train",))
    )
    assert items.states.shape == (len(items), 14)
    assert sorted(np.unique(items.members["item"])) == list(range(len(items)))
