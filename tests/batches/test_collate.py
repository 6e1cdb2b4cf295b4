"""Items to batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from plainfilm.batches.batch import Needs
from plainfilm.batches.collate import Collate
from plainfilm.batches.dataset import Item
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.text.tokenizers import Tokenizer


@pytest.fixture(scope="module")
def collate() -> Collate:
    tokenizer = Tokenizer.train(["Clear lungs. Large left effusion."], 300, 32)
    return Collate(tokenizer, Preprocessing(size=8, channels=1), Needs(views=2, texts=2))


def item(study: int, *texts: str) -> Item:
    return Item(np.full((2, 8, 8), study, dtype=np.uint8), texts, study, f"i{study}")


def test_shapes(collate: Collate) -> None:
    batch = collate([item(1, "Clear lungs.", "Effusion."), item(2, "Large.", "Left.")], np.arange(4, 6))
    assert batch.images.shape == (2, 2, 1, 8, 8)
    assert batch.token_ids.shape == batch.token_mask.shape
    assert batch.token_ids.shape[:2] == (2, 2)
    assert batch.rows.tolist() == [4, 5]


def test_tokens_stay_with_their_item(collate: Collate) -> None:
    batch = collate([item(1, "Clear lungs.", "Effusion."), item(2, "Large.", "Left.")], np.arange(2))
    ids, mask = collate.tokenizer.encode(["Large."])
    length = int(mask.sum())
    assert batch.token_ids[1, 0, :length].tolist() == ids[0, :length].tolist()
    assert not batch.token_mask[1, 0, length:].any()


def test_equal_texts_have_equal_keys(collate: Collate) -> None:
    batch = collate([item(1, "Clear  Lungs.", "clear lungs."), item(2, "Clear.", "x")], np.arange(2))
    assert batch.keys.text[0, 0] == batch.keys.text[0, 1] != batch.keys.text[1, 0]
    assert batch.keys.study.tolist() == [1, 2]


def test_no_items(collate: Collate) -> None:
    batch = collate([], np.arange(0))
    assert batch.images.shape == (0, 2, 1, 8, 8)
    assert batch.keys.text.shape == (0, 2)
    assert batch.images.dtype == torch.float32
