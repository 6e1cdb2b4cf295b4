"""`plainfilm.open`."""

from __future__ import annotations

import pytest

import plainfilm
from plainfilm.errors import CollectionError


def test_a_collection_says_what_it_is(small_world):
    opened = plainfilm.open(small_world.path)
    assert (
        repr(opened)
        == f"<Collection '{small_world.name}': 48 studies, 96 images, corpus {small_world.corpus}>"
    )
    assert repr(opened.films(split="test")).startswith("<32 films of split 'test' of collection")
    assert repr(opened.studies()).startswith("<48 studies of collection")


def test_labels_are_a_frame_by_study(small_world):
    labels = plainfilm.open(small_world.path).labels()
    assert labels.loc["s1", "Cardiomegaly"] == 1
    assert labels.loc["s3", "Pneumothorax"] == 0
    assert labels["Cardiomegaly"].isna().sum() == 36


def test_what_is_no_collection_is_refused(tmp_path):
    with pytest.raises(CollectionError, match="is not a collection"):
        plainfilm.open(tmp_path)


def test_the_package_names_what_there_is():
    assert {"load", "open", "read_image"} <= set(dir(plainfilm))
    with pytest.raises(AttributeError, match="no attribute 'opne'"):
        plainfilm.opne  # noqa: B018
