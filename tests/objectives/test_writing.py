"""Which tokens are to be written."""

from __future__ import annotations

import torch

from plainfilm.batches.targets.finding_sentences import FindingSentences
from plainfilm.nn.ragged import Ragged
from plainfilm.objectives.regions.writing import wanted_tokens


def test_items_without_any_text_have_none() -> None:
    none, ids = torch.zeros(3, dtype=torch.bool), torch.zeros((0, 0), dtype=torch.int64)
    empty = FindingSentences(
        none, Ragged(torch.zeros(3, dtype=torch.int64)), ids, ids > 0, ids, ids > 0, none[:0]
    )
    assert wanted_tokens(empty).shape == (0, 0)
