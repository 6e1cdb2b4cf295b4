"""Collates items into a `Batch`: normalises pixels, collates targets, hashes keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from plainfilm.batches.batch import Batch, Films, Keys
from plainfilm.batches.dataset import Item
from plainfilm.batches.feature_cache import as_tensors
from plainfilm.batches.targets.base import TargetReader
from plainfilm.batches.texts import TextTarget
from plainfilm.batches.transforms import to_tensor
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.nn.ragged import Ragged


@dataclass(frozen=True)
class Collate:
    """Makes the batches of a model; `readers` are those of the data set, by target."""

    preprocessing: Preprocessing
    readers: Mapping[str, TargetReader]

    def __call__(self, items: Sequence[Item], rows: NDArray[np.int64]) -> Batch:
        """Collate B items (none on a process without a share), `rows` of the batch of the whole run."""
        targets = {
            name: reader.collate([item.values[name] for item in items])
            for name, reader in self.readers.items()
        }
        study = torch.tensor([item.study for item in items], dtype=torch.int64)
        return Batch(
            films=self._films(items),
            keys=keys_of(study, targets),
            rows=torch.from_numpy(rows.astype(np.int64)),
            targets=targets,
        )

    def _films(self, items: Sequence[Item]) -> Films:
        projections = [code for item in items for code in item.projections]
        kept = [item.features for item in items if item.features is not None]
        size = self.preprocessing.size
        squares = [item.pixels for item in items if item.pixels is not None]
        none = np.zeros((0, size, size), dtype=np.uint8)
        pixels = to_tensor(np.concatenate([none, *squares]), self.preprocessing)
        return Films(
            pixels=torch.zeros(len(projections), 0) if kept else pixels,
            of=Ragged(torch.tensor([len(item.projections) for item in items], dtype=torch.int64)),
            projections=torch.tensor(projections, dtype=torch.int64),
            features=as_tensors(kept) if kept else None,
        )


def keys_of(study: torch.Tensor, targets: Mapping[str, Any]) -> Keys:
    """The keys of items of the studies `study` (B,), with the hashes of the first text target."""
    texts = next((target for target in targets.values() if isinstance(target, TextTarget)), None)
    if texts is None:
        return Keys(study, study.new_zeros((len(study), 0)), torch.zeros_like(study))
    return Keys(study, texts.keys, texts.label_hash)
