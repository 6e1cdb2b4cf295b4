"""Writes the results of an evaluation: results.json, raw tables, figures and a page.

results.json          every score with interval, n and baselines, and the identity of the protocol
predictions.parquet   raw answers, one row each
items.parquet         the statistics of every score per item, the input of `plainfilm compare`
figures/              PNG
index.html            one self-contained page
                      and the attachments of the task, if there are any
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from plainfilm.io.files import replacing
from plainfilm.io.tables import write_json, write_parquet
from plainfilm.results.figures import write_figures
from plainfilm.results.page import page
from plainfilm.tasks.base import Metric, Results


def write(results: Results, folder: Path | str) -> None:
    """Write `results` into `folder`; results.json is written last, so its presence means completeness.

    Raises:
        DataError: a file cannot be written.
    """
    folder = Path(folder)
    (folder / "results.json").unlink(missing_ok=True)
    _write_table(results.predictions, folder / "predictions.parquet")
    if results.items is not None:
        _write_table(results.items, folder / "items.parquet")
    for name, text in results.attachments.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    figures = write_figures(results.figures, folder / "figures")
    with replacing(folder / "index.html") as temporary:
        temporary.write_text(page(results, figures), encoding="utf-8")
    write_json(as_document(results), folder / "results.json")


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
    }
    document |= {name: value for name, value in optional.items() if value is not None}
    if metric.aggregation is not None:
        document |= {"reducer": metric.aggregation, "parts": list(metric.parts)}
    return document


def _write_table(frame: pd.DataFrame, path: Path) -> None:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    write_parquet(table, table.schema, path)
