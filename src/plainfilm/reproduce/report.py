"""Writes a reproduction: the table as CSV and JSON, and a page.

reproduction.csv     a row per published value and model
reproduction.json    the paper, what was given, what is missing, and the rows
index.html           one self-contained page, with a link to the results of every evaluation
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from plainfilm import __version__
from plainfilm.io.manifest import Change
from plainfilm.pages import render
from plainfilm.reproduce.manifest import PublishedValue
from plainfilm.reproduce.plan import STAND_IN, Plan
from plainfilm.reproduce.verdicts import Row, counts
from plainfilm.results.text import interval, number

META = "reproduction.json"
PHANTOM_NOTICE = (
    "Made on phantoms: the values below have no relation to the published ones, and no verdict follows from "
    "them."
)
_COLUMNS = (
    *("evaluation", "title", "model", "what", "published", "spread", "table", "source", "address"),
    *("not_read", "ours", "low", "high", "n", "repeats", "metric", "protocol_differs", "verdict", "why"),
)


def write(plan: Plan, name: str, rows: Sequence[Row]) -> None:
    """Write the table and the page of a reproduction into its folder.

    Raises:
        DataError: a file cannot be written.
    """
    change = Change(plan.out, META)
    with change.writing("reproduction.csv") as temporary:
        temporary.write_text(as_csv(rows), encoding="utf-8")
    with change.writing("index.html") as temporary:
        temporary.write_text(page(plan, name, rows), encoding="utf-8")
    change.commit(
        {
            "paper": name,
            "version": __version__,
            "phantom": plan.phantom,
            "missing": [{"name": one.name, "remedy": one.remedy} for one in plan.missing],
            "verdicts": counts(rows),
            "rows": [_record(row) for row in rows],
        }
    )


def as_csv(rows: Sequence[Row]) -> str:
    """The table, a row per published value and model; empty cells where there is no value."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_record(row) for row in rows)
    return text.getvalue()


def _record(row: Row) -> Mapping[str, Any]:
    value, ours, source = row.published, row.ours, row.source
    return {
        "evaluation": row.evaluation,
        "title": row.title,
        "model": row.model,
        "what": value.what,
        "published": value.value,
        "spread": value.spread,
        "table": value.table,
        "source": source.title if source else None,
        "address": source.link if source else None,
        "not_read": value.reason,
        "ours": ours.value if ours else None,
        "low": ours.low if ours else None,
        "high": ours.high if ours else None,
        "n": ours.n if ours else None,
        "repeats": ours.repeats if ours else None,
        "metric": value.metric,
        "protocol_differs": "; ".join(row.differs),
        "verdict": row.kind,
        "why": row.why,
    }


def page(plan: Plan, name: str, rows: Sequence[Row]) -> str:
    """The reproduction as one HTML document with links into its folder."""
    return render(
        "reproduce/reproduce.html",
        title=f"{name} on phantoms" if plan.phantom else f"{name}: published and ours",
        paper=plan.paper,
        notice=PHANTOM_NOTICE if plan.phantom else "",
        summary=summary(rows),
        groups=_grouped(rows),
        missing=plan.missing,
        steps=plan.steps(),
        stand_in=plan.paper.phantom.model or plan.paper.phantom.recipe if plan.has_stand_in else "",
        STAND_IN=STAND_IN,
        link=lambda row: f"{row.folder.relative_to(plan.out).as_posix()}/index.html",
        has_page=lambda row: (row.folder / "index.html").is_file(),
        published=published,
        number=lambda value: number(value, _DIGITS),
        interval=lambda low, high: interval(low, high, _DIGITS),
        chip={"reproduced": "agrees", "differs": "contradicts", "not comparable": "", "not run": ""},
    )


_DIGITS = 2


def published(value: PublishedValue) -> str:
    """A published value as it is printed, with what stands behind "±"; a dash for `null`.

    >>> published(PublishedValue(what="mAP", value=14.12, spread=0.95, table="8", source="x", metric="map"))
    '14.12 ± 0.95'
    """
    if value.value is None:
        return "–"
    return f"{value.value:g}" if value.spread is None else f"{value.value:g} ± {value.spread:g}"


def _grouped(rows: Sequence[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.evaluation, []).append(row)
    return groups


def summary(rows: Sequence[Row]) -> str:
    """In a sentence: how many rows have each verdict, and of how many the published value was read."""
    read = sum(row.published.value is not None for row in rows)
    said = ", ".join(f"{count} {kind}" for kind, count in counts(rows).items() if count)
    return f"{said}; {read} of {len(rows)} rows have a published value with a source."


def as_lines(plan: Plan, rows: Sequence[Row]) -> list[str]:
    """The table for a terminal: what is missing, a block per evaluation, a line per value and model."""
    found = [PHANTOM_NOTICE] if plan.phantom else []
    found += missing_lines(plan)
    for group in _grouped(rows).values():
        found.append(group[0].title)
        for row in group:
            words = [f"  {row.model}", row.published.what, f"published {published(row.published)}"]
            if row.ours:
                limits = interval(row.ours.low, row.ours.high, _DIGITS)
                words.append(f"ours {number(row.ours.value, _DIGITS)} {limits} n={row.ours.n}")
            found.append("  ".join([*words, row.verdict]))
    return [*found, summary(rows)]


def missing_lines(plan: Plan) -> list[str]:
    """What is missing and where to get it, as one block."""
    if not plan.missing:
        return []
    return ["missing:", *(f"  {one.name}: {one.remedy}" for one in plan.missing)]


def plan_lines(plan: Plan) -> list[str]:
    """The steps for a terminal, and what is missing."""
    lines = [PHANTOM_NOTICE] if plan.phantom else []
    for step in plan.steps():
        lacks = f"  (missing: {', '.join(one.name for one in step.missing)})" if step.missing else ""
        lines.append(f"{step.kind:<9} {step.name}: {step.what}{lacks}")
    return [*lines, *missing_lines(plan)]
