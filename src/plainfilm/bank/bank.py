"""A bank: searchable vectors, and a table of the items they came from.

A bank is a folder:

    bank.json        format version, size, dimension, the model and collection it was made from, and the
                     SHA-256 of the other two (`io.manifest`)
    vectors.npy      (N, D) float32 unit vectors in C order, opened memory-mapped
    items.parquet    one row per vector, in the same order
    index.faiss      an approximate index, if one was made; `bank.json` says how much it finds

Replacing `bank.json` brings new vectors and items into force together: killed at any moment, the folder holds
the old bank or the new one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import Field

from plainfilm.bank.approximate import Index, IndexFacts, Kind, build_index, open_index
from plainfilm.bank.search import Indices, Vectors, search
from plainfilm.errors import DataError
from plainfilm.io.arrays import read_array
from plainfilm.io.json_records import Record, check_record
from plainfilm.io.locks import writing
from plainfilm.io.manifest import Change, Manifest
from plainfilm.io.tables import parquet_writer, read_parquet
from plainfilm.progress import SILENT, Progress

FORMAT_VERSION = 1
VERIFIED_BYTES = 256 << 20
"""Vectors up to this size are compared with their digest whenever a bank is opened (some tenths of a second),
larger ones by `plainfilm doctor BANK`."""

META, _VECTORS, _ITEMS, _INDEX = "bank.json", "vectors.npy", "items.parquet", "index.faiss"
_WAY_OUT = "embed again"
LABEL_PREFIX = "label:"
"""Columns of `items` with this prefix have an observation's state (see `types.State`), null if absent."""


class BankFacts(Record):
    """What `bank.json` must hold."""

    format_version: int
    size: int = Field(ge=0)
    dimension: int = Field(ge=0)
    kind: str | None = None
    model: str | None = None
    model_fingerprint: str | None = None
    index: IndexFacts | None = None


class ItemTable(Protocol):
    """A table of items that is not in memory as a whole."""

    def __len__(self) -> int: ...

    def frames(self) -> Iterator[pd.DataFrame]:
        """The table in parts, in its order."""
        ...


class Bank:
    """An opened bank. Opening reads `bank.json` only; vectors stay on disk, the table is read on demand."""

    def __init__(self, path: Path, meta: Mapping[str, Any], vectors: Vectors) -> None:
        self.path = path
        self.meta = dict(meta)
        self.vectors = vectors

    def __len__(self) -> int:
        return len(self.vectors)

    @cached_property
    def items(self) -> pd.DataFrame:
        """One row per vector: kind, item_id, study_id, patient_id, text, image, count and labels."""
        with self._manifest.open(_ITEMS) as source:
            table = read_parquet(self.path / _ITEMS, source=source, way_out=_WAY_OUT)
        frame = table.to_pandas()
        if len(frame) != len(self.vectors):
            raise DataError(f"{self.path}: {len(self.vectors)} vectors but {len(frame)} items; embed again")
        return frame

    def require_columns(self, names: Iterable[str]) -> None:
        """Check that the table of items has columns.

        Raises:
            DataError: one is missing.
        """
        for name in names:
            if name not in self.items.columns:
                raise DataError(f"{self.path / _ITEMS}: column '{name}' is missing; {_WAY_OUT}")

    @property
    def _manifest(self) -> Manifest:
        return Manifest(self.path / META, self.meta, _WAY_OUT)

    def damage(self) -> Iterator[str]:
        """What is missing from the bank or differs from what was written, one line each; reads it all."""
        return self._manifest.damage()

    def labels(self, index: int) -> dict[str, int]:
        """The states of one item by observation, without absent ones."""
        row = self.items.iloc[index]
        states = {name: row[name] for name in self.items.columns if name.startswith(LABEL_PREFIX)}
        return {name.removeprefix(LABEL_PREFIX): int(s) for name, s in states.items() if not pd.isna(s)}

    def search(self, queries: Vectors, k: int) -> tuple[Vectors, Indices]:
        """Scores and indices (Q, min(k, N)), best first: exact (`bank.search.search`), or, with an index, of
        the candidates that it finds (index -1 where it finds fewer).

        Raises:
            DataError: the queries have another dimension than the bank.
        """
        vectors = self.checked_for(queries)
        return search(vectors, queries, k) if self.index is None else self.index.search(queries, k)

    @property
    def index_facts(self) -> IndexFacts | None:
        """What is known of the bank's index, if it has one."""
        stated = self.meta.get("index")
        return None if stated is None else IndexFacts(**stated)

    @cached_property
    def index(self) -> Index | None:
        """The approximate index, mapped from disk, if the bank has one.

        Raises:
            DataError: it is damaged.
        """
        facts = self.index_facts
        if facts is None:
            return None
        place = self._manifest.place_of(_INDEX)
        try:
            if place.stat().st_size <= VERIFIED_BYTES:
                self._manifest.open(_INDEX).close()
            return open_index(place, self.vectors, facts)
        except (OSError, RuntimeError) as error:  # faiss' own has a trace of its source
            kind = type(error).__name__
            raise DataError(f"{place}: cannot be read ({kind}); {_WAY_OUT}") from None

    def with_index(self, kind: Kind, progress: Progress = SILENT) -> Bank:
        """The bank with an approximate index; see `approximate.build_index`.

        Raises:
            UsageError: the bank is too small for one, or another process is writing it.
        """
        with writing(self.path):
            change = Change(self.path, META)
            with change.writing(_INDEX) as temporary:
                facts = build_index(self.vectors, kind, temporary, progress)
            change.commit({**self.meta, "index": facts.model_dump()}, self._manifest.files)
        return Bank.open(self.path)

    def checked_for(self, queries: Vectors) -> Vectors:
        """The vectors of the bank, checked to have the dimension of `queries` (Q, D).

        Raises:
            DataError: the dimensions differ.
        """
        if queries.shape[1] != self.vectors.shape[1]:
            raise DataError(
                f"{self.path}: holds vectors of {self.vectors.shape[1]} numbers, but the query has "
                f"{queries.shape[1]}; embed the collection again with this model"
            )
        return self.vectors

    @staticmethod
    def write(
        folder: Path | str,
        vectors: Vectors | Iterable[Vectors],
        items: pd.DataFrame | ItemTable,
        meta: Mapping[str, Any],
        after: Callable[[], Mapping[str, Any]] = dict,
    ) -> Bank:
        """Write a bank as a stream: `vectors` is (N, D), or blocks (n, D) with one vector per item in total.

        `after` adds to `meta` what is known when all vectors are written.

        Raises:
            DataError: the numbers of vectors and items differ, or a vector is not finite.
            UsageError: another process is writing there.
        """
        folder = Path(folder)
        blocks = iter([vectors] if isinstance(vectors, np.ndarray) else vectors)
        with writing(folder):
            change = Change(folder, META)
            with change.writing(_VECTORS) as temporary:
                dimension = _write_vectors(temporary, folder / _VECTORS, blocks, len(items))
            with change.writing(_ITEMS) as temporary:
                _write_items(temporary, [items] if isinstance(items, pd.DataFrame) else items.frames())
            head = {"format_version": FORMAT_VERSION, "size": len(items), "dimension": dimension}
            change.commit({**head, **meta, **after()})
            (folder / _INDEX).unlink(missing_ok=True)  # of other vectors
        return Bank.open(folder)

    @staticmethod
    def open(folder: Path | str) -> Bank:
        """Open the bank in `folder`.

        Raises:
            DataError: the folder is no bank, has another format version, or its vectors are damaged.
        """
        folder = Path(folder)
        if not (folder / META).is_file():
            raise DataError(f"{folder}: not a bank (no {META}); make one with `plainfilm embed`")
        manifest = Manifest.read(folder / META, _WAY_OUT, check=partial(_check_version, folder))
        path = manifest.place_of(_VECTORS)
        try:
            if path.stat().st_size <= VERIFIED_BYTES:
                manifest.open(_VECTORS).close()
            vectors = read_array(path, np.float32, 2)
        except OSError as error:
            raise DataError(f"{folder / _VECTORS}: cannot be read ({error}); {_WAY_OUT}") from None
        if vectors.shape != (manifest.values["size"], manifest.values["dimension"]):
            raise DataError(f"{folder}: {META} and {_VECTORS} disagree on the size; {_WAY_OUT}")
        return Bank(folder, manifest.values, vectors)


