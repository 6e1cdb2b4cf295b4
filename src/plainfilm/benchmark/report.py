"""Writes a benchmark: the table as CSV and JSON, and a page.

benchmark.csv     a row per collection, task, score and model
benchmark.json    the models with their cost, what was not run and why, the mean ranks, and repeated runs
index.html        one self-contained page, with a link to the results of every cell
cells/            the results of every cell (`results.folder`), by model, collection and task
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from plainfilm.benchmark.cells import Cell, Entry
from plainfilm.benchmark.scores import Row, Value, mean_ranks, score_of
from plainfilm.io.manifest import Change
from plainfilm.pages import render
from plainfilm.results.baselines import baseline as trivial
from plainfilm.results.compare import with_spread
from plainfilm.results.stored import Stored
from plainfilm.results.text import DIRECTIONS, interval, number

META = "benchmark.json"
_SHOWN = 4
"""Scores of a task that are shown at once; the others are folded."""
_NOTICE = (
    "Scores hold for these models on these collections under the protocols of their results, which are "
    "linked. Not a medical device."
)
_INTERVAL = (
    "95 %, of the mean of these runs, by resampling the patients they are tested on: not of other draws"
)
_CLEARLY = "Clearly: all others are worse, corrected p below 0.05."
_COLUMNS = (
    *("collection", "task", "heading", "score", "title", "better"),
    *("model", "value", "low", "high", "n", "spread", "repeats"),
    *("rank", "rank_low", "rank_high", "is_best", "difference", "difference_low", "difference_high"),
    *("p_holm", "shared", "best_baseline", "best_baseline_value", "reason"),
)


def write(entries: Sequence[Entry], cells: Sequence[Cell], rows: Sequence[Row], folder: Path) -> None:
    """Write the table and the page of a benchmark into `folder`.

    Raises:
        DataError: a file cannot be written.
    """
    change = Change(folder, META)
    with change.writing("benchmark.csv") as temporary:
        temporary.write_text(as_csv(rows), encoding="utf-8")
    with change.writing("index.html") as temporary:
        temporary.write_text(page(entries, cells, rows, folder), encoding="utf-8")
    change.commit(_document(entries, cells, rows, folder))


def _document(
    entries: Sequence[Entry], cells: Sequence[Cell], rows: Sequence[Row], folder: Path
) -> dict[str, Any]:
    means = mean_ranks([entry.name for entry in entries], rows)
    return {
        "models": [
            {
                "name": entry.name,
                "fingerprint": entry.fingerprint,
                "training_patients_known": entry.patients_known,
                "leaks": dict(entry.leaks),
                **asdict(entry.cost),
                "mean_rank": means[entry.name][0] if entry.name in means else None,
            }
            for entry in entries
        ],
        "rows_of_mean_rank": next(iter(means.values()))[1] if means else 0,
        "not_run": [
            {"model": cell.model, "collection": cell.collection, "task": cell.task, "reason": cell.reason}
            for cell in cells
            if cell.reason
        ],
        "repeats": {
            "interval": _INTERVAL,
            "standard_deviation": "of the values of the repeats",
            "scores": [
                _repeated(row, value, folder)
                for row in rows
                for value in row.values
                if len(value.results) > 1
            ],
        },
    }


def _repeated(row: Row, value: Value, folder: Path) -> dict[str, Any]:
    """The score of repeated runs, and that of each."""
    return {
        "collection": row.collection,
        "task": row.task,
        "score": row.name,
        "model": value.model,
        "mean": value.value,
        "standard_deviation": value.spread,
        "low": value.low,
        "high": value.high,
        "n": value.n,
        "runs": [{"results": _below(run, folder), "value": score_of(run, row.name)} for run in value.results],
    }


def _below(run: Stored, folder: Path) -> str:
    return run.path.relative_to(folder).as_posix()


def as_csv(rows: Sequence[Row]) -> str:
    """The table, a row per collection, task, score and model; empty cells where there is no value."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_record(row, value) for row in rows for value in row.values)
    return text.getvalue()


def _record(row: Row, value: Value) -> Mapping[str, Any]:
    rank, apart, baseline = value.rank, value.difference, best_baseline(row, value)
    return {
        "collection": row.collection,
        "task": row.task,
        "heading": row.heading,
        "score": row.name,
        "title": row.title,
        "better": row.better,
        "model": value.model,
        **{key: getattr(value, key) for key in ("value", "low", "high", "is_best", "reason")},
        "n": value.n if value.value is not None else None,
        "spread": value.spread,
        "repeats": len(value.results) or None,
        "rank": rank and rank.value,
        "rank_low": rank and rank.low,
        "rank_high": rank and rank.high,
        "difference": apart and apart.value,
        "difference_low": apart and apart.low,
        "difference_high": apart and apart.high,
        "p_holm": value.p,
        "shared": row.shared or None,
        "best_baseline": baseline and baseline[0],
        "best_baseline_value": baseline and baseline[1],
    }


