"""Writes a comparison: a page with scores, differences and curves, its figures, and the JSON document.

comparison.json       `comparisons`: the document of `plainfilm compare --json`
figures/              PNG
index.html            one self-contained page
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from plainfilm.io.locks import writing
from plainfilm.io.manifest import Change
from plainfilm.pages import data_uri, render
from plainfilm.results.compare import Difference, as_rows, not_compared, with_spread
from plainfilm.results.compare_curves import (
    AT_SPECIFICITY,
    ON_AVERAGE,
    ClassCurves,
    class_curves,
    curve_figures,
)
from plainfilm.results.figures import write_figures
from plainfilm.results.page import NOTICE, in_words
from plainfilm.results.stored import Compared
from plainfilm.results.text import interval, number

_OF_THE_MODEL = ("model_fingerprint", "thresholds", "words_per_report", "left_out", "versions")
"""Entries of a protocol that differ between any two models."""
META = "comparison.json"
_SHOWN = 300
"""Characters of a setting that are shown."""


def document(models: Sequence[Compared], compared: Sequence[Sequence[Difference]]) -> list[dict[str, Any]]:
    """The comparisons of every model with the first, for JSON."""
    first, *others = models
    return [
        {
            "first": _named(first),
            "second": _named(other),
            "first_results": [str(run.path) for run in first.repeats],
            "second_results": [str(run.path) for run in other.repeats],
            "differences": as_rows(found),
            "not_compared": sorted(not_compared(first, other)),
        }
        for other, found in zip(others, compared, strict=True)
    ]


def _named(model: Compared) -> str:
    """The folder of a model with one run, as it was given."""
    return str(model.first.path) if len(model.repeats) == 1 else model.name


def write(models: Sequence[Compared], compared: Sequence[Sequence[Difference]], folder: Path) -> None:
    """Write the comparison of `models` with the first of them into `folder`.

    Raises:
        DataError: a file cannot be written.
        UsageError: another process is writing there.
    """
    found = class_curves(models)
    with writing(folder):
        change = Change(folder, META)
        drawn = write_figures([one for pair in curve_figures(found) for one in pair], change, "figures")
        figures = {title: data_uri(data, "png") for title, data in drawn.items()}
        with change.writing("index.html") as temporary:
            temporary.write_text(_page(models, compared, found, figures), encoding="utf-8")
        change.commit({"comparisons": document(models, compared)})


def _page(
    models: Sequence[Compared],
    compared: Sequence[Sequence[Difference]],
    found: Sequence[ClassCurves],
    figures: Mapping[str, str],
) -> str:
    first = models[0].first.document
    rows = _rows(compared)
    plots = {
        is_average: [pair for pair in figures.items() if (ON_AVERAGE in pair[0]) == is_average]
        for is_average in (True, False)
    }
    return render(
        "results/compare.html",
        title=f"{' and '.join(model.name for model in models)} compared",
        notice=NOTICE,
        names=[model.name for model in models],
        models=[{"name": model.name, "what": _what(model)} for model in models],
        task=first["task"],
        collection=first["collection"],
        split=first["split"],
        headline=_grouped([row for row in rows if row["headline"]] or rows),
        overall=_grouped(rows),
        count=len(rows),
        average=plots[True],
        single=plots[False],
        operating=_operating(models, found),
        at_specificity=AT_SPECIFICITY,
        unlike=[
            (f"{name} ({models[0].name}, {other.name})", *pair)
            for other in models[1:]
            for name, pair in not_compared(models[0], other).items()
        ],
        protocols=_protocols(models),
        number=number,
        interval=interval,
    )


def _what(model: Compared) -> str:
    runs = len(model.repeats)
    paths = ", ".join(str(run.path) for run in model.repeats)
    of = model.first.document["model"]
    return f"{of}: {paths}" if runs == 1 else f"{of}, {runs} runs: {paths}"


def _rows(compared: Sequence[Sequence[Difference]]) -> list[dict[str, Any]]:
    """One row per score of any comparison: the values of all models and the differences from the first."""
    by_name = [{one.name: one for one in found} for found in compared]
    rows = []
    for name in dict.fromkeys(name for found in by_name for name in found):
        found = [one.get(name) for one in by_name]
        known = next(one for one in found if one is not None)
        rows.append(
            {
                "title": known.title,
                "heading": known.heading,
                "better": known.better,
                "headline": known.headline,
                "n": known.n,
                "values": [
                    with_spread(known.first, known.first_spread),
                    *("–" if one is None else with_spread(one.second, one.second_spread) for one in found),
                ],
                "differences": found,
            }
        )
    return rows


def _grouped(rows: Sequence[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["heading"], []).append(row)
    return list(groups.items())


def _operating(models: Sequence[Compared], found: Sequence[ClassCurves]) -> list[dict[str, Any]]:
    several = len({one.group for one in found}) > 1
    return [
        {
            "name": f"{one.name} ({one.group})" if several else one.name,
            "positives": one.positives,
            "n": one.n,
            "cells": [_operating_cell(one, model.name) for model in models],
        }
        for one in found
    ]


def _operating_cell(one: ClassCurves, name: str) -> dict[str, str]:
    point = one.decided.get(name)
    decided = "–" if point is None else f"{number(point[1])} / {number(1 - point[0])}"
    return {"decided": decided, "sensitivity": number(one.sensitivity[name])}


def _protocols(models: Sequence[Compared]) -> dict[str, list[str]]:
    """The settings that are not the same for all models, in words."""
    protocols = [model.first.document["protocol"] for model in models]
    keys = dict.fromkeys(key for protocol in protocols for key in protocol)
    differing = [
        key
        for key in keys
        if key not in _OF_THE_MODEL and any(one.get(key) != protocols[0].get(key) for one in protocols)
    ]
    return {key: [_short(in_words(one.get(key))) for one in protocols] for key in differing}


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
