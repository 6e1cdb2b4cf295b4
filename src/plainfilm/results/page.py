"""The page a person reads: headline scores, figures, examples beside their answers, and the protocol.

One file without a single outside request: styles inline, films as data URIs, no script.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from PIL import Image

from plainfilm.io.images import read_image
from plainfilm.results.observations import observations_table
from plainfilm.results.text import baseline_title, group_title, interval, is_headline, number, title
from plainfilm.tasks.base import Metric, Results, Shown

FILM_PX = 256
NOTICE = (
    "Scores are of this model on this collection under the protocol below; they say nothing about any other. "
    "Not a medical device."
)
_DRAWN = (
    'Drawn at random, neither best nor worst. <span class="chip good">✓ the query states the same</span>'
    '<span class="chip bad">✗ the query states the opposite, or does not mention a positive</span>'
    '<span class="chip">· open</span>'
)
_STATES = {1: "", 0: "no ", -1: "possible "}
_CLASSES = {True: "good", False: "bad", None: ""}
_VERDICTS = {1: ("good", "✓"), -1: ("bad", "✗"), 0: ("", "·")}


def page(results: Results, figures: Mapping[str, bytes]) -> str:
    """The results as one HTML document; `figures` are PNG bytes by title."""
    heading = f"{results.task.replace('_', ' ')} of {results.model} on {results.collection}"
    overall = [metric for metric in results.metrics if metric.subgroup is None]
    parts = [
        f"<h1>{escape(heading.capitalize())}</h1>",
        f'<p class="facts">split <b>{escape(results.split)}</b> · <b>{results.n}</b> '
        f"{_asked(results.task)} · 95 % intervals by patient</p>",
        f"<p>{NOTICE}</p>",
        "<h2>Scores</h2>",
        _table([metric for metric in results.metrics if is_headline(metric)] or results.metrics),
        observations_table(results.metrics),
        _subgroups(results.metrics),
        _figures(figures),
        _gallery(results.shown),
        f"<details><summary>All {len(overall)} scores</summary>{_table(overall)}</details>",
        "<h2>Protocol</h2>",
        _protocol(results.protocol),
    ]
    return document(heading, "\n".join(parts))


def _asked(task: str) -> str:
    return "queries at most" if task == "retrieval" else "films"


def document(title: str, body: str) -> str:
    """A whole HTML document around `body`, in the one style of all pages."""
    css = files("plainfilm.results").joinpath("page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{css}</style></head>"
        f"<body><main>\n{body}\n</main></body></html>\n"
    )


def _table(metrics: Sequence[Metric]) -> str:
    baselines = list(dict.fromkeys(name for metric in metrics for name in metric.baselines))
    head = "".join(f'<th scope="col">{escape(baseline_title(name))}</th>' for name in baselines)
    rows = []
    group = None
    for metric in metrics:
        if metric.group and metric.group != group:
            group = metric.group
            width = 4 + len(baselines)
            named = _arrow(group_title(group))
            rows.append(f'<tr class="group"><th colspan="{width}" scope="rowgroup">{named}</th></tr>')
        rows.append(_row(metric, baselines))
    return (
        '<div class="sheet"><table><thead><tr><th scope="col">score</th><th scope="col">model</th>'
        '<th scope="col"><span aria-hidden="true"></span></th>'
        f'{head}<th scope="col">n</th></tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _subgroups(metrics: Sequence[Metric]) -> str:
    parts = [metric for metric in metrics if metric.subgroup is not None]
    count = len({metric.subgroup for metric in parts})
    return f"<details><summary>{count} subgroups</summary>{_table(parts)}</details>" if parts else ""


def _row(metric: Metric, baselines: Sequence[str]) -> str:
    cells = [f'<th scope="row">{escape(title(metric))}</th>']
    note = f' title="{escape(metric.note)}"' if metric.note else ""
    cells.append(f"<td{note}>{_number(metric.value, metric.low, metric.high, 'value')}</td>")
    cells.append(f"<td>{_strip(metric)}</td>")
    for name in baselines:
        low, high = metric.baseline_intervals.get(name, (None, None))
        cells.append(f"<td>{_number(metric.baselines.get(name), low, high, '')}</td>")
    return f'<tr>{"".join(cells)}<td class="n">{metric.n}</td></tr>'


def _number(value: float | None, low: float | None, high: float | None, kind: str) -> str:
    if value is None:
        return "–"
    return f'<span class="{kind}">{number(value)}</span> <span class="range">{interval(low, high)}</span>'


def _strip(metric: Metric) -> str:
    """A score between 0 and 1 as a small picture: the interval, the value, the baselines as ticks."""
    if metric.value is None or metric.low is None or metric.high is None or metric.high > 1.0:
        return ""
    ticks = "".join(
        f'<line x1="{4 + 92 * value:.1f}" x2="{4 + 92 * value:.1f}" y1="2" y2="14" stroke="#b0741a" '
        'stroke-width="1.5"/>'
        for value in metric.baselines.values()
        if value <= 1.0
    )
    low, value, high = (4 + 92 * part for part in (metric.low, metric.value, metric.high))
    return (
        '<svg width="100" height="16" viewBox="0 0 100 16" aria-hidden="true">'
        '<line x1="4" x2="96" y1="8" y2="8" stroke="#e1e4e9" stroke-width="2"/>'
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="8" y2="8" stroke="#1f6f78" stroke-width="4" '
        f'stroke-linecap="round"/><circle cx="{value:.1f}" cy="8" r="4" fill="#1f6f78"/>{ticks}</svg>'
    )


def _figures(figures: Mapping[str, bytes]) -> str:
    drawn = "".join(
        f"<figure><figcaption>{_arrow(name)}</figcaption>"
        f'<img alt="{escape(name)}" src="{_data_uri(data, "png")}"></figure>'
        for name, data in figures.items()
    )
    return f'<h2>Figures</h2><div class="plots">{drawn}</div>' if drawn else ""


def _gallery(shown: Sequence[Shown]) -> str:
    if not shown:
        return ""
    introduction = shown[0].introduction
    parts = [f"<h2>Examples</h2><p>{_DRAWN if introduction is None else escape(introduction)}</p>"]
    direction = None
    for example in shown:
        first = example.title.partition(":")[0]
        if first != direction:
            direction = first
            parts.append(f"<h3>{_arrow(first)}</h3>")
        parts.append(_case(example))
    return "".join(parts)


def _case(example: Shown) -> str:
    name = example.title.partition(": ")[2] or example.title
    query = film_picture(example.query_image, f"query film {name}") if example.query_image else ""
    if example.query_text:
        query += f"<blockquote>{escape(example.query_text)}</blockquote>"
    labels = "".join(_chip(name, state, None) for name, state in _positives_first(example.query_labels))
    answers = "".join(_film(one) if "kind" in one else _answer(one) for one in example.answers)
    films = " films" if example.introduction is not None else ""
    body = (
        f'<ol class="answers{films}">{answers}</ol>'
        if answers
        else '<p class="none">Nothing was retrieved.</p>'
    )
    return (
        f'<article class="case"><div class="query">{query}<div class="name">{escape(name)}</div>'
        f"{labels}</div>{body}</article>"
    )


def _film(answer: Mapping[str, Any]) -> str:
    """A film that is shown for its score."""
    called = f"called {answer['called']} · " if answer["called"] else ""
    picture = film_picture(answer["image"], f"film {answer['name']}, {answer['kind']}")
    chips = "".join(_chip(name, state, None) for name, state in answer["labels"].items())
    return (
        f'<li class="answer {_CLASSES[answer["agrees"]]}"><b>{escape(answer["kind"])}</b>{picture}'
        f'<span class="score">{called}score {answer["score"]:.3f}</span>'
        f'<div class="name">{escape(answer["name"])}</div>{chips}</li>'
    )


def _answer(answer: Mapping[str, Any]) -> str:
    verdict = _CLASSES[answer["agrees"]]
    body = f"<p>{escape(answer['text'])}</p>" if answer["text"] else ""
    if answer["image"]:
        body += film_picture(answer["image"], f"retrieved film, rank {answer['rank']}")
    worth = answer.get("agreement", {})
    chips = "".join(_chip(name, s, worth.get(name, 0)) for name, s in _positives_first(answer["labels"]))
    score = f'<span class="score">{answer["rank"]} · similarity {answer["score"]:.3f}</span>'
    return f'<li class="answer {verdict}">{score}{body}{chips}</li>'


def _positives_first(labels: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(labels.items(), key=lambda pair: {1: 0, -1: 1, 0: 2}[pair[1]])


def _chip(name: str, state: int, worth: int | None) -> str:
    kind, sign = ("", "") if worth is None else _VERDICTS[worth]
    text = f"{sign} {_STATES[state]}{name.lower() if state != 1 else name}".strip()
    return f'<span class="chip {kind}">{escape(text)}</span>'


def film_picture(path: str, description: str) -> str:
    """A film of at most `FILM_PX` pixels a side as an HTML image that holds its own bytes."""
    film = Image.fromarray(read_image(Path(path), shortest_side=FILM_PX).array)
    film.thumbnail((FILM_PX, FILM_PX), Image.Resampling.BOX)
    stream = io.BytesIO()
    film.save(stream, "JPEG", quality=82)
    return (
        f'<img loading="lazy" width="{film.width}" height="{film.height}" alt="{escape(description)}" '
        f'src="{_data_uri(stream.getvalue(), "jpeg")}">'
    )


def _data_uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _protocol(protocol: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<dt>{escape(key.replace('_', ' '))}</dt><dd>{escape(_said(value))}</dd>"
        for key, value in protocol.items()
    )
    return f'<div class="sheet"><dl>{rows}</dl></div>'


def _said(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_said(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(_said(inner) for inner in value) or "none"
    return value if isinstance(value, str) else json.dumps(value)


def _arrow(name: str) -> str:
    return escape(name.replace("->", " → "))
