"""Items on demand: the pixels, texts and labels of one row, drawn for one epoch or fixed for evaluation.

What an item looks like depends on the seed, the epoch and its index, and on nothing else: not on which
thread makes it, in which order, or how many processes share the work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from plainfilm.batches.batch import Needs
from plainfilm.batches.labels import States
from plainfilm.batches.pixel_cache import PixelSource
from plainfilm.batches.resampling import Square
from plainfilm.batches.resizing import resize_to
from plainfilm.batches.rows import DataConfig, Rows
from plainfilm.batches.texts import Texts
from plainfilm.batches.transforms import augment
from plainfilm.collection import Collection
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.seeding import generator
from plainfilm.types import View


@dataclass(frozen=True)
class Item:
    """pixels: (V, S, S), grey 0 to 255. texts: T strings. study: the study's hash. item_id: for messages.
    labels: (O,) states as in `batches.labels`, none where the objective asks for none. said: see
    `Texts.said`."""

    pixels: Square
    texts: tuple[str, ...]
    study: int
    item_id: str
    labels: States = field(default_factory=lambda: np.zeros(0, dtype=np.int8))
    said: int = 0


class Dataset:
    """The items of `rows`.

    With a `seed`, items are drawn anew every epoch (random films of the study, crops, sentences, prompts);
    without one they are fixed: `resize_to`, the first views, the whole text or its first
    `config.sentences`, prompts that follow from the item's id.
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
        self._needs = needs or Needs()
        self._texts = Texts(rows, collections, config) if self._needs.texts else None
        self._views = [c.table("images")["view"].combine_chunks() for c in collections]
        self._config = config
        self._preprocessing = preprocessing
        self._seed = seed

    def __len__(self) -> int:
        return len(self.rows)

    def item(self, index: int, epoch: int) -> Item:
        """Item `index` as it is in `epoch`; beyond the number of items, another draw of an item in turn."""
        place = index % len(self)
        source, images = int(self.rows.source[place]), self.rows.images_of(place)
        views, count = self._needs.views, self._needs.texts
        if self._seed is None:
            films = [self._fixed(source, row) for row in self._first(source, images, views)]
            texts = self._texts.fixed(place, count) if self._texts else []
        else:
            rng = generator(self._seed, "item", epoch, index)
            texts = self._texts.drawn(place, count, rng) if self._texts else []
            chosen = self._first(source, rng.permutation(images), views)
            films = [self._augmented(source, row, rng) for row in chosen]
        study = int(self.rows.study_keys[place])
        labels = self.rows.states[place] if self._needs.labels else self.rows.states[place, :0]
        said = self._texts.said(place) if self._texts else 0
        return Item(np.stack(films), tuple(texts), study, self.rows.ids[place], labels, said)

    def texts(self) -> Iterator[str]:
        """Every sentence of every item, for training a tokenizer."""
        return self._texts.everything() if self._texts else iter(())

    def _first(self, source: int, images: NDArray[np.int64], count: int) -> NDArray[np.int64]:
        """`count` images; those of a study with fewer are repeated."""
        if count > 1 and self._config.pair_views == "frontal_lateral":
            images = self._paired(source, images)
        return np.resize(images, count)

    def _paired(self, source: int, images: NDArray[np.int64]) -> NDArray[np.int64]:
        """`images` with the first frontal and the first lateral one in front, where there are both."""
        views = [View(self._views[source][int(row)].as_py()) for row in images]
        frontal = next((place for place, view in enumerate(views) if view.is_frontal), None)
        lateral = next((place for place, view in enumerate(views) if view == View.LATERAL), None)
        if frontal is None or lateral is None:
            return images
        return np.concatenate([images[[frontal, lateral]], np.delete(images, [frontal, lateral])])

    def _fixed(self, source: int, row: int) -> Square:
        return resize_to(self._pixels[source].film(int(row)), self._preprocessing)

    def _augmented(self, source: int, row: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        return augment(
            self._pixels[source].film(int(row)),
            rng,
            self._preprocessing.size,
            self._config.crop_area,
            rotation=self._config.rotation,
            clahe=self._config.clahe,
            brightness=self._config.brightness,
            contrast=self._config.contrast,
            pad=self._preprocessing.fit == "pad",
        )
