"""Shows a report with what was found in it: the words, their state, and the rule that decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from plainfilm.labelling.labeller import Labeller
from plainfilm.labelling.reports import read_report
from plainfilm.text.overlaps import without_overlaps
from plainfilm.text.sentences import report_sentences
from plainfilm.types import Label, Report, Sentence, State

READ_SECTIONS = ("findings", "impression", "findings_and_impression", "addendum", "notification", "other")
"""Indication, comparison and technique speak of what was asked or was, not of what is."""

_COLOURS = {State.POSITIVE: "\033[1;31m", State.NEGATIVE: "\033[32m", State.UNCERTAIN: "\033[33m"}
_PLAIN = "\033[0m"
_SIGNS = {State.POSITIVE: "+", State.NEGATIVE: "-", State.UNCERTAIN: "?"}
_NAMES = {State.POSITIVE: "positive", State.NEGATIVE: "negative", State.UNCERTAIN: "uncertain"}


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

    def mark(words: str, state: State | None) -> str:
        if state is None:
            return words
        return f"{_COLOURS[state]}{words}{_PLAIN}" if colours else f"[{_SIGNS[state]} {words}]"

    lines = ["".join(mark(words, state) for words, state in _pieces(explained)).rstrip(), ""]
    for sentence, label in explained.labels:
        extra = "".join(f", {value}" for _, value in label.attributes)
        place = f"{label.start}-{label.end} in {sentence.section}"
        lines.append(f"{_SIGNS[label.state]} {label.observation} ({place}{extra}): {label.rule}")
    lines += ["", _conclusion(explained), ""]
    return "\n".join(lines)


def to_html(explained: Explained, title: str) -> str:
    """A page with the report, its words marked, and a table of the labels."""

    from plainfilm.pages import render  # brings Pillow, which labelling does without

    return render(
        "labelling/explained.html",
        title=title,
        conclusion=_conclusion(explained),
        pieces=[(words, None if state is None else _NAMES[state]) for words, state in _pieces(explained)],
        labels=[
            {
                "observation": label.observation,
                "state": _NAMES[label.state],
                "sentence": sentence.text,
                "characters": f"{label.start}-{label.end}",
                "attributes": ", ".join(value for _, value in label.attributes),
                "rule": label.rule or "",
            }
            for sentence, label in explained.labels
        ],
        origin=explained.origin,
    )


def _pieces(explained: Explained) -> Iterator[tuple[str, State | None]]:
    """The report cut where marks begin and end: words, and the state they are marked with."""
    place = 0
    for low, high, state in _spans(explained):
        yield explained.text[place:low], None
        yield explained.text[low:high], state
        place = high
    yield explained.text[place:], None


def _spans(explained: Explained) -> list[tuple[int, int, State]]:
    """The words to mark, one state each; where labels share words, the graver one shows."""
    gravity = (State.POSITIVE, State.UNCERTAIN, State.NEGATIVE)
    found = sorted(
        (gravity.index(label.state), label.start or 0, label.end or 0) for _, label in explained.labels
    )
    return without_overlaps((low, high, gravity[rank]) for rank, low, high in found)


def _conclusion(explained: Explained) -> str:
    if not explained.readable:
        return "not readable: no label (English and Traditional Chinese are read)"
    if not explained.states:
        return "nothing recognised: no label"
    return "; ".join(f"{name} {_NAMES[state]}" for name, state in explained.states.items())
