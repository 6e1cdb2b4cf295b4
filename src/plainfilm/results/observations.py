"""One row per observation, its scores side by side: what a reader of a classification looks for first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from plainfilm.results.text import group_title, interval, number
from plainfilm.tasks.base import Metric

_OF_MAIN = (
    ("average_precision", "average precision"),
    ("f1", "F1"),
    ("recall", "sensitivity"),
    ("specificity", "specificity"),
)
"""Columns of the last group of scores: that of both prompts, of the largest share."""


def observations_table(metrics: Sequence[Metric]) -> str:
    """An HTML table; empty where the metrics are not of a classification by observation."""
    found = {metric.name: metric for metric in metrics if metric.subgroup is None}
    groups = list(
        dict.fromkeys(one.group for one in found.values() if one.name.startswith(f"{one.group}/auroc/"))
    )
    if not groups:
        return ""
    main = str(groups[-1])
    names = [name.removeprefix(f"{main}/auroc/") for name in found if name.startswith(f"{main}/auroc/")]
    ranked = [(str(group), "auroc", f"AUROC, {group_title(str(group))}") for group in groups]
    decided = [(main, kind, title) for kind, title in _OF_MAIN]
    columns = [
        column
        for column in (*ranked, *decided, ("abstention", "abstains", "abstains"))
        if f"{column[0]}/{column[1]}/{names[0]}" in found
    ]
    head = "".join(f'<th scope="col">{title}</th>' for _, _, title in columns)
    rows = "".join(_row(name, main, columns, found) for name in names)
    return (
        "<h2>Observations</h2><p>Decisions are at the threshold chosen on validation films. "
        "A dash is a score that cannot be computed; point at it for the reason.</p>"
        f'<div class="sheet observations"><table><thead><tr><th scope="col">observation</th>'
        f'<th scope="col">positive</th><th scope="col">n</th>{head}</tr></thead><tbody>{rows}'
        "</tbody></table></div>"
    )


def _row(name: str, main: str, columns: Sequence[tuple[str, str, str]], found: Mapping[str, Metric]) -> str:
    cells = "".join(_cell(found[f"{group}/{kind}/{name}"]) for group, kind, _ in columns)
    of_all = found[f"{main}/auroc/{name}"]
    counts = f'<td class="n">{of_all.support}</td><td class="n">{of_all.n}</td>'
    return f'<tr><th scope="row">{escape(name)}</th>{counts}{cells}</tr>'


def _cell(metric: Metric) -> str:
    if metric.value is None:
        return f'<td title="{escape(metric.note or "")}">–</td>'
    bounds = interval(metric.low, metric.high, 2)
    return (
        f'<td><span class="value">{number(metric.value, 2)}</span> <span class="range">{bounds}</span></td>'
    )
