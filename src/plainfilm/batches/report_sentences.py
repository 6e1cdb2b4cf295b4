"""Reads the sentences of the reports of items, each by itself: the shared part of targets of sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from plainfilm.batches.padded_texts import texts_of
from plainfilm.batches.targets.base import Encodes, ItemFilms, TargetSource
from plainfilm.nn.ragged import Ragged
from plainfilm.seeding import stable_hash
from plainfilm.text.laterality import mirrored
from plainfilm.text.rules import normalise


class SentenceReader:
    """Reads at most `most` sentences of every item: drawn in training, the first ones in evaluation.

    kind: the target, with `present`, `of`, ids, mask, keys and what `more` makes of the sentences.
    """

    def __init__(
        self,
        source: TargetSource,
        most: int,
        kind: Any,
        more: Callable[[Sequence[str]], tuple[Tensor, ...]] = lambda sentences: (),
    ) -> None:
        self._rows = source.rows
        self._texts = [c.table("sentences")["text"].combine_chunks() for c in source.collections]
        self._tokenizer: Encodes = source.tokenizers["text"]
        self._most = most
        self._kind = kind
        self._more = more

    def read(self, item: int, rng: np.random.Generator | None) -> list[str]:
        """The sentences of an item, in the order of its report."""
        rows = self._rows.sentences_of(item)
        if rng is not None:
            rows = np.sort(rng.permutation(rows)[: self._most])
        texts = self._texts[int(self._rows.source[item])]
        return [str(texts[int(row)].as_py()) for row in rows[: self._most]]

    def move(self, value: list[str], films: ItemFilms) -> list[str]:
        """Swap the words left and right on mirrored images."""
        return [mirrored(one) for one in value] if films.mirrored else value

    def collate(self, values: Sequence[list[str]]) -> Any:
        """The sentences of B items."""
        counts = torch.tensor([len(one) for one in values], dtype=torch.int64)
        flat = [sentence for one in values for sentence in one]
        keys = torch.tensor([stable_hash(normalise(one)) for one in flat], dtype=torch.int64)
        read = texts_of(self._tokenizer, flat)
        return self._kind(counts > 0, Ragged(counts), *read, keys, *self._more(flat))


def everything(source: TargetSource) -> Iterator[str]:
    """Every sentence of every item."""
    texts = [collection.table("sentences")["text"].combine_chunks() for collection in source.collections]
    for item in range(len(source.rows)):
        own = texts[int(source.rows.source[item])]
        yield from (str(own[int(row)].as_py()) for row in source.rows.sentences_of(item))
