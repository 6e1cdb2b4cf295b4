"""Items on demand: the pixels and texts of one row, drawn for one epoch or fixed for evaluation.

What an item looks like depends on the seed, the epoch and its index, and on nothing else: not on which
thread makes it, in which order, or how many processes share the work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plainfilm.batches.batch import Needs
from plainfilm.batches.pixel_cache import PixelSource
from plainfilm.batches.rows import DataConfig, Rows
from plainfilm.batches.transforms import augment, fit
from plainfilm.collection import Collection
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.seeding import generator


@dataclass(frozen=True)
class Item:
    """pixels: (V, S, S) uint8. texts: T strings. study: the study's hash. item_id: for messages."""

    pixels: NDArray[np.uint8]
    texts: tuple[str, ...]
    study: int
    item_id: str


class Dataset:
    """The items of `rows`.

    With a `seed`, items are drawn anew every epoch (random crops, sampled sentences); without one they
    are fixed: `transforms.fit`, the first views, and the whole text or its first `config.sentences`.
    """

    def __init__(
        self,
        rows: Rows,
        collections: Sequence[Collection],
        pixels: Sequence[PixelSource],
        config: DataConfig,
        preprocessing: Preprocessing,
        *,
        needs: Needs | None = None,
        seed: int | None = None,
    ) -> None:
        self.rows = rows
        self._pixels = tuple(pixels)
        self._sentences = [c.table("sentences")["text"].combine_chunks() for c in collections]
        self._config = config
        self._preprocessing = preprocessing
        self._needs = needs or Needs()
        self._seed = seed

    def __len__(self) -> int:
        return len(self.rows)

    def item(self, index: int, epoch: int) -> Item:
        """Item `index` as it is in `epoch`."""
        source = int(self.rows.source[index])
        images, sentences = self.rows.images_of(index), self.rows.sentences_of(index)
        if self._seed is None:
            films = [self._fixed(source, row) for row in self._first(images, self._needs.views)]
            texts = [self._text(source, sentences[: self._config.sentences])] * self._needs.texts
        else:
            rng = generator(self._seed, "item", epoch, index)
            texts = [self._drawn_text(source, sentences, rng) for _ in range(self._needs.texts)]
            chosen = self._first(rng.permutation(images), self._needs.views)
            films = [self._augmented(source, row, rng) for row in chosen]
        study = int(self.rows.study_keys[index])
        return Item(np.stack(films), tuple(texts), study, self.rows.ids[index])

    def texts(self) -> Iterator[str]:
        """Every sentence of every item, for training a tokenizer."""
        for index in range(len(self)):
            column = self._sentences[int(self.rows.source[index])]
            yield from (column[int(row)].as_py() for row in self.rows.sentences_of(index))

    def _first(self, images: NDArray[np.int64], count: int) -> NDArray[np.int64]:
        """`count` images; those of a study with fewer are repeated."""
        return np.resize(images, count)

    def _fixed(self, source: int, row: int) -> NDArray[np.uint8]:
        return fit(self._pixels[source].film(int(row)), self._preprocessing)

    def _augmented(self, source: int, row: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        return augment(
            self._pixels[source].film(int(row)),
            rng,
            self._preprocessing.size,
            self._config.crop_area,
            rotation=self._config.rotation,
            brightness=self._config.brightness,
            pad=self._preprocessing.fit == "pad",
        )

    def _drawn_text(self, source: int, rows: NDArray[np.int64], rng: np.random.Generator) -> str:
        if self._config.sentences is None:
            return self._text(source, rows)
        return self._text(source, rng.permutation(rows)[: self._config.sentences])

    def _text(self, source: int, rows: NDArray[np.int64]) -> str:
        column = self._sentences[source]
        return " ".join(column[int(row)].as_py() for row in rows)
