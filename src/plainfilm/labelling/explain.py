"""Shows a report with what was found in it: the words, their state, and the rule that decided."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape

from plainfilm.labelling.labeller import Labeller
from plainfilm.labelling.reports import read_report
from plainfilm.text.sentences import report_sentences
from plainfilm.types import Label, Report, Sentence, State

READ_SECTIONS = ("findings", "impression", "findings_and_impression", "addendum", "notification", "other")
"""Indication, comparison and technique speak of what was asked or was, not of what is."""

_COLOURS = {State.POSITIVE: "\033[1;31m", State.NEGATIVE: "\033[32m", State.UNCERTAIN: "\033[33m"}
_PLAIN = "\033[0m"
_SIGNS = {State.POSITIVE: "+", State.NEGATIVE: "-", State.UNCERTAIN: "?"}
_NAMES = {State.POSITIVE: "positive", State.NEGATIVE: "negative", State.UNCERTAIN: "uncertain"}
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1d2327}"
    "pre{white-space:pre-wrap;font:inherit;background:#f6f7f8;padding:1rem;border-radius:8px}"
    "table{border-collapse:collapse;width:100%;font-size:14px}td,th{text-align:left;padding:.4rem .6rem;"
    "border-bottom:1px solid #dcdfe2;vertical-align:top}code{font-size:12px;overflow-wrap:anywhere}"
    "mark{border-radius:4px;padding:0 .2em}.positive{background:#fbd9d6}.negative{background:#d6f0dd}"
    ".uncertain{background:#fcebc5}"
)


@dataclass(frozen=True)
class Explained:
    """A report, the labels of its sentences with offsets into it, and the states they come to."""

    text: str
    origin: str
    labels: tuple[tuple[Sentence, Label], ...]
    states: Mapping[str, State]
    readable: bool


def explain_report(text: str, labeller: Labeller) -> Explained:
    """Labels one report, sections found by the plain header rules."""
    sentences = [one for one in report_sentences(Report(text)) if one.section in READ_SECTIONS]
    read = read_report([sentence.text for sentence in sentences], labeller)
    found = [labeller.placed(*pair) for pair in zip(sentences, read.labels, strict=True)]
    pairs = [(sentence, label) for sentence, labels in zip(sentences, found, strict=True) for label in labels]
    return Explained(text, labeller.origin, tuple(pairs), read.states, read.readable)


def to_terminal(explained: Explained, *, colours: bool) -> str:
    """The report with its marked words, then a line for every label; without colours with signs alone."""

    def mark(words: str, state: State) -> str:
        return f"{_COLOURS[state]}{words}{_PLAIN}" if colours else f"[{_SIGNS[state]} {words}]"

    lines = ["".join(_marked(explained, mark, lambda words: words)).rstrip(), ""]
    for sentence, label in explained.labels:
        extra = "".join(f", {value}" for _, value in label.attributes)
        place = f"{label.start}-{label.end} in {sentence.section}"
        lines.append(f"{_SIGNS[label.state]} {label.observation} ({place}{extra}): {label.rule}")
    lines += ["", _conclusion(explained), ""]
    return "\n".join(lines)


def to_html(explained: Explained, title: str) -> str:
    """A page with the report, its words marked, and a table of the labels."""

    def mark(words: str, state: State) -> str:
        return f'<mark class="{_NAMES[state]}">{escape(words)}</mark>'

    rows = "".join(
        f'<tr><td><mark class="{_NAMES[label.state]}">{escape(label.observation)}</mark></td>'
        f"<td>{_NAMES[label.state]}</td><td>{escape(sentence.text)}</td><td>{label.start}-{label.end}</td>"
        f"<td>{escape(', '.join(value for _, value in label.attributes))}</td>"
        f"<td><code>{escape(label.rule or '')}</code></td></tr>"
        for sentence, label in explained.labels
    )
    heads = "".join(
        f"<th>{head}</th>"
        for head in ("observation", "state", "sentence", "characters", "attributes", "rule")
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1>"
        f"<pre>{''.join(_marked(explained, mark, escape))}</pre><p>{escape(_conclusion(explained))}</p>"
        f"<table><tr>{heads}</tr>{rows}</table>"
        f"<p>{escape(explained.origin)}; not a medical device.</p></html>\n"
    )


def _marked(
    explained: Explained, mark: Callable[[str, State], str], plain: Callable[[str], str]
) -> Iterator[str]:
    place = 0
    for low, high, state in _spans(explained):
        yield plain(explained.text[place:low])
        yield mark(explained.text[low:high], state)
        place = high
    yield plain(explained.text[place:])


def _spans(explained: Explained) -> list[tuple[int, int, State]]:
    """The words to mark, one state each; where labels share words, the graver one shows."""
    gravity = (State.POSITIVE, State.UNCERTAIN, State.NEGATIVE)
    found = sorted(
        (gravity.index(label.state), label.start or 0, label.end or 0) for _, label in explained.labels
    )
    kept: list[tuple[int, int, State]] = []
    for rank, low, high in found:
        if all(high <= start or end <= low for start, end, _ in kept):
            kept.append((low, high, gravity[rank]))
    return sorted(kept)


def _conclusion(explained: Explained) -> str:
    if not explained.readable:
        return "not readable: no label (English and Traditional Chinese are read)"
    if not explained.states:
        return "nothing recognised: no label"
    return "; ".join(f"{name} {_NAMES[state]}" for name, state in explained.states.items())
