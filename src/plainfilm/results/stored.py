"""What `results.json` must hold to be read again, and reading it with the table of its items."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import pandas as pd
from pydantic import model_validator

from plainfilm.errors import DataError
from plainfilm.io.digests import digest_of
from plainfilm.io.json_records import Record, read_record
from plainfilm.io.tables import read_parquet

RESULTS_FILE, ITEMS_FILE = "results.json", "items.parquet"
_AGAIN = "evaluate again"


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
    """The document of an evaluation. items_sha256: the digest of `items.parquet`."""

    task: str
    protocol: dict[str, Any]
    metrics: tuple[StoredMetric, ...]
    must_match: tuple[str, ...] = ()
    items_sha256: str | None = None


def read_document(folder: Path) -> dict[str, Any]:
    """The document of the results in `folder`, checked.

    Raises:
        DataError: there is none, or it is damaged.
    """
    file = folder / RESULTS_FILE
    if not file.is_file():
        raise DataError(f"{folder}: not results (no {RESULTS_FILE}); make some with `plainfilm evaluate`")
    return read_record(file, StoredResults, DataError, _AGAIN).model_dump(exclude_unset=True)


def read_items(folder: Path, document: dict[str, Any]) -> pd.DataFrame:
    """The statistics of each item, with every column that the document's scores are computed from.

    Raises:
        DataError: there are none, or they are damaged.
    """
    file = folder / ITEMS_FILE
    if not file.is_file():
        raise DataError(f"{folder}: holds nothing per item (no {ITEMS_FILE}), so it cannot be compared")
    if document.get("items_sha256") not in (None, digest_of([file])):
        raise DataError(f"{file}: damaged (its digest in {RESULTS_FILE} differs); {_AGAIN}")
    frame = read_parquet(file).to_pandas()
    parts = (part for metric in document["metrics"] for part in metric.get("parts", ()))
    wanted = [f"{part}|{side}" for part in dict.fromkeys(parts) for side in ("numerator", "denominator")]
    for column in ("group", "item_id", "patient_id", *wanted):
        if column not in frame.columns:
            raise DataError(f"{file}: column '{column}' is missing; {_AGAIN}")
    return frame
