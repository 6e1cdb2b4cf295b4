"""What a frozen image encoder makes of films, kept on disk and mapped into memory in place of pixels.

One file for each collection, encoder and preprocessing:

    <folder>/features-<digest>.npy      a record for each film: `pooled`, `patches` and their `crc32`

Its name holds digests of the films, in order, and of all that decides the numbers; building ends in one
atomic rename, so a file that exists is whole. A film takes 4 bytes (2 in bfloat16) for each of F pooled
features and P·F' of patches: 8 KB for a ResNet-50 without patches, 0.4 MB with those of 224 px.
"""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from plainfilm.batches.pixel_cache import can_take, reserve
from plainfilm.errors import DataError
from plainfilm.io.files import replacing, sweep
from plainfilm.nn.base import ImageFeatures

_STORED = {torch.float32: "<f4", torch.float64: "<f8", torch.float16: "<f2", torch.bfloat16: "<u2"}
"""How each type is stored, bit by bit; numpy has no bfloat16."""

_TYPES = {np.dtype(stored): kind for kind, stored in _STORED.items()}


@dataclass(frozen=True)
class FilmFeatures:
    """pooled: (F, D). patches: (F, P, D'), P is 0 where they are not kept; of F films, as they are stored."""

    pooled: NDArray
    patches: NDArray

    def __len__(self) -> int:
        return len(self.pooled)


class FeatureCache:
    """A built cache; `films` (N,) are the rows of the collection's `images` that it holds, in order."""

    def __init__(self, file: Path, films: NDArray[np.int64]) -> None:
        self._file = file
        self._records = np.load(file, mmap_mode="r", allow_pickle=False)
        self._films = films

    def read(self, rows: Sequence[int]) -> FilmFeatures:
        """The features of films by their rows of `images`.

        Raises:
            DataError: a film that it does not hold, or the cache is damaged.
        """
        wanted = np.asarray(rows, dtype=np.int64)
        places = np.searchsorted(self._films, wanted)
        if len(self._films) == 0 or (self._films[places.clip(max=len(self._films) - 1)] != wanted).any():
            raise DataError(f"features of films {wanted.tolist()} are not kept: data.cache_features=false")
        records = self._records[places]
        if any(record["crc32"] != _checksum(record) for record in records):
            raise DataError(f"{self._file}: is damaged (a CRC-32 differs); remove it, and it is built again")
        return FilmFeatures(records["pooled"], records["patches"])


def as_tensors(films: Sequence[FilmFeatures]) -> ImageFeatures:
    """The features of films one after another, as tensors of the type they were made in."""
    return ImageFeatures(
        _tensor([one.pooled for one in films]),
        _tensor([one.patches for one in films]),
    )


def _tensor(parts: Sequence[NDArray]) -> Tensor:
    joined = np.ascontiguousarray(np.concatenate(parts))
    return torch.from_numpy(joined).view(_TYPES[joined.dtype])


def digest_of(films: Iterable[str], *facts: object) -> str:
    """What names a cache: the digests of its films, in order, and all else that decides the numbers."""
    found = hashlib.blake2b(digest_size=12, person=b"with crc32")
    for part in (*map(str, facts), "films", *films):
        found.update(part.encode() + b"\0")
    return found.hexdigest()


Encode = Callable[[NDArray[np.int64]], ImageFeatures]
"""Makes the features of films, by their rows of `images`."""


def open_cache(digest: str, films: NDArray[np.int64], folders: Sequence[Path]) -> FeatureCache | None:
    """The cache named `digest` in the first of `folders` that has it."""
    found = (file for file in _files(digest, folders) if file.is_file())
    return next((FeatureCache(file, films) for file in found), None)


def build_cache(
    digest: str,
    films: NDArray[np.int64],
    folders: Sequence[Path],
    example: ImageFeatures,
    blocks: Iterable[tuple[slice, ImageFeatures]],
) -> FeatureCache:
    """Builds the cache in the first of `folders` that can take it; `example` are features of one film or
    more, `blocks` those of all films and which of them they are.

    Raises:
        DataError: no folder can be written to or has room.
    """
    kind = _record(example)
    total = kind.itemsize * len(films)
    free = next((file for file in _files(digest, folders) if can_take(file.parent, total)), None)
    if free is None:
        raise DataError(
            f"no room for {total / 1e6:.0f} MB of features of {len(films)} films in "
            f"{' or '.join(map(str, folders))}: free some, or train with data.cache_features=false"
        )
    sweep(free)
    with replacing(free) as temporary:
        header = _header(kind, len(films))
        reserve(temporary, len(header) + total)
        with temporary.open("r+b") as opened:
            opened.write(header)
        records = np.load(temporary, mmap_mode="r+", allow_pickle=False)
        for place, features in blocks:
            records["pooled"][place] = _stored(features.pooled)
            records["patches"][place] = _stored(features.patches)
            records["crc32"][place] = [_checksum(record) for record in records[place]]
        records.flush()
    return FeatureCache(free, films)


def _files(digest: str, folders: Sequence[Path]) -> list[Path]:
    return [folder / f"features-{digest}.npy" for folder in folders]


def _record(example: ImageFeatures) -> np.dtype:
    fields = (("pooled", example.pooled), ("patches", example.patches))
    stored = [(name, _STORED[value.dtype], tuple(value.shape[1:])) for name, value in fields]
    return np.dtype([*stored, ("crc32", "<u4")])


def _checksum(record: np.void) -> int:
    return zlib.crc32(record["patches"].tobytes(), zlib.crc32(record["pooled"].tobytes()))


def _header(kind: np.dtype, films: int) -> bytes:
    written = io.BytesIO()
    described = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": (films,)}
    np.lib.format.write_array_header_2_0(written, described)
    return written.getvalue()


def _stored(values: Tensor) -> NDArray:
    """The bits of `values` in the type they are stored in."""
    kind = np.dtype(_STORED[values.dtype])
    plain = values.detach().cpu().contiguous()
    if values.dtype == torch.bfloat16:
        plain = plain.view(torch.uint16)
    return plain.numpy().astype(kind, copy=False)
