"""Collections whose tables are in memory, with any rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from plainfilm.collection import Collection
from plainfilm.collection.schema import TABLES

Row = dict[str, Any]


def collection_of(name: str = "c", corpus: str = "c", **rows: list[Row]) -> Collection:
    """A collection of these `rows` by table; required columns that a row lacks are empty texts or 0."""
    tables = {table: _table(schema, rows.get(table, [])) for table, schema in TABLES.items()}
    meta = {
        "corpus": corpus,
        "fingerprint": "",
        "tables": {table: {"rows": len(own)} for table, own in tables.items()},
    }
    made = Collection(Path(name), meta)
    made._tables.update(tables)
    return made


def _table(schema: pa.Schema, rows: list[Row]) -> pa.Table:
    empty = {field.name: "" if field.type == pa.string() else 0 for field in schema if not field.nullable}
    return pa.Table.from_pylist([empty | row for row in rows], schema=schema)


def studies(name: str, count: int, random: np.random.Generator) -> list[Row]:
    """Studies of few patients, who are spelled in several ways, most of them in one split."""
    spelled = ["P{:03d}", "p{}", "{}"]
    return [
        {
            "study_id": f"{name}-{number}",
            "patient_id": str(random.choice(spelled)).format(random.integers(count)),
            "split": str(random.choice(["train", "validation", "test"], p=[0.8, 0.1, 0.1])),
        }
        for number in range(count)
    ]
