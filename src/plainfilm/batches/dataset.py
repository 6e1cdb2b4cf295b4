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
from plainfilm.batches.feature_cache import FeatureCache, FilmFeatures
from plainfilm.batches.pixel_cache import Film, PixelSource
from plainfilm.batches.resampling import Square
from plainfilm.batches.resizing import fixed_geometry, resize_to
from plainfilm.batches.rows import Rows
from plainfilm.batches.targets.base import (
    ItemFilms,
    TargetReader,
    TargetSource,
    target,
    texts_of,
    tokenizers_of,
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
    """pixels: (F, S, S) of F films, grey 0 to 255, or `None` if their cached `features` are used.
    projections: an index into `VIEWS` for each film. values: the values of each target. study: the hash of
    the study. item_id: for messages."""

    pixels: Square | None
    projections: tuple[int, ...]
    values: Mapping[str, Any]
    study: int
    item_id: str
    features: FilmFeatures | None = None


@dataclass(frozen=True)
class ItemNeeds:
    """The needs of an objective for every item: images and targets."""

    films: FilmsPerItem = "one"
    targets: tuple[str, ...] = ()


class Dataset:
    """The items of `rows`.

    With a `seed`, items are drawn anew every epoch (random films of the study, crops, sentences, prompts).
    Without one they are fixed: films in their order, resized by `resizing.resize_to`, the whole text or its
    first `config.sentences`, and prompts chosen by the item's id. Without `config.augment` the images are
    always those of evaluation. With `features`, a cache for each collection, items have features in place of
    pixels.
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
        features: Sequence[FeatureCache] | None = None,
    ) -> None:
        self.rows = rows
        self.config = config
        self._collections = tuple(collections)
        self._pixels = tuple(pixels)
        self._views = [_codes(collection) for collection in collections]
        self._preprocessing = preprocessing
        self._seed = seed
        self._features = features

    def reading(
        self, pixels: Sequence[PixelSource], features: Sequence[FeatureCache] | None = None
    ) -> Dataset:
        """The same items from other `pixels`, or with `features` in their place."""
        facts = (self.rows, self._collections, pixels, self.config, self._preprocessing)
        return Dataset(*facts, seed=self._seed, features=features)

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
        squares, geometries = self._films(source, chosen, rng)
        shown = ItemFilms(tuple(int(row) for row in chosen), geometries)
        return Item(
            pixels=squares,
            features=None if self._features is None else self._features[source].read(shown.rows),
            projections=tuple(int(self._views[source][row]) for row in chosen),
            values={name: reader.move(values[name], shown) for name, reader in readers.items()},
            study=int(self.rows.study_keys[place]),
            item_id=self.rows.ids[place],
        )

    def texts(self, needs: ItemNeeds, tokenizer: str) -> Iterator[str]:
        """All texts that the targets of an objective may read with a tokenizer, for training it."""
        for name in needs.targets:
            if tokenizer in tokenizers_of(name):
                yield from texts_of(name, self._source({}))

    def _source(self, tokenizers: Mapping[str, Any]) -> TargetSource:
        return TargetSource(self.rows, self._collections, self.config, tokenizers, self.rows.observations)

    def _chosen(self, source: int, images: NDArray[np.int64], films: FilmsPerItem) -> NDArray[np.int64]:
        """The images of an item that are read: the first; two (an only image twice, for two crops); or at
        most `max_films`."""
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

    def _films(
        self, source: int, images: NDArray[np.int64], rng: np.random.Generator | None
    ) -> tuple[Square | None, tuple[Geometry, ...]]:
        """The squares of films, or `None` with cached features, and the geometry of each."""
        pixels = self._pixels[source]
        if rng is not None and self.config.augment:
            mirrored = self.config.flip > 0 and bool(rng.random() < self.config.flip)
            drawn = [self._drawn(pixels.film(int(row)), rng, mirrored) for row in images]
            return np.stack([square for square, _ in drawn]), tuple(geometry for _, geometry in drawn)
        shapes = [pixels.shape(int(row)) for row in images]
        geometries = tuple(fixed_geometry((width, height), self._preprocessing) for height, width in shapes)
        if self._features is not None:
            return None, geometries
        squares = [resize_to(pixels.film(int(row)), self._preprocessing) for row in images]
        return np.stack(squares), geometries

    def _drawn(self, film: Film, rng: np.random.Generator, mirrored: bool) -> tuple[Square, Geometry]:
        size = (film.shape[1], film.shape[0])
        geometry = draw_geometry(size, rng, self._preprocessing, self.config, mirrored=mirrored)
        return recolour(cut(film, geometry, self._preprocessing), rng, self.config), geometry


def _codes(collection: Collection) -> NDArray[np.int8]:
    views = collection.table("images")["view"].to_pylist()
    places = {str(view): place for place, view in enumerate(VIEWS)}
    return np.array([places[view] for view in views], dtype=np.int8)
