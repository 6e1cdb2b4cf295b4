"""A bank: searchable vectors, and a table of the items they came from.

A bank is a folder:

    bank.json        format version, size, dimension, and the model and collection it was made from
    vectors.npy      (N, D) float32 unit vectors in C order, opened memory-mapped
    items.parquet    one row per vector, in the same order

`bank.json` is written last: a folder without it is not a bank, even with other files of a killed process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from plainfilm.bank.search import Indices, Vectors, search
from plainfilm.errors import DataError
from plainfilm.io.files import replacing
from plainfilm.io.tables import read_json, read_parquet, write_json, write_parquet

FORMAT_VERSION = 1
LABEL_PREFIX = "label:"
"""Columns of `items` with this prefix have an observation's state (see `types.State`), null if absent."""


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
        frame = read_parquet(self.path / "items.parquet").to_pandas()
        if len(frame) != len(self.vectors):
            raise DataError(f"{self.path}: {len(self.vectors)} vectors but {len(frame)} items; embed again")
        return frame

    def labels(self, index: int) -> dict[str, int]:
        """The states of one item by observation, without absent ones."""
        row = self.items.iloc[index]
        states = {name: row[name] for name in self.items.columns if name.startswith(LABEL_PREFIX)}
        return {name.removeprefix(LABEL_PREFIX): int(s) for name, s in states.items() if not pd.isna(s)}

    def search(self, queries: Vectors, k: int) -> tuple[Vectors, Indices]:
        """Exact search, see `bank.search.search`: scores and indices (Q, min(k, N)), best first.

        Raises:
            DataError: the queries have another dimension than the bank.
        """
        return search(self.checked_for(queries), queries, k)

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
        items: pd.DataFrame,
        meta: Mapping[str, Any],
        after: Callable[[], Mapping[str, Any]] = dict,
    ) -> Bank:
        """Write a bank as a stream: `vectors` is (N, D), or blocks (n, D) with one vector per item in total.

        `after` adds to `meta` what is known when all vectors are written.

        Raises:
            DataError: the numbers of vectors and items differ, or a vector is not finite.
        """
        folder = Path(folder)
        blocks = iter([vectors] if isinstance(vectors, np.ndarray) else vectors)
        (folder / "bank.json").unlink(missing_ok=True)
        dimension = _write_vectors(folder / "vectors.npy", blocks, len(items))
        table = pa.Table.from_pandas(items, preserve_index=False)
        write_parquet(table, table.schema, folder / "items.parquet")
        head = {"format_version": FORMAT_VERSION, "size": len(items), "dimension": dimension}
        write_json({**head, **meta, **after()}, folder / "bank.json")
        return Bank.open(folder)

    @staticmethod
    def open(folder: Path | str) -> Bank:
        """Open the bank in `folder`.

        Raises:
            DataError: the folder is no bank, has another format version, or its vectors are damaged.
        """
        folder = Path(folder)
        if not (folder / "bank.json").is_file():
            raise DataError(f"{folder}: not a bank (no bank.json); make one with `plainfilm embed`")
        meta = read_json(folder / "bank.json")
        version = meta.get("format_version")
        if version != FORMAT_VERSION:
            raise DataError(
                f"{folder}: bank format {version}, but this Plainfilm reads {FORMAT_VERSION}; embed again"
            )
        try:
            vectors = np.load(folder / "vectors.npy", mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"{folder / 'vectors.npy'}: is damaged ({error}); embed again") from None
        if vectors.shape != (meta["size"], meta["dimension"]):
            raise DataError(f"{folder}: bank.json and vectors.npy disagree on the size; embed again")
        return Bank(folder, meta, vectors)


def _write_vectors(path: Path, blocks: Iterable[Vectors], count: int) -> int:
    with replacing(path) as temporary:
        target, filled, dimension = None, 0, 0
        for block in blocks:
            if target is None:
                dimension = block.shape[1]
                target = np.lib.format.open_memmap(temporary, "w+", np.float32, (count, dimension))
            _check_block(path, block, filled, count)
            target[filled : filled + len(block)] = block
            filled += len(block)
        if filled != count:
            raise DataError(f"{path}: {filled} vectors for {count} items; nothing was written")
        if target is None:
            target = np.lib.format.open_memmap(temporary, "w+", np.float32, (0, dimension))
        target.flush()
    return dimension


def _check_block(path: Path, block: Vectors, filled: int, count: int) -> None:
    if filled + len(block) > count:
        raise DataError(f"{path}: more vectors than the {count} items; nothing was written")
    broken = np.flatnonzero(~np.isfinite(block).all(axis=1))
    if len(broken):
        row = filled + int(broken[0])
        raise DataError(f"{path}: vector {row} is not finite; the model is broken, train or load another")
