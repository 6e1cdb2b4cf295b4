"""Which tokens are to be written."""

from __future__ import annotations

from unittest.mock import patch

import torch
from torch import nn

from plainfilm.batches.targets.finding_sentences import FindingSentences
from plainfilm.nn.length_groups import length_groups
from plainfilm.nn.ragged import Ragged
from plainfilm.objectives.base import Encoded
from plainfilm.objectives.regions import writing
from plainfilm.objectives.regions.writing import wanted_tokens, written
from tests.toys import toy_batch_for, toy_model_for


def test_items_without_any_text_have_none() -> None:
    none, ids = torch.zeros(3, dtype=torch.bool), torch.zeros((0, 0), dtype=torch.int64)
    empty = FindingSentences(
        none, Ragged(torch.zeros(3, dtype=torch.int64)), ids, ids > 0, ids, ids > 0, none[:0]
    )
    assert wanted_tokens(empty).shape == (0, 0)


@torch.no_grad()
def test_texts_in_groups_of_their_length_have_the_same_loss() -> None:
    model, batch = toy_model_for("finding_generation").eval(), toy_batch_for("finding_generation", 7)
    target, encoded = batch.targets["finding_sentences"], Encoded(model, batch)
    vectors = torch.randn(target.of.entries, 1, model.dimension)
    mask = torch.ones(vectors.shape[:2], dtype=torch.bool)
    wanted = wanted_tokens(target)
    logits = model.sentence_logits(vectors, mask, target.written_ids[:, :-1], wanted)
    expected = nn.functional.cross_entropy(logits, target.written_ids[:, 1:][wanted], reduction="sum")
    torch.testing.assert_close(written(encoded, target, vectors, mask), expected)
    with patch.object(writing, "length_groups", lambda lengths: length_groups(lengths, cost=0)):
        torch.testing.assert_close(written(encoded, target, vectors, mask), expected)
