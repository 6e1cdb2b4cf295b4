"""Writes the results of an evaluation: results.json, raw tables, figures and a page.

results.json          every score with interval, n and baselines, the identity of the protocol, and the
                      SHA-256 of the other files (`io.manifest`)
predictions.parquet   raw answers, one row each
items.parquet         the statistics of every score per item, the input of `plainfilm compare`
figures/              PNG
index.html            one self-contained page
                      and the attachments of the task, if there are any
NAME/                 the same for each part of results that sum up others
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from plainfilm.io.locks import writing
from plainfilm.io.manifest import Change
from plainfilm.io.spilled import SpilledTable
from plainfilm.io.tables import parquet_writer
from plainfilm.results.figures import write_figures
from plainfilm.results.page import page
from plainfilm.results.reading import ITEMS, META
from plainfilm.tasks.base import Metric, Results

_PREDICTIONS, _PAGE = "predictions.parquet", "index.html"
_ROW_GROUP = 1 << 20
"""Rows of a table that are written together."""


def write(results: Results, folder: Path | str) -> None:
    """Write `results` into `folder`; replacing results.json brings all files into force together.

    Raises:
        DataError: a file cannot be written.
        UsageError: another process is writing there.
    """
    folder = Path(folder)
    with writing(folder):
        change = Change(folder, META)
        for name, part in results.parts.items():  # before what says that they are there
            write(part, folder / name)
        _write_table(results.predictions, change, _PREDICTIONS)
        if results.items is not None:
            _write_table(results.items, change, ITEMS)
        for name, text in results.attachments.items():
            with change.writing(name) as temporary:
                temporary.write_text(text, encoding="utf-8")
        figures = write_figures(results.figures, change, "figures")
        with change.writing(_PAGE) as temporary:
            temporary.write_text(page(results, figures), encoding="utf-8")
        change.commit(as_document(results))


def as_document(results: Results) -> dict[str, Any]:
    """The results as the JSON document of `results.json`."""
    return {
        "task": results.task,
        "model": results.model,
        "collection": results.collection,
        "split": results.split,
        "n": results.n,
        "counted": results.counted,
        "protocol": results.protocol,
        "warnings": list(results.warnings),
        "must_match": list(results.must_match),
        "metrics": [_metric(metric) for metric in results.metrics],
        **({"operating_points": results.operating_points} if results.operating_points else {}),
        **({"parts": list(results.parts)} if results.parts else {}),
        **({"not_run": dict(results.not_run)} if results.not_run else {}),
    }


def _metric(metric: Metric) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": metric.name,
        "title": metric.title,
        "headline": metric.headline,
        "better": metric.better,
        "value": metric.value,
        "low": metric.low,
        "high": metric.high,
        "n": metric.n,
        "unit": metric.unit,
        "baselines": metric.baselines,
        "baseline_intervals": {name: list(bounds) for name, bounds in metric.baseline_intervals.items()},
        "over_baselines": {
            name: dict(zip(("value", "low", "high"), bounds, strict=True))
            for name, bounds in metric.over_baselines.items()
        },
    }
    optional = {
        "support": metric.support,
        "subgroup": metric.subgroup,
        "note": metric.note,
        "group": metric.group,
        "heading": metric.heading,
        "identity": metric.identity,
        "lenient_of": metric.lenient_of,
    }
    document |= {name: value for name, value in optional.items() if value is not None}
    if metric.aggregation is not None:
        document |= {"reducer": metric.aggregation, "parts": list(metric.parts)}
    return document


def _write_table(rows: pd.DataFrame | SpilledTable, change: Change, name: str) -> None:
    frames = iter([rows]) if isinstance(rows, pd.DataFrame) else rows.frames()
    waiting = pa.Table.from_pandas(next(frames), preserve_index=False)
    with change.writing(name) as temporary, parquet_writer(temporary, waiting.schema) as writer:
        for frame in frames:
            whole = len(waiting) // _ROW_GROUP * _ROW_GROUP
            if whole:
                writer.write_table(waiting.slice(0, whole), row_group_size=_ROW_GROUP)
            added = pa.Table.from_pandas(frame, schema=waiting.schema, preserve_index=False)
            waiting = pa.concat_tables([waiting.slice(whole), added])
        writer.write_table(waiting, row_group_size=_ROW_GROUP)
