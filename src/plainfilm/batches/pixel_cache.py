"""A disk cache of decoded images as 8-bit pixels, which training maps into memory.

Decoding dominates loading, and every epoch would decode the same files. The cache holds each image of a
collection once, at the size of `data.cache`, in one flat file:

    <folder>/pixels-<shortest side>-<digest>.u8

The position of each image follows from the collection's table of images, so the file needs no index; the
CRC-32 of each image stands behind the last one and is compared whenever the image is read. Its name has a
digest of all stored images: the cache is rebuilt if images change, and kept if labels change. Building is
parallel and ends in one atomic rename: an existing cache is complete.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zlib
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, repeat
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plainfilm.collection import Collection
from plainfilm.errors import CollectionError, DataError, ImageError
from plainfilm.io.files import replacing, sha256_of, sweep
from plainfilm.io.images import read_image
from plainfilm.io.raster_images import reduced_size
from plainfilm.progress import SILENT, Progress

Film = NDArray[np.uint8]

_SPARE_BYTES = 64 << 20
"""Space left free on the cache's disk."""

_CHECKSUM_BYTES = 4
"""Bytes of a CRC-32."""

_BLOCK = 32
"""Images that a thread decodes in one task."""


class PixelSource(Protocol):
    """Provides the pixels of a row of a collection's `images` table."""

    def shape(self, row: int) -> tuple[int, int]:
        """(H, W) of the film, without decoding it."""
        ...

    def film(self, row: int) -> Film:
        """(H, W) uint8, read only."""
        ...


class ImageFiles:
    """Decodes the stored file at every request, with `shortest_side` to the size that a cache would hold."""

    def __init__(self, collection: Collection, shortest_side: int | None = None) -> None:
        collection.require_pixels()
        self._collection = collection
        images = collection.table("images")
        self._paths, self._digests = (images[name].combine_chunks() for name in ("path", "sha256"))
        self._shortest_side = shortest_side
        self._shapes = cache_shapes(collection, shortest_side)

    def shape(self, row: int) -> tuple[int, int]:
        """(H, W) of the film of a row of `images`."""
        return int(self._shapes[row, 0]), int(self._shapes[row, 1])

    def film(self, row: int) -> Film:
        """The image of a row of `images`.

        Raises:
            CollectionError: the file is missing or damaged.
        """
        path = self._collection.image_path(self._paths[row].as_py())
        try:
            if sha256_of(path) != self._digests[row].as_py():
                raise ImageError(f"{path}: is damaged, or was changed by hand (its SHA-256 differs)")
            film = read_image(path, shortest_side=self._shortest_side).array
            return film if self._shortest_side is None else _exactly(film, *self.shape(row))
        except (ImageError, OSError) as error:
            raise CollectionError(f"{error}; prepare the collection again or remove the image") from None


class PixelCache:
    """A built cache, mapped into memory."""

    def __init__(self, file: Path, shapes: NDArray[np.int64]) -> None:
        self._file = file
        self._shapes = shapes
        self._ends = np.cumsum(shapes.prod(axis=1))
        self._pixels, self._checksums = _mapped(file, int(self._ends[-1]), len(shapes), "r")

    def shape(self, row: int) -> tuple[int, int]:
        """(H, W) of the film of a row of `images`."""
        return int(self._shapes[row, 0]), int(self._shapes[row, 1])

    def film(self, row: int) -> Film:
        """The image of a row of `images`, read only.

        Raises:
            DataError: the cache is damaged.
        """
        height, width = self._shapes[row]
        stop = int(self._ends[row])
        film = np.asarray(self._pixels[stop - height * width : stop])
        if zlib.crc32(film.data) != self._checksums[row]:
            raise DataError(f"{self._file}: is damaged (a CRC-32 differs); remove it, and it is built again")
        return film.reshape(height, width)


def _mapped(file: Path, pixels: int, films: int, mode: Literal["r", "r+"]) -> tuple[np.memmap, np.memmap]:
    """The pixels of all films and the checksum of each."""
    checksums = np.memmap(file, dtype="<u4", mode=mode, offset=pixels, shape=(films,))
    return np.memmap(file, dtype=np.uint8, mode=mode, shape=(pixels,)), checksums


