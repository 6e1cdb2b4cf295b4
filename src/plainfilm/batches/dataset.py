"""Loads items: the images and targets of a row, drawn for an epoch or fixed for evaluation.

An item depends on the seed, the epoch and its index only: not on the thread that makes it, the order, or the
number of processes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plainfilm.batches.batch import FilmsPerItem
from plainfilm.batches.data_config import DataConfig
from plainfilm.batches.pixel_cache import PixelSource
from plainfilm.batches.resampling import Square
from plainfilm.batches.resizing import input_geometry, resize_to
from plainfilm.batches.rows import Rows
from plainfilm.batches.targets.base import (
    ItemFilms,
    TargetReader,
    TargetSource,
    target,
    texts_of,
    tokenizer_of,
)
from plainfilm.batches.transforms import cut, draw_geometry, recolour
from plainfilm.collection import Collection
from plainfilm.geometry import Geometry
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.seeding import generator
from plainfilm.types import View

VIEWS = tuple(View)
"""The codes of projections are indices into this."""


@dataclass(frozen=True)
class Item:
    """pixels: (F, S, S) of F images, grey 0 to 255. projections: of each image, an index into `VIEWS`.
    values: the value of each target. study: the study's hash. item_id: for messages."""

    pixels: Square
    projections: tuple[int, ...]
    values: Mapping[str, Any]
    study: int
    item_id: str


@dataclass(frozen=True)
class ItemNeeds:
    """The needs of an objective for every item: images and targets."""

    films: FilmsPerItem = "one"
    targets: tuple[str, ...] = ()


class Dataset:
    """The items of `rows`.

    With a `seed`, items are drawn anew every epoch (random images of the study, crops, sentences, prompts);
    without one they are fixed: `resizing.resize_to`, the first images, the whole text or its first
    `config.sentences`, prompts determined by the item's id.
    """

    def __init__(
        self,
        rows: Rows,
        collections: Sequence[Collection],
        pixels: Sequence[PixelSource],
        config: DataConfig,
        preprocessing: Preprocessing,
        *,
        seed: int | None = None,
    ) -> None:
        self.rows = rows
        self.config = config
        self._collections = tuple(collections)
        self._pixels = tuple(pixels)
        self._views = [_codes(collection) for collection in collections]
        self._preprocessing = preprocessing
        self._seed = seed

    def __len__(self) -> int:
        return len(self.rows)

    def readers(self, needs: ItemNeeds, tokenizers: Mapping[str, Any]) -> dict[str, TargetReader]:
        """The readers of the targets of an objective."""
        source = self._source(tokenizers)
        return {name: target(name).open_target(source) for name in needs.targets}

    def item(
        self,
        index: int,
        epoch: int,
        readers: Mapping[str, TargetReader] | None = None,
        films: FilmsPerItem = "one",
    ) -> Item:
        """Item `index` in `epoch`; indices beyond the number of items start over with further draws."""
        place = index % len(self)
        rng = None if self._seed is None else generator(self._seed, "item", epoch, index)
        readers = readers or {}
        values = {name: reader.read(place, rng) for name, reader in readers.items()}
        source, images = int(self.rows.source[place]), self.rows.images_of(place)
        chosen = self._chosen(source, images if rng is None else rng.permutation(images), films)
        squares, geometries = self._squares(source, chosen, rng)
        shown = ItemFilms(tuple(int(row) for row in chosen), geometries)
        return Item(
            pixels=squares,
            projections=tuple(int(self._views[source][row]) for row in chosen),
            values={name: reader.move(values[name], shown) for name, reader in readers.items()},
            study=int(self.rows.study_keys[place]),
            item_id=self.rows.ids[place],
        )

    def texts(self, needs: ItemNeeds, tokenizer: str) -> Iterator[str]:
        """All texts that the targets of an objective may read with a tokenizer, for training it."""
        for name in needs.targets:
            if tokenizer_of(name) == tokenizer:
                yield from texts_of(name, self._source({}))

    def _source(self, tokenizers: Mapping[str, Any]) -> TargetSource:
        return TargetSource(self.rows, self._collections, self.config, tokenizers, self.rows.observations)

    def _chosen(self, source: int, images: NDArray[np.int64], films: FilmsPerItem) -> NDArray[np.int64]:
        """The images of an item that are used: the first; two, the second a further crop of a single image;
        or all that the configuration allows."""
        if films == "one":
            return images[:1]
        if films == "all":
            return images[: self.config.max_films]
        if self.config.pair_views == "frontal_lateral":
            images = self._paired(source, images)
        return np.resize(images, 2)

    def _paired(self, source: int, images: NDArray[np.int64]) -> NDArray[np.int64]:
        """`images` starting with the first frontal and the first lateral one, if there are both."""
        views = [VIEWS[self._views[source][row]] for row in images]
        frontal = next((place for place, view in enumerate(views) if view.is_frontal), None)
        lateral = next((place for place, view in enumerate(views) if view == View.LATERAL), None)
        if frontal is None or lateral is None:
            return images
        return np.concatenate([images[[frontal, lateral]], np.delete(images, [frontal, lateral])])

    def _squares(
        self, source: int, images: NDArray[np.int64], rng: np.random.Generator | None
    ) -> tuple[Square, tuple[Geometry, ...]]:
        mirrored = rng is not None and self.config.flip > 0 and bool(rng.random() < self.config.flip)
        squares: list[Square] = []
        geometries = []
        for row in images:
            film = self._pixels[source].film(int(row))
            size = (film.shape[1], film.shape[0])
            if rng is None:
                geometry = input_geometry(*size, self._preprocessing)
                square = resize_to(film, self._preprocessing)
            else:
                geometry = draw_geometry(size, rng, self._preprocessing, self.config, mirrored=mirrored)
                square = recolour(cut(film, geometry, self._preprocessing), rng, self.config)
            squares.append(square)
            geometries.append(geometry)
        return np.stack(squares), tuple(geometries)


def _codes(collection: Collection) -> NDArray[np.int8]:
    views = collection.table("images")["view"].to_pylist()
    places = {str(view): place for place, view in enumerate(VIEWS)}
    return np.array([places[view] for view in views], dtype=np.int8)
