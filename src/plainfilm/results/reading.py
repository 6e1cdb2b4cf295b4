"""Reads results from their folder (`results.folder` writes them) and compares them with their digests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Self

import pandas as pd
from pydantic import model_validator

from plainfilm.errors import DataError
from plainfilm.io.json_records import Record, check_record
from plainfilm.io.manifest import Manifest
from plainfilm.io.tables import read_parquet

META, ITEMS = "results.json", "items.parquet"
_WAY_OUT = "evaluate again"


class StoredMetric(Record):
    """One score; with `reducer` it can be computed again from the statistics `parts` of items of `group`."""

    name: str
    value: float | None
    reducer: str | None = None
    parts: tuple[str, ...] = ()
    group: str | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.reducer is not None and not (self.parts and self.group is not None):
            raise ValueError(f"metric '{self.name}' has a reducer, but no parts or no group")
        return self


class StoredResults(Record):
    """What `results.json` must hold to be read again."""

    task: str
    protocol: dict[str, Any]
    metrics: tuple[StoredMetric, ...]
    must_match: tuple[str, ...] = ()


def _check(file: Path, values: dict[str, Any]) -> None:
    try:
        check_record(values, StoredResults, file)
    except DataError as error:
        raise DataError(f"{error}; {_WAY_OUT}") from None


def read_document(folder: Path) -> dict[str, Any]:
    """The document of `results.json`, compared with its digest.

    Raises:
        DataError: there is none, or it is damaged.
    """
    return dict(Manifest.read(folder / META, _WAY_OUT, check=partial(_check, folder / META)).values)


def read_items(folder: Path, document: Mapping[str, Any]) -> pd.DataFrame | None:
    """The statistics of every score per item, if the results of `document` have them.

    Raises:
        DataError: the table is damaged.
    """
    manifest = Manifest(folder / META, document, _WAY_OUT)
    if ITEMS not in manifest.files if manifest.files else not (folder / ITEMS).is_file():
        return None
    with manifest.open(ITEMS) as source:
        table = read_parquet(folder / ITEMS, source=source, way_out=_WAY_OUT)
    parts = dict.fromkeys(part for metric in document["metrics"] for part in metric.get("parts", ()))
    statistics = [f"{part}|{side}" for part in parts for side in ("numerator", "denominator")]
    for column in ("group", "item_id", "patient_id", *statistics):
        if column not in table.column_names:
            raise DataError(f"{folder / ITEMS}: column '{column}' is missing; {_WAY_OUT}")
    return table.to_pandas()


def damage(folder: Path) -> Iterator[str]:
    """What is missing from results or differs from what was written, one line each.

    Raises:
        DataError: results.json itself is missing or damaged.
    """
    return Manifest.read(folder / META, _WAY_OUT).damage()
