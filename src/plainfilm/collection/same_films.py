"""Decides which images are one film, by their pixels."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from plainfilm.collection.near_duplicates import Pairs
from plainfilm.io.area_resize import area_mean
from plainfilm.io.images import read_image

SAME_FILM = 0.97
"""Correlation of two images' grey values, both reduced to 64 x 64, from which the images count as the same.

On 869 real images, copies at two thirds of the size, at JPEG quality 40, 15 % brighter or at gamma 0.8 have
at least 0.98, any images of two patients at most 0.95.
"""

_COMPARED = 10_000
"""Number of candidates that are compared by pixels; further ones are reported by their hashes."""
_SIDE = 64
_KEPT = 4096
"""Reduced images that are kept for their next comparison: 16 MB."""

Ints = NDArray[np.int64]


def same_films(pairs: Pairs, files: Callable[[Ints], list[Path]]) -> Pairs:
    """The `pairs` (P, 3) confirmed by their pixels, and those beyond the number that is compared.

    `files` finds the files of images by their positions. Resized, recompressed or brightened copies are
    confirmed, cropped ones are not.
    """
    compared = np.unique(pairs[:_COMPARED, :2]).astype(np.int64)
    file_of = dict(zip(compared.tolist(), files(compared), strict=True))

    @lru_cache(_KEPT)
    def reduced(image: int) -> NDArray[np.uint8]:
        return _reduced(file_of[image])

    kept = np.ones(len(pairs), dtype=bool)
    for place, (one, other, _) in enumerate(pairs[:_COMPARED].tolist()):
        kept[place] = np.mean(_grey(reduced(one)) * _grey(reduced(other))) >= SAME_FILM
    return pairs[kept]


def _reduced(file: Path) -> NDArray[np.uint8]:
    """An image in 64 x 64."""
    array = read_image(file).array
    large = np.kron(array, np.ones((-(-_SIDE // array.shape[0]), -(-_SIDE // array.shape[1])), np.uint8))
    return area_mean(large, _SIDE, _SIDE)


def _grey(reduced: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Grey values with mean 0 and standard deviation 1."""
    values = reduced.astype(np.float64)
    return (values - values.mean()) / (values.std() or 1.0)


def connected(pairs: Pairs) -> list[Ints]:
    """The images that chains of `pairs` (P, 3) connect, in ascending order for each group; groups are in the
    order of their first images."""
    if not len(pairs):
        return []
    images, ends = np.unique(pairs[:, :2], return_inverse=True)
    ends = ends.reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(images), len(images)))
    _, components = connected_components(graph, directed=False)
    _, component = np.unique(components, return_index=True)
    order = np.argsort(component[components], kind="stable")
    starts = np.flatnonzero(np.diff(components[order])) + 1
    return np.split(images[order].astype(np.int64), starts)