def cache_shapes(collection: Collection, size: int | None) -> NDArray[np.int64]:
    """(N, 2) height and width of every film when its shortest side is reduced to `size`; smaller films, and
    all films if `size` is `None`, keep their stored size."""
    images = collection.table("images")
    stored = zip(images["width"].to_pylist(), images["height"].to_pylist(), strict=True)
    reduced = [shape if size is None else reduced_size(shape, size) for shape in stored]
    return np.array(reduced, dtype=np.int64).reshape(-1, 2)[:, ::-1]


def open_or_build(
    collection: Collection,
    size: int,
    folders: Sequence[Path],
    *,
    workers: int = 1,
    progress: Progress = SILENT,
) -> PixelSource:
    """The cache of `collection` at `size`, in the first of `folders` that has it or has room for it.

    Raises:
        DataError: no folder is writable and has room. CollectionError: an image does not decode.
    """
    collection.require_pixels()
    shapes = cache_shapes(collection, size)
    total = _bytes(shapes)
    if total == 0:
        return ImageFiles(collection, size)
    files = _files(collection, size, folders)
    for file in files:
        if file.is_file() and file.stat().st_size == total:
            return PixelCache(file, shapes)
    free = next((file for file in files if can_take(file.parent, total)), None)
    if free is None:
        raise DataError(
            f"no room for {total / 1e6:.0f} MB of decoded pixels in {' or '.join(map(str, folders))}: "
            "free some space, or train with data.cache=null"
        )
    _build(collection, size, shapes, free, workers, progress)
    return PixelCache(free, shapes)


def open_or_decode(collection: Collection, size: int, folders: Sequence[Path]) -> PixelSource:
    """The cache of `collection` at `size` if one of `folders` has it, otherwise the stored files, decoded at
    every request: for films that are read once."""
    collection.require_pixels()
    shapes = cache_shapes(collection, size)
    total = _bytes(shapes)
    for file in _files(collection, size, folders):
        if total and file.is_file() and file.stat().st_size == total:
            return PixelCache(file, shapes)
    return ImageFiles(collection, size)


def _bytes(shapes: NDArray[np.int64]) -> int:
    """The size of a cache."""
    return int(shapes.prod(axis=1).sum()) + _CHECKSUM_BYTES * len(shapes)


def _files(collection: Collection, size: int, folders: Sequence[Path]) -> list[Path]:
    return [folder / f"pixels-{size}-{_digest(collection)}.u8" for folder in folders]


def _digest(collection: Collection) -> str:
    films = "".join(collection.table("images")["sha256"].to_pylist())
    return hashlib.blake2b(films.encode(), digest_size=8).hexdigest()


def can_take(folder: Path, total: int) -> bool:
    """Whether `folder` can be written to and has room for `total` bytes."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return shutil.disk_usage(folder).free > total + _SPARE_BYTES
    except OSError:
        return False


def _build(
    collection: Collection,
    size: int,
    shapes: NDArray[np.int64],
    file: Path,
    workers: int,
    progress: Progress,
) -> None:
    sweep(file)
    source = ImageFiles(collection, size)
    ends = np.cumsum(shapes.prod(axis=1))
    with replacing(file) as temporary:
        reserve(temporary, _bytes(shapes))
        pixels, checksums = _mapped(temporary, int(ends[-1]), len(shapes), "r+")

        def store(rows: range) -> range:
            for row in rows:
                film = source.film(row)
                pixels[int(ends[row]) - film.size : int(ends[row])] = film.reshape(-1)
                checksums[row] = zlib.crc32(np.ascontiguousarray(film).data)
            return rows

        blocks = (range(start, min(start + _BLOCK, len(shapes))) for start in range(0, len(shapes), _BLOCK))
        pool = ThreadPoolExecutor(max_workers=max(1, workers))
        try:
            stored = chain.from_iterable(pool.map(store, blocks))
            deque(progress.track(stored, len(shapes), f"decoding {collection.name}"), maxlen=0)
        finally:
            pool.shutdown(cancel_futures=True)
        pixels.flush()
        checksums.flush()


def reserve(file: Path, size: int) -> None:
    """Allocate the space of an empty file: writing to a memory map of a sparse file on a full disk kills the
    process."""
    with file.open("r+b") as opened:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(opened.fileno(), 0, size)
        else:  # macOS and Windows
            deque(map(opened.write, repeat(bytes(1 << 20), -(-size >> 20))), maxlen=0)
            opened.truncate(size)


def _exactly(film: Film, height: int, width: int) -> Film:
    """`film` at the shape of its row in the table."""
    if film.shape == (height, width):
        return film
    return np.asarray(Image.fromarray(film).resize((width, height), Image.Resampling.BOX))
