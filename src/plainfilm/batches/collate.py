"""Items to a `Batch`: pixels normalised, texts tokenised to the longest, labels stacked, keys hashed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from plainfilm.batches.batch import Batch, Keys, Needs
from plainfilm.batches.dataset import Item
from plainfilm.batches.transforms import to_tensor
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.seeding import stable_hash
from plainfilm.text.rules import normalise


class Encodes(Protocol):
    """What collating asks of a tokenizer."""

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """ids (N, L) and mask (N, L), padded to the longest."""
        ...


@dataclass(frozen=True)
class Collate:
    """Makes batches as one model wants them; one that reads no texts has no tokenizer."""

    tokenizer: Encodes | None
    preprocessing: Preprocessing
    needs: Needs

    def __call__(self, items: Sequence[Item], rows: NDArray[np.int64]) -> Batch:
        """B items (none for a process without a share), which are `rows` of the batch of the whole run."""
        texts = [text for item in items for text in item.texts]
        ids, mask = self._tokens(texts)
        shape = (len(items), self.needs.texts)
        return Batch(
            images=self._images(items),
            token_ids=torch.from_numpy(ids).reshape(*shape, ids.shape[1]),
            token_mask=torch.from_numpy(mask).reshape(*shape, ids.shape[1]),
            labels=self._labels(items),
            keys=Keys(
                study=torch.tensor([item.study for item in items], dtype=torch.int64),
                text=torch.tensor([_key(text) for text in texts], dtype=torch.int64).reshape(shape),
                said=torch.tensor([item.said for item in items], dtype=torch.int64),
            ),
            rows=torch.from_numpy(rows.astype(np.int64)),
        )

    def _tokens(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        if self.tokenizer is None:
            return np.zeros((0, 0), dtype=np.int64), np.zeros((0, 0), dtype=np.bool_)
        return self.tokenizer.encode(texts)

    def _labels(self, items: Sequence[Item]) -> Tensor | None:
        if not self.needs.labels:
            return None
        none = np.zeros((0, 0), dtype=np.int8)
        return torch.from_numpy(np.stack([item.labels for item in items]) if items else none)

    def _images(self, items: Sequence[Item]) -> Tensor:
        size, channels = self.preprocessing.size, self.preprocessing.channels
        none = np.zeros((0, size, size), dtype=np.uint8)
        films = to_tensor(np.concatenate([none, *(item.pixels for item in items)]), self.preprocessing)
        return films.reshape(len(items), self.needs.views, channels, size, size)


def _key(text: str) -> int:
    return stable_hash(normalise(text))