def _check_version(folder: Path, meta: Mapping[str, Any]) -> None:
    version = meta.get("format_version")
    if version != FORMAT_VERSION:
        raise DataError(
            f"{folder / META}: bank format {version}, but this Plainfilm reads {FORMAT_VERSION}; {_WAY_OUT}"
        )
    check_record(meta, BankFacts, folder / META)


def _write_items(file: Path, frames: Iterable[pd.DataFrame]) -> None:
    """Write the table of items; all parts have the columns and types of the first."""
    parts = (pa.Table.from_pandas(frame, preserve_index=False) for frame in frames)
    first = next(parts, pa.table({}))
    with parquet_writer(file, first.schema) as writer:
        for part in chain([first], parts):
            writer.write_table(part.cast(first.schema))


def _write_vectors(file: Path, shown: Path, blocks: Iterable[Vectors], count: int) -> int:
    """Write the vectors to `file`; errors speak of `shown`. Return their dimension."""
    filled, dimension = 0, -1
    with file.open("wb") as stream:
        for block in blocks:
            if dimension < 0:
                dimension = block.shape[1]
                _begin_array(stream, count, dimension)
            _check_block(shown, block, filled, count)
            stream.write(np.ascontiguousarray(block, dtype=np.float32).tobytes())
            filled += len(block)
        if filled != count:
            raise DataError(f"{shown}: {filled} vectors for {count} items; nothing was written")
        if dimension < 0:
            dimension = 0
            _begin_array(stream, 0, dimension)
    return dimension


def _begin_array(stream: BinaryIO, count: int, dimension: int) -> None:
    """Write the header of an array (N, D); its values follow, and are never mapped into memory."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (count, dimension)}
    np.lib.format.write_array_header_1_0(stream, header)


def _check_block(path: Path, block: Vectors, filled: int, count: int) -> None:
    if filled + len(block) > count:
        raise DataError(f"{path}: more vectors than the {count} items; nothing was written")
    broken = np.flatnonzero(~np.isfinite(block).all(axis=1))
    if len(broken):
        row = filled + int(broken[0])
        raise DataError(f"{path}: vector {row} is not finite; the model is broken, train or load another")
