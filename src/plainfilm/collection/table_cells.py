"""Reads a few rows of the tables of several collections, found by their numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from plainfilm.collection.collection import Collection
from plainfilm.collection.schema import ALL_TABLES

Ints = NDArray[np.int64]
_AT_ONCE = 1 << 14
PLACE = "place of the collection"


def cells(collections: Sequence[Collection], table: str, columns: Sequence[str], rows: Ints) -> pa.Table:
    """The `columns` of n `rows` of a table, in this order, and `PLACE`, that of each row's collection.

    Rows are numbered from 0 through all collections. The table is read in batches, as only these rows are
    to be in memory.
    """
    wanted, order = np.unique(rows, return_inverse=True)
    schema = pa.schema([ALL_TABLES[table].field(name) for name in columns])
    found = [schema.append(pa.field(PLACE, pa.int64())).empty_table()]
    start = 0
    for place, collection in enumerate(collections if len(wanted) else ()):
        for batch in collection.batches(table, _AT_ONCE, columns):
            first, end = np.searchsorted(wanted, [start, start + len(batch)])
            taken = pa.Table.from_batches([batch.take(pa.array(wanted[first:end] - start))]).cast(schema)
            found.append(taken.append_column(PLACE, pa.array([place] * len(taken), pa.int64())))
            start += len(batch)
    return pa.concat_tables(found).take(pa.array(order))
