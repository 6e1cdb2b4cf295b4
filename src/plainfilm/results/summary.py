"""What the first screen of a page of results says: how good, better than trivial or not, and what next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from plainfilm.results.baselines import baseline
from plainfilm.results.text import heading, interval, number
from plainfilm.tasks.base import Metric, Results, ScoreTable

MOST_NUMBERS, MOST_HINTS = 5, 4
_FEW, _WIDE = 100, 0.2
"""Items below which, and width of an interval between 0 and 1 from which, a score says little."""

Comparison = Literal["better", "worse", "open"]


@dataclass(frozen=True)
class Verdict:
    """A score in a sentence: better or worse than a trivial answer, or open; `None` without any."""

    metric: Metric
    comparison: Comparison | None
    words: str


@dataclass(frozen=True)
class Hint:
    """Something to look at next, and the part of the page that shows it."""

    text: str
    anchor: str


@dataclass(frozen=True)
class Summary:
    """The first screen. baselines: the names of those in its picture."""

    conclusion: str
    verdicts: tuple[Verdict, ...]
    hints: tuple[Hint, ...]
    baselines: tuple[str, ...]


def summary(results: Results) -> Summary:
    """The summary of an evaluation."""
    verdicts = tuple(_verdict(metric) for metric in _chosen(results))
    drawn = [name for one in verdicts for name in one.metric.baselines]
    return Summary(
        _conclusion(verdicts),
        verdicts,
        tuple(_hints(results, verdicts))[:MOST_HINTS],
        tuple(dict.fromkeys(drawn)),
    )


def _chosen(results: Results) -> list[Metric]:
    """The first headlines of every heading in turn, those with a value."""
    groups: dict[str, list[Metric]] = {}
    for metric in results.headline:
        if metric.subgroup is None and metric.value is not None:
            groups.setdefault(heading(metric), []).append(metric)
    rounds = max(map(len, groups.values()), default=0)
    in_turn = [own[place] for place in range(rounds) for own in groups.values() if place < len(own)]
    kept = {id(metric) for metric in in_turn[:MOST_NUMBERS]}
    return [metric for own in groups.values() for metric in own if id(metric) in kept]


def against(metric: Metric, name: str) -> Comparison:
    """Whether a score is better than that of a baseline: the interval of the paired difference excludes 0 or,
    where no difference is known, the interval of the score excludes the baseline's value."""
    sign = 1 if metric.better == "higher" else -1
    if name in metric.over_baselines:
        _, low, high = metric.over_baselines[name]
    elif metric.low is not None and metric.high is not None:
        low, high = (bound - metric.baselines[name] for bound in (metric.low, metric.high))
    else:
        return "open"
    if min(sign * low, sign * high) > 0:
        return "better"
    return "worse" if max(sign * low, sign * high) < 0 else "open"


_WORDS = {"better": "beats", "worse": "loses to", "open": "is not shown to differ from"}


def _verdict(metric: Metric) -> Verdict:
    sign = 1 if metric.better == "higher" else -1
    ranked = sorted(metric.baselines, key=lambda name: -sign * metric.baselines[name])
    found = {name: against(metric, name) for name in ranked}
    for comparison in ("worse", "open", "better"):
        names = [name for name in ranked if found[name] == comparison]
        if names:
            trivial = f"{baseline(names[0]).phrase}, {number(metric.baselines[names[0]])}"
            return Verdict(metric, comparison, f"{_WORDS[comparison]} {trivial}")
    return Verdict(metric, None, "has no trivial answer beside it")


def _conclusion(verdicts: Sequence[Verdict]) -> str:
    if not verdicts:
        return "No score could be computed; the reasons are below."
    counts = {kind: sum(one.comparison == kind for one in verdicts) for kind in ("better", "worse", "open")}
    said = {
        "better": ("beats every trivial answer", "beat every trivial answer"),
        "worse": ("loses to a trivial answer", "lose to a trivial answer"),
        "open": ("is not shown to beat one", "are not shown to beat one"),
    }
    parts = [f"{count} {said[kind][count != 1]}" for kind, count in counts.items() if count]
    first = verdicts[0].metric
    where = f"{heading(first)}: " if heading(first) else ""
    scored = f"{first.title.replace(' @ ', '@')} {number(first.value)}"
    lead = f"{where}{scored} {interval(first.low, first.high)} {verdicts[0].words}."
    if len(verdicts) == 1 or not parts:
        return lead
    return f"{lead} Of {len(verdicts)} scores, {', '.join(parts)}."


def _hints(results: Results, verdicts: Sequence[Verdict]) -> Iterator[Hint]:
    if results.warnings:
        count = len(results.warnings)
        yield Hint(f"Read {count} warning{'s' * (count != 1)}: the scores are in doubt.", "warnings")
    for place, table in enumerate(results.tables):
        worst = _worst(table, results)
        if worst:
            yield Hint(worst, table_anchor(place))
            break
    gap = _gap(results)
    if gap:
        yield Hint(gap, "subgroups")
    few = _few(verdicts)
    if few:
        yield Hint(few, "all-scores")
    if results.examples:
        count = len(results.examples)
        yield Hint(f"See {count} example{'s' * (count != 1)} with films.", "examples")


def table_anchor(place: int) -> str:
    """The id of a table in the page."""
    return f"table-{place + 1}"


def _worst(table: ScoreTable, results: Results) -> str:
    by_name = {metric.name: metric for metric in results.metrics}
    rows = {row: by_name.get(names[0]) for row, names in table.rows.items() if names}
    known = {row: metric for row, metric in rows.items() if metric is not None and metric.value is not None}
    if len(known) < 3:
        return ""
    row, metric = min(
        known.items(), key=lambda pair: (pair[1].value or 0.0) * (1 if pair[1].better == "higher" else -1)
    )
    of = f", of {metric.support} positive" if metric.support is not None else ""
    scored = f"{number(metric.value)} {interval(metric.low, metric.high)}"
    return f"Worst of {len(known)} by {table.columns[0]}: {row}, {scored}{of}."


def _gap(results: Results) -> str:
    """The headline whose subgroups differ most, their intervals apart."""
    parts: dict[str, list[Metric]] = {}
    for metric in results.metrics:
        if metric.subgroup is not None and metric.value is not None:
            parts.setdefault(metric.name.removesuffix(f" [{metric.subgroup}]"), []).append(metric)
    apart = []
    for base in (metric for metric in results.headline if metric.name in parts):
        own = sorted(parts[base.name], key=lambda metric: metric.value or 0.0)
        low, high = own[0], own[-1]
        if low.high is not None and high.low is not None and low.high < high.low:
            apart.append(((high.value or 0.0) - (low.value or 0.0), base, low, high))
    if not apart:
        return ""
    _, base, low, high = max(apart, key=lambda one: one[0])
    return (
        f"Subgroups differ: {base.title} is {number(low.value)} {interval(low.low, low.high)} for "
        f"{low.subgroup}, {number(high.value)} {interval(high.low, high.high)} for {high.subgroup}."
    )


def _few(verdicts: Sequence[Verdict]) -> str:
    def width(metric: Metric) -> float:
        bounded = metric.low is not None and metric.high is not None and metric.low >= 0 and metric.high <= 1
        return (metric.high or 0.0) - (metric.low or 0.0) if bounded else 0.0

    widest = max((one.metric for one in verdicts), key=width, default=None)
    if widest is None or (width(widest) < _WIDE and widest.n >= _FEW):
        return ""
    return f"Little data: n = {widest.n}, and the interval of {widest.title} is {width(widest):.2f} wide."
