"""Items: drawn anew every epoch, or fixed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from plainfilm.batches.batch import Needs
from plainfilm.batches.data_config import DataConfig
from plainfilm.batches.dataset import Dataset
from plainfilm.batches.pixel_cache import ImageFiles
from plainfilm.batches.rows import build_rows
from plainfilm.collection import Collection
from plainfilm.io.preprocessing import Preprocessing


def dataset(studies: Collection, seed: int | None, needs: Needs | None = None, **settings: Any) -> Dataset:
    config = DataConfig(**settings)
    rows = build_rows([studies], "train", config)
    preprocessing = Preprocessing(size=24, channels=1)
    return Dataset(rows, [studies], [ImageFiles(studies)], config, preprocessing, needs=needs, seed=seed)


def test_item_repeats(studies: Collection) -> None:
    first, second = (dataset(studies, 3).item(1, epoch=2) for _ in range(2))
    assert np.array_equal(first.pixels, second.pixels)
    assert first.texts == second.texts


def test_epochs_differ(studies: Collection) -> None:
    data = dataset(studies, 3)
    assert not np.array_equal(data.item(0, 0).pixels, data.item(0, 1).pixels)


def test_seeds_differ(studies: Collection) -> None:
    assert not np.array_equal(dataset(studies, 3).item(0, 0).pixels, dataset(studies, 4).item(0, 0).pixels)


def test_fixed_items_know_no_epoch(studies: Collection) -> None:
    data = dataset(studies, None, crop_area=(0.3, 0.5))
    assert np.array_equal(data.item(0, 0).pixels, data.item(0, 9).pixels)


def test_sentences_are_drawn_without_replacement_in_random_order(studies: Collection) -> None:
    data = dataset(studies, 0, sentences=3)
    item = data.rows.ids.index(data.rows.ids[-1])
    drawn = {data.item(item, epoch).texts[0] for epoch in range(40)}
    pieces = [text.rstrip(".").split(". ") for text in drawn]
    assert all(len(set(piece)) == 3 for piece in pieces)
    assert len({piece[0] for piece in pieces}) == 4


def test_more_sentences_than_there_are_gives_all(studies: Collection) -> None:
    data = dataset(studies, 0, sentences=9, text="impression")
    assert data.item(0, 0).texts == ("Normal.",)


def test_no_number_gives_the_whole_text(studies: Collection) -> None:
    data = dataset(studies, 0, sentences=None, text="findings")
    assert data.item(0, 5).texts == ("The lungs are clear. Heart size is normal. No effusion.",)


def test_fixed_items_take_the_first_sentences(studies: Collection) -> None:
    data = dataset(studies, None, sentences=2, text="findings")
    assert data.item(0, 0).texts == ("The lungs are clear. Heart size is normal.",)


@pytest.mark.parametrize("seed", [None, 0])
def test_views_of_a_study_with_fewer_are_repeated(studies: Collection, seed: int | None) -> None:
    data = dataset(studies, seed, Needs(views=3, texts=2), item="study", text="all")
    assert data.item(1, 0).pixels.shape == (3, 24, 24)
    assert len(data.item(1, 0).texts) == 2


def test_texts_are_every_usable_sentence(studies: Collection) -> None:
    texts = list(dataset(studies, None, text="impression").texts())
    assert texts.count("Normal.") == 2  # two films
    assert "XXXX." not in texts
