"""The page of results: headline scores, tables, figures, examples, and the protocol.

All content comes from the results; `pages` describes the rendering.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from plainfilm.pages import FilmPicture, data_uri, film_picture, render
from plainfilm.pages.films import LARGE, SMALL
from plainfilm.results.baselines import baseline
from plainfilm.results.summary import summary, table_anchor
from plainfilm.results.text import heading, interval, number
from plainfilm.tasks.base import Example, Metric, Results, ScoreTable, ShownImage

NOTICE = (
    "Scores are of this model on this collection under the protocol below and hold for no other. "
    "Not a medical device."
)

MOST_ROWS = 20
"""Rows of a table beyond which it is folded."""


def page(results: Results, figures: Mapping[str, bytes]) -> str:
    """The results as one HTML document; `figures` are PNG bytes by title."""
    title = f"{results.task.replace('_', ' ')} of {results.model} on {results.collection}"
    overall = [metric for metric in results.metrics if metric.subgroup is None]
    parts = [metric for metric in results.metrics if metric.subgroup is not None]
    return render(
        "results/page.html",
        title=title[:1].upper() + title[1:],
        notice=NOTICE,
        results=results,
        headline=_scores([metric for metric in results.headline if metric.subgroup is None]),
        overall=_scores(overall),
        subgroups=_scores(parts),
        number_of_subgroups=len({metric.subgroup for metric in parts}),
        tables=[_table(table, overall) for table in results.tables],
        figures={name: data_uri(data, "png") for name, data in figures.items()},
        pictures=_pictures(results.examples),
        most_sentences=max((len(one.sentences) for one in results.examples), default=0),
        most_boxes=max((len(one.image.boxes) for one in results.examples if one.image), default=0),
        identities=[
            (f"{heading(metric)}: {metric.title}" if heading(metric) else metric.title, metric.identity)
            for metric in overall
            if metric.identity
        ],
        protocol={key.replace("_", " "): in_words(value) for key, value in results.protocol.items()},
        number=number,
        interval=interval,
        heading=heading,
        baseline=baseline,
        summary=summary(results),
        table_anchor=table_anchor,
    )


def _scores(metrics: Sequence[Metric]) -> dict[str, Any]:
    """Metrics in their order, grouped by heading; the names of all baselines, and why values are missing."""
    groups: list[tuple[str, list[Metric]]] = []
    for metric in metrics:
        if not groups or groups[-1][0] != heading(metric):
            groups.append((heading(metric), []))
        groups[-1][1].append(metric)
    return {
        "groups": groups,
        "baselines": list(dict.fromkeys(name for metric in metrics for name in metric.baselines)),
        "count": len(metrics),
        "notes": _notes(metrics),
    }


def _notes(metrics: Iterable[Metric | None]) -> list[str]:
    """The reasons why scores have no value, each once."""
    missing = [metric.note for metric in metrics if metric is not None and metric.value is None]
    return list(dict.fromkeys(note for note in missing if note))


def _table(table: ScoreTable, metrics: Sequence[Metric]) -> dict[str, Any]:
    """A table with its metrics instead of their names."""
    by_name = {metric.name: metric for metric in metrics}
    rows = {row: [by_name.get(name) for name in names] for row, names in table.rows.items()}
    return {
        "table": table,
        "rows": rows,
        "is_long": len(rows) > MOST_ROWS,
        "notes": _notes(one for cells in rows.values() for one in cells),
        "has_support": any(one and one.support is not None for cells in rows.values() for one in cells),
    }


def _pictures(examples: Sequence[Example]) -> dict[str, FilmPicture]:
    """Every image of the examples by its path, larger if boxes are drawn on it."""
    large: dict[str, bool] = {}
    for example in examples:
        for image in _images(example):
            large[image.path] = large.get(image.path, False) or bool(image.boxes)
    return {path: film_picture(path, LARGE if is_large else SMALL) for path, is_large in large.items()}


def _images(example: Example) -> list[ShownImage]:
    shown = [example.image, *(answer.image for answer in example.answers or ())]
    return [image for image in shown if image is not None]


def in_words(value: Any) -> str:
    """A setting of a protocol for readers."""
    if value is None:
        return "none"
    if isinstance(value, dict):
        return "; ".join(f"{key}: {in_words(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(in_words(inner) for inner in value) or "none"
    return value if isinstance(value, str) else json.dumps(value)
