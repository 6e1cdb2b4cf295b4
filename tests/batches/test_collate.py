"""Items to batches."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from plainfilm.batches.collate import Collate
from plainfilm.batches.data_config import DataConfig
from plainfilm.batches.dataset import Item
from plainfilm.batches.targets.base import TargetSource, target
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.text.tokenizers import Tokenizer

TOKENIZER = Tokenizer.train(["Clear lungs. Large left effusion."], 300, 32)


@pytest.fixture(scope="module")
def collate() -> Collate:
    source = TargetSource(config=DataConfig(), tokenizers={"text": TOKENIZER})
    readers = {"text_pair": target("text_pair").open_target(source)}
    return Collate(Preprocessing(size=8, channels=1), readers)


def item(study: int, *texts: str, films: int = 2) -> Item:
    pixels = np.full((films, 8, 8), study, dtype=np.uint8)
    return Item(pixels, tuple(range(films)), {"text_pair": (list(texts), 9)}, study, f"i{study}")


def test_shapes(collate: Collate) -> None:
    batch = collate([item(1, "Clear lungs.", "Effusion."), item(2, "Large.", "Left.")], np.arange(4, 6))
    texts = batch.targets["text_pair"]
    assert batch.films.pixels.shape == (4, 1, 8, 8)
    assert batch.films.of.counts.tolist() == [2, 2]
    assert texts.token_ids.shape == texts.token_mask.shape
    assert texts.token_ids.shape[:2] == (2, 2)
    assert texts.present.tolist() == [True, True]
    assert batch.rows.tolist() == [4, 5]


def test_tokens_stay_with_their_item(collate: Collate) -> None:
    batch = collate([item(1, "Clear lungs.", "Effusion."), item(2, "Large.", "Left.")], np.arange(2))
    ids, mask = TOKENIZER.encode(["Large."])
    length, texts = int(mask.sum()), batch.targets["text_pair"]
    assert texts.token_ids[1, 0, :length].tolist() == ids[0, :length].tolist()
    assert not texts.token_mask[1, 0, length:].any()


def test_films_stay_with_their_item(collate: Collate) -> None:
    batch = collate([item(1, "a", "b", films=3), item(2, "c", "d", films=1)], np.arange(2))
    assert batch.films.of.counts.tolist() == [3, 1]
    assert batch.films.projections.tolist() == [0, 1, 2, 0]
    grey = batch.films.pixels[:, 0, 0, 0]
    assert [bool(value) for value in grey == grey[0]] == [True, True, True, False]
    second = batch.slice(1, 2)
    assert torch.equal(second.films.pixels, batch.films.pixels[3:])
    assert torch.equal(second.targets["text_pair"].keys, batch.targets["text_pair"].keys[1:])


def test_an_item_without_a_text_says_so(collate: Collate) -> None:
    batch = collate([item(1, "Clear.", "Large."), item(2, "", "")], np.arange(2))
    assert batch.targets["text_pair"].present.tolist() == [True, False]


def test_labels_make_no_text_keys() -> None:
    states = SimpleNamespace(observations=("Edema",), states=np.array([[1], [-3]], dtype=np.int8))
    reader = target("labels").open_target(TargetSource(rows=states))
    made = Collate(Preprocessing(size=8, channels=1), {"labels": reader})
    items = [
        Item(np.zeros((1, 8, 8), np.uint8), (0,), {"labels": reader.read(n, None)}, n, "") for n in (0, 1)
    ]
    batch = made(items, np.arange(2))
    assert batch.targets["labels"].states.tolist() == [[1], [-3]]
    assert batch.targets["labels"].present.tolist() == [True, False]
    assert batch.keys.text.shape == (2, 0)
    assert batch.keys.study.tolist() == [0, 1]


def test_equal_texts_have_equal_keys(collate: Collate) -> None:
    batch = collate([item(1, "Clear  Lungs.", "clear lungs."), item(2, "Clear.", "x")], np.arange(2))
    assert batch.keys.text[0, 0] == batch.keys.text[0, 1] != batch.keys.text[1, 0]
    assert batch.keys.study.tolist() == [1, 2]


def test_no_items(collate: Collate) -> None:
    batch = collate([], np.arange(0))
    assert batch.films.pixels.shape == (0, 1, 8, 8)
    assert batch.films.of.counts.shape == (0,)
    assert batch.keys.text.shape == (0, 2)
    assert batch.films.pixels.dtype == torch.float32
