"""Finds duplicate images and reports in one or several collections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plainfilm.collection.collection import Collection
from plainfilm.collection.near_duplicates import near_duplicate_pairs
from plainfilm.io.area_resize import area_mean
from plainfilm.io.images import read_image

EXAMPLES = 5
"""Largest number of ids in an entry; its `n` is the total."""

SAME_FILM = 0.97
"""Correlation of two images' grey values, both reduced to 64 x 64, from which the images count as the same.

On 869 real images, copies at two thirds of the size, at JPEG quality 40, 15 % brighter or at gamma 0.8 have
at least 0.98, any images of two patients at most 0.95.
"""

SHORT_REPORT = 40
"""Words of a report up to which several patients may have the same: normal chests are described alike."""

IMAGE, NEAR_DUPLICATE, REPORT = "image", "near-duplicate image", "report"
"""The kinds of what repeats."""

_COMPARED = 10_000
"""Number of candidates that are compared by pixels; further ones are reported by their hashes."""
_SIDE = 64

Entry = dict[str, Any]


def repeated(rows: pd.DataFrame, key: str, kind: str, name: str) -> Iterator[Entry]:
    """An entry for every group of `rows` with the same `key`, the largest first; `name` is the column of ids.

    The entry does not repeat the key. Rows of reports have their number of `words`.
    """
    known = rows[rows[key].notna()]
    alike = known[known.duplicated(key, keep=False)]
    groups = sorted(alike.groupby(key, sort=False), key=lambda group: -len(group[1]))
    for _, group in groups:
        words = int(group["words"].iloc[0]) if kind == REPORT else None
        yield _entry(group, kind, name, words)


def _entry(group: pd.DataFrame, kind: str, name: str, words: int | None = None) -> Entry:
    patients = len(group[["corpus", "patient_id"]].drop_duplicates())
    repeat, is_expected = _repeat(kind, patients, words)
    entry: Entry = {
        "kind": kind,
        "repeat": repeat,
        "expected": is_expected,
        "n": len(group),
        "patients": patients,
        **({} if words is None else {"words": words}),
        "splits": sorted(group["split"].unique()),
        "collections": sorted(group["collection"].unique()),
        "ids": group[name].head(EXAMPLES).tolist(),
    }
    if name == "image_id":
        entry["images"] = group[["collection", "image_id"]].head(EXAMPLES).to_numpy().tolist()
    return entry


def _repeat(kind: str, patients: int, words: int | None) -> tuple[str, bool]:
    """What kind of repeat it is, and whether it is usual in sound data."""
    if words is None:
        what = "the same file" if kind == IMAGE else "copies of one film, resized or recompressed"
        return f"{what}, under {'one patient' if patients == 1 else f'{patients} patients'}", False
    if patients == 1:
        return "the same report for several studies of one patient", False
    if words <= SHORT_REPORT:
        return "the same short text in reports of several patients", True
    return "the same long report for several patients", False


def near_duplicates(images: pd.DataFrame, collections: Mapping[str, Collection]) -> Iterator[Entry]:
    """An entry for every group of images with the same content but different bytes, the largest first.

    `images` are rows of the table of images with `collection`, `corpus`, `patient_id` and `split`. Resized,
    recompressed or brightened copies are found, cropped ones are not; candidates by hash are compared by
    pixels.
    """
    films = images[images["perceptual_hash"].notna()].drop_duplicates("sha256").reset_index(drop=True)
    pairs = _confirmed(near_duplicate_pairs(films["perceptual_hash"].tolist()), films, collections)
    groups = films.groupby(_groups(pairs, len(films)))
    for group in sorted((group for _, group in groups if len(group) > 1), key=lambda group: -len(group)):
        yield _entry(group, NEAR_DUPLICATE, "image_id")


def _confirmed(
    pairs: NDArray[np.int32], films: pd.DataFrame, collections: Mapping[str, Collection]
) -> NDArray[np.int32]:
    """The pairs confirmed by their pixels, and those beyond the number that is compared."""
    reduced: dict[int, NDArray[np.float64]] = {}

    def grey(row: int) -> NDArray[np.float64]:
        if row not in reduced:
            reduced[row] = _grey(films.iloc[row], collections)
        return reduced[row]

    kept = [bool(np.mean(grey(one) * grey(other)) >= SAME_FILM) for one, other, _ in pairs[:_COMPARED]]
    return pairs[np.array([*kept, *[True] * max(0, len(pairs) - _COMPARED)], dtype=bool)]


def _grey(film: pd.Series, collections: Mapping[str, Collection]) -> NDArray[np.float64]:
    """An image's 64 x 64 grey values with mean 0 and standard deviation 1."""
    array = read_image(collections[film["collection"]].image_path(film["path"])).array
    small = np.kron(array, np.ones((-(-_SIDE // array.shape[0]), -(-_SIDE // array.shape[1])), np.uint8))
    values = area_mean(small, _SIDE, _SIDE).astype(np.float64)
    return (values - values.mean()) / (values.std() or 1.0)


def _groups(pairs: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    """For each of `count` images, the first image connected to it by a chain of pairs."""
    first = np.arange(count)

    def root(film: int) -> int:
        while first[film] != film:
            first[film] = first[first[film]]
            film = first[film]
        return film

    for one, other, _ in pairs:
        low, high = sorted((root(one), root(other)))
        first[high] = low
    return np.array([root(film) for film in range(count)]) if len(pairs) else first


def by_name(collections: Sequence[Collection]) -> dict[str, Collection]:
    """Collections by their names."""
    return {collection.name: collection for collection in collections}
