"""Reads results from their folder (`results.folder` writes them) and compares them with their digests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from plainfilm.io.manifest import Manifest
from plainfilm.io.tables import read_parquet

META, ITEMS = "results.json", "items.parquet"
_WAY_OUT = "evaluate again"


def read_document(folder: Path) -> dict[str, Any]:
    """The document of `results.json`, compared with its digest.

    Raises:
        DataError: there is none, or it is damaged.
    """
    return dict(Manifest.read(folder / META, _WAY_OUT).values)


def read_items(folder: Path, document: Mapping[str, Any]) -> pd.DataFrame | None:
    """The statistics of every score per item, if the results of `document` have them.

    Raises:
        DataError: the table is damaged.
    """
    manifest = Manifest(folder / META, document, _WAY_OUT)
    if ITEMS not in manifest.files if manifest.files else not (folder / ITEMS).is_file():
        return None
    with manifest.open(ITEMS) as source:
        return read_parquet(folder / ITEMS, source=source, way_out=_WAY_OUT).to_pandas()


def damage(folder: Path) -> Iterator[str]:
    """What is missing from results or differs from what was written, one line each.

    Raises:
        DataError: results.json itself is missing or damaged.
    """
    return Manifest.read(folder / META, _WAY_OUT).damage()
