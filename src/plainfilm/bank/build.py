"""Embeds the images, sentences or reports of a collection for `plainfilm embed`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from plainfilm.bank.bank import LABEL_PREFIX, Bank
from plainfilm.bank.items import ItemFilter, Items, gather
from plainfilm.bank.search import Vectors
from plainfilm.collection import Collection
from plainfilm.collection.label_origins import ItemKind
from plainfilm.collection.labels import Labels
from plainfilm.errors import DataError
from plainfilm.io import paths
from plainfilm.io.arrays import release
from plainfilm.io.locks import writing
from plainfilm.metrics.findings import NOT_MENTIONED
from plainfilm.progress import SILENT, Progress

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor


def embed_items(predictor: Predictor, items: Items, progress: Progress = SILENT) -> Iterator[Vectors]:
    """Unit vectors of the items in blocks (n, D), in their order."""
    if items.kind == "image":
        return predictor.stream_images(map(Path, items.images()), progress)
    return predictor.stream_texts(items.texts, progress)


def build_bank(
    predictor: Predictor,
    collection: Collection,
    what: ItemKind,
    folder: Path,
    choice: ItemFilter | None = None,
    progress: Progress = SILENT,
) -> Bank:
    """Embed the `what` of `collection` into a new bank at `folder`; vectors are written as they are computed.

    Items get labels if the collection has any and their origin is unambiguous (see `choose_origins`).
    `warnings` in `bank.json` are what the model noticed while it encoded.

    Raises:
        UsageError: another process is writing to `folder`.
        DataError: nothing to embed, or the bank cannot be written.
    """
    with writing(folder):
        return _build(predictor, collection, what, folder, choice or ItemFilter(), progress)


def _build(
    predictor: Predictor,
    collection: Collection,
    what: ItemKind,
    folder: Path,
    chosen: ItemFilter,
    progress: Progress,
) -> Bank:
    items = gather([collection], what, chosen, _labels(predictor, collection, what, chosen.split, progress))
    meta: dict[str, Any] = {
        "kind": items.kind,
        "model": predictor.name,
        "model_fingerprint": predictor.fingerprint,
        "collection": collection.name,
        "collection_path": str(paths.resolved(collection.path)),
        "collection_fingerprint": collection.fingerprint,
        "split": chosen.split,
        "text_rule": chosen.text_rule if what != "images" else None,
        "texts": "case and white space folded; identical texts are one item",
    }
    blocks = embed_items(predictor, items, progress)
    return Bank.write(folder, blocks, _Labelled(items), meta, lambda: {"warnings": [*predictor.warnings]})


@dataclass(frozen=True)
class _Labelled:
    """The items' table with one nullable column of states per observation."""

    items: Items

    def __len__(self) -> int:
        return len(self.items)

    def frames(self) -> Iterator[pd.DataFrame]:
        """The table in parts."""
        columns = [LABEL_PREFIX + name for name in self.items.observations]
        for frame, states in self.items.blocks():
            if states is None:
                yield frame
                continue
            own = pd.DataFrame(states, columns=columns)
            blank = pd.DataFrame(states == NOT_MENTIONED, columns=columns)
            yield pd.concat([frame, own.astype("Int8").mask(blank)], axis=1)


def _labels(
    predictor: Predictor, collection: Collection, what: ItemKind, split: str | None, progress: Progress
) -> Labels | None:
    try:
        learned = predictor.config.training_facts
        return Labels([collection], (what,), (split,), None, learned.label_origin, learned.observations)
    except DataError as error:  # a bank without labels can still be searched
        progress.log(f"a bank without labels: {error}")
        return None


def as_matrix(blocks: Iterator[Vectors], count: int) -> Vectors:
    """All blocks as one matrix (N, D), N = `count`, in an anonymous temporary file instead of memory."""
    filled, matrix = 0, np.empty((0, 0), dtype=np.float32)
    with tempfile.TemporaryFile(prefix="plainfilm-") as file:
        for block in blocks:
            if not filled:
                matrix = np.memmap(file, np.float32, "w+", shape=(count, block.shape[1]))
            matrix[filled : filled + len(block)] = block
            filled += len(block)
            release(matrix)
    return matrix
