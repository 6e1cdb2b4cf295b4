"""The items that a recipe trains and validates on, and where their pixels come from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plainfilm.batches.dataset import Dataset
from plainfilm.batches.pixel_cache import ImageFiles, PixelSource, open_or_build, open_or_decode
from plainfilm.batches.rows import Rows, build_rows
from plainfilm.collection.collection import Collection
from plainfilm.io.object_storage import stored
from plainfilm.progress import Progress
from plainfilm.training.recipe import Recipe


@dataclass(frozen=True)
class Data:
    """The items to train on, and those to validate on (`None` without a validation split).

    pixels: of each collection. films: (N,) of each collection, the rows of `images` that any item may show,
    also items that a fraction leaves out. cache: a folder for what is made of films, where the collection
    cannot take it.
    """

    train: Dataset
    validation: Dataset | None
    pixels: tuple[PixelSource, ...]
    films: tuple[NDArray[np.int64], ...]
    cache: Path

    @property
    def observations(self) -> tuple[str, ...]:
        """What the columns of the items' labels are, the same for both."""
        return self.train.rows.observations


def cache_folders(collection: Collection, cache: Path) -> tuple[Path, ...]:
    """Where what is made of the films of `collection` may be kept, the best place first; not in object
    storage, as it is mapped into memory."""
    own = (collection.path / "cache",) if stored(collection.path) is None else ()
    return *own, cache


def split_rows(recipe: Recipe, collections: Sequence[Collection]) -> dict[str, Rows]:
    """The items of the training split and, where there is one, of the validation split.

    Raises:
        DataError: there are none.
    """
    splits = {split for c in collections for split in c.table("studies")["split"].to_pylist()}
    splits &= {"train", "validation"}
    return {
        split: build_rows(collections, split, recipe.data, recipe.required)
        for split in sorted(splits | {"train"})
    }


def build_data(recipe: Recipe, collections: Sequence[Collection], cache: Path, progress: Progress) -> Data:
    """Both datasets; decodes the films into a cache where the recipe wants one. `cache`: see `Data`."""
    rows = split_rows(recipe, collections)
    if recipe.reads("labels"):
        observations = _observations(recipe, rows["train"])
        rows = {split: found.with_observations(observations) for split, found in rows.items()}
    films = tuple(
        np.unique(np.concatenate([found.films_of(number) for found in rows.values()]))
        for number in range(len(collections))
    )
    if recipe.data.fraction is not None and recipe.data.fraction < 1:
        rows["train"] = rows["train"].fraction(recipe.data.fraction, recipe.data.fraction_seed)
    for split, found in rows.items():
        progress.log(f"{split}: {_summary(found, recipe)}")
    pixels = tuple(_pixels(recipe, collection, cache, progress) for collection in collections)

    def dataset(split: str, seed: int | None) -> Dataset:
        config = recipe.data
        if seed is None:
            config = config.model_copy(update={"sentences": recipe.validation.sentences})
        return Dataset(rows[split], collections, pixels, config, recipe.preprocessing, seed=seed)

    validation = dataset("validation", None) if "validation" in rows else None
    return Data(dataset("train", recipe.seed), validation, pixels, films, cache)


def _observations(recipe: Recipe, rows: Rows) -> tuple[str, ...]:
    """What labels are asked for: those the recipe names, or all that are spoken of in training."""
    return recipe.data.observations or tuple(name for name in rows.observations if rows.mentions(name))


def _summary(found: Rows, recipe: Recipe) -> str:
    """The items of a split, what was left out, and observations without a positive."""
    reads_texts, reads_labels = recipe.reads("text"), recipe.reads("labels")
    made = f" ({found.from_labels} with texts made of labels)" if reads_texts and found.from_labels else ""
    left_out = [f"{found.without_text} without text"] if reads_texts else []
    left_out += [f"{found.without_labels} without labels"] if reads_labels else []
    left_out += [f"{found.without_image} without a film"]
    line = f"{len(found)} items{made}; studies left out: {', '.join(left_out)}"
    missing = [name for name, count in found.positives.items() if not count] if reads_labels else []
    return f"{line}; no positive of {', '.join(missing)}" if missing else line


def _pixels(recipe: Recipe, collection: Collection, cache: Path, progress: Progress) -> PixelSource:
    if recipe.keeps_features and recipe.data.cache is not None:  # each film is read once, if at all
        return open_or_decode(collection, recipe.data.cache, cache_folders(collection, cache))
    return decoded(recipe, collection, cache, progress)


def decoded(recipe: Recipe, collection: Collection, cache: Path, progress: Progress) -> PixelSource:
    """The pixels of `collection`, from a cache where the recipe wants one."""
    if recipe.data.cache is None:
        return ImageFiles(collection)
    folders, threads = cache_folders(collection, cache), os.cpu_count() or 1
    return open_or_build(collection, recipe.data.cache, folders, workers=threads, progress=progress)


def loading_threads(recipe: Recipe) -> int:
    """Loading threads of this process: half the processors shared out, at most 8."""
    if recipe.data.workers != "auto":
        return recipe.data.workers
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, min(8, (os.cpu_count() or 1) // (2 * here)))