def best_baseline(row: Row, value: Value) -> tuple[str, float] | None:
    """The trivial answer that scores best, and its score."""
    if not value.baselines:
        return None
    sign = -1.0 if row.better == "lower" else 1.0
    return max(value.baselines.items(), key=lambda pair: sign * pair[1])


def loses(row: Row, value: Value) -> bool:
    """Whether a trivial answer scores better than the model."""
    baseline = best_baseline(row, value)
    if baseline is None or value.value is None:
        return False
    return baseline[1] < value.value if row.better == "lower" else baseline[1] > value.value


def page(entries: Sequence[Entry], cells: Sequence[Cell], rows: Sequence[Row], folder: Path) -> str:
    """The benchmark as one HTML document with links into `folder`."""
    names = [entry.name for entry in entries]
    means = mean_ranks(names, rows)
    return render(
        "benchmark/benchmark.html",
        title=f"{len(entries)} models compared",
        notice=_NOTICE,
        entries=entries,
        means=means,
        rows_of_mean=next(iter(means.values()))[1] if means else 0,
        summary=summary(names, rows),
        groups=grouped(rows),
        shown=_SHOWN,
        not_run=[cell for cell in cells if cell.reason],
        repeated=any(len(value.results) > 1 for row in rows for value in row.values),
        links=lambda value: [f"{_below(run, folder)}/index.html" for run in value.results],
        best_baseline=best_baseline,
        loses=loses,
        directions=DIRECTIONS,
        trivial=trivial,
        number=number,
        with_spread=with_spread,
        place=_place,
        interval=interval,
    )


def summary(names: Sequence[str], rows: Sequence[Row]) -> str:
    """In a sentence: how often each model is the best of those it is ranked with, and how often clearly."""
    ranked = [row for row in rows if len(row.ranked) > 1]
    if not ranked:
        return "No score ranks two models: each was evaluated on something else."
    parts = []
    for name in names:
        own = [row for row in ranked if any(value.model == name for value in row.ranked)]
        best = [row for row in own if any(value.is_best and value.model == name for value in row.values)]
        if own:
            clear = sum(_is_clear(row) for row in best)
            parts.append(f"{name} by {len(best)} of {len(own)} ({clear} clearly)")
    return f"By how many scores a model is the best of those ranked with it: {', '.join(parts)}. {_CLEARLY}"


def _is_clear(row: Row) -> bool:
    """Whether every other model of the row differs from the best after correction (p below 0.05)."""
    return all(value.p is not None and value.p < 0.05 for value in row.ranked if not value.is_best)


def as_lines(entries: Sequence[Entry], cells: Sequence[Cell], rows: Sequence[Row]) -> list[str]:
    """The table for a terminal: a block per collection and task with its first scores, a line per model."""
    found: list[str] = []
    width = max((len(entry.name) for entry in entries), default=0)
    for (collection, task), own in grouped(rows).items():
        found.append(f"{task} on {collection}")
        for row in own[:_SHOWN]:
            mark = DIRECTIONS[row.better] if row.better else ""
            found.append(f"  {row.heading + ': ' if row.heading else ''}{row.title} {mark}".rstrip())
            found += [f"    {value.model:<{width}}  {_cell(row, value)}" for value in row.values]
        if len(own) > _SHOWN:
            found.append(f"  {len(own) - _SHOWN} more scores in benchmark.csv and on the page")
    for cell in cells:
        if cell.reason:
            found.append(f"not run: {cell.model} on {cell.collection}, {cell.task}: {cell.reason}")
    return [*found, summary([entry.name for entry in entries], rows)]


def grouped(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    """The rows by collection and task."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.collection, row.task), []).append(row)
    return groups


def _cell(row: Row, value: Value) -> str:
    if value.value is None:
        return f"–  {value.reason or ''}".rstrip()
    scored = with_spread(value.value, value.spread)
    words = [f"{scored} {interval(value.low, value.high)}  n={value.n}"]
    if value.rank is not None:
        words.append(f"rank {_rank(value)}")
    if value.difference is not None:
        apart = value.difference
        words.append(
            f"{number(apart.value)} {interval(apart.low, apart.high)} from the best, p {number(value.p)}"
        )
    if value.is_best:
        words.append("best")
    if value.reason:
        words.append(value.reason)
    baseline = best_baseline(row, value)
    if baseline:
        verdict = "loses to" if loses(row, value) else "trivial answer:"
        words.append(f"{verdict} {trivial(baseline[0]).title} {number(baseline[1])}")
    return "  ".join(words)


def _rank(value: Value) -> str:
    rank = value.rank
    if rank is None or rank.value is None:
        return "–"
    if rank.low is None or rank.high is None:
        return _place(rank.value)
    return f"{_place(rank.value)} [{_place(rank.low)}, {_place(rank.high)}]"


def _place(rank: float) -> str:
    """A rank, or a limit of one, which lies between the ranks of two resamples."""
    return f"{round(rank, 1):g}"
