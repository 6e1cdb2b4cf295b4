"""Reports in Traditional Chinese and English mixed, whose every sentence knows what it states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from plainfilm.config import read_yaml
from plainfilm.phantom.findings.devices import tracheal_tube_tip_mm
from plainfilm.phantom.history import Visit
from plainfilm.phantom.reports.compose import WrittenReport, deniable, gone, stance, study_states
from plainfilm.phantom.reports.grammar import choose, pick
from plainfilm.phantom.reports.statements import NEGATIVE, POSITIVE, UNCERTAIN, Statement, Topic, topics
from plainfilm.phantom.truth import Finding, StatedSentence, placement

_MOST_DENIED = 4


@cache
def _words() -> dict[str, Any]:
    return read_yaml(Path(__file__).with_name("mixed.yaml"))


def write_mixed_report(age: float, sex: str, visit: Visit, rng: np.random.Generator) -> WrittenReport:
    """A report on `visit` in one cell of running text, in the manner of Chang Gung's."""
    findings = tuple(replace(finding, stated=stance(finding, rng)) for finding in visit.findings)
    told = topics(findings)
    body = [_describe(topic, rng) for topic in told]
    body += _pneumonia(findings, rng)
    body += [_resolved(finding, rng) for finding in gone(findings, visit) if rng.random() < 0.8]
    body += _denials(deniable(findings, body), rng)
    summary = [
        _describe(topic, rng)
        for topic in sorted(told, key=lambda topic: -topic.lead.severity)[:3]
        if topic.observation != "Support Devices"
    ] or [_said("no_finding", {}, rng, (("No Finding", POSITIVE),))]
    return _typed(body, summary, findings, rng)


def _describe(topic: Topic, rng: np.random.Generator) -> Statement:
    words, states = _words(), ((topic.observation, topic.state),)
    slots = {"side": words["sides"][topic.side], "site": "", "level": ""}
    if topic.observation == "Support Devices":
        forms = words["devices"][topic.kind]
        form = forms.get(placement(topic.lead) or "in place", forms["in place"])
        if topic.kind == "tracheal_tube":
            slots["cm"] = f"{tracheal_tube_tip_mm(topic.lead) / 10:.1f}"
        return Statement(_clean(choose(pick(form, rng), slots, rng)), states)
    slots |= _named(topic.lead, rng)
    if topic.side in ("right", "left"):
        slots["site"] = words["sites"][topic.lead.site if topic.lead.site in words["sites"] else ""]
    if topic.state == UNCERTAIN:
        return _said("uncertain", slots, rng, states)
    if topic.change and rng.random() < 0.6:
        return Statement(_clean(choose(pick(words["change"][topic.change], rng), slots, rng)), states)
    return _said("positive", slots, rng, states)


def _named(finding: Finding, rng: np.random.Generator) -> dict[str, str]:
    """What a finding is called, and how much of it there is."""
    kind = _words()["kinds"][finding.kind]
    grade = 0 if finding.severity < 0.36 else 1 if finding.severity < 0.7 else 2
    return {"noun": str(pick(kind["nouns"], rng)), "level": str(kind["levels"][grade])}


def _pneumonia(findings: Sequence[Finding], rng: np.random.Generator) -> list[Statement]:
    causes = [finding for finding in findings if finding.cause]
    if not causes:
        return []
    state = POSITIVE if any(finding.cause == "pneumonia" for finding in causes) else UNCERTAIN
    words, lead = _words(), max(causes, key=lambda finding: finding.severity)
    slots = {
        "side": words["sides"][lead.side or ""],
        "site": words["sites"].get(lead.site or "", ""),
    }
    options = words["pneumonia"]["positive" if state == POSITIVE else "uncertain"]
    return [Statement(_clean(choose(pick(options, rng), slots, rng)), (("Pneumonia", state),))]


def _resolved(finding: Finding, rng: np.random.Generator) -> Statement:
    slots = {"side": _words()["sides"][finding.side or ""], **_named(finding, rng)}
    return _said("resolved", slots, rng, ((finding.observation, NEGATIVE),))


def _denials(allowed: set[str], rng: np.random.Generator) -> list[Statement]:
    """Some of what may be denied, one by one or two at a time."""
    words, statements = _words(), list[Statement]()
    for normal in words["normal"]:
        if set(normal["states"]) <= allowed and rng.random() < 0.4:
            allowed = allowed - set(normal["states"])
            states = tuple((name, NEGATIVE) for name in normal["states"])
            statements.append(Statement(_clean(choose(pick(normal["text"], rng), {}, rng)), states))
    names = [name for name in words["denied"] if name in allowed]
    rng.shuffle(names)
    names = names[: int(rng.integers(1, _MOST_DENIED + 1))]
    while names:
        several = names[:2] if rng.random() < 0.5 else names[:1]
        names = names[len(several) :]
        slots = dict(zip("ab", (str(pick(words["denied"][name], rng)) for name in several), strict=False))
        states = tuple((name, NEGATIVE) for name in several)
        statements.append(_said("no_one" if len(several) == 1 else "no_two", slots, rng, states))
    return statements


def _said(
    group: str, slots: Mapping[str, str], rng: np.random.Generator, states: tuple[tuple[str, int], ...]
) -> Statement:
    return Statement(_clean(choose(pick(_words()[group], rng), slots, rng)), states)


def _clean(text: str) -> str:
    """`text` with single spaces, none beside Chinese punctuation."""
    text = " ".join(text.split())
    for mark in "，。、：":
        text = text.replace(f" {mark}", mark).replace(f"{mark} ", mark)
    return text.replace(" .", ".")


def _typed(
    body: Sequence[Statement],
    summary: Sequence[Statement],
    findings: tuple[Finding, ...],
    rng: np.random.Generator,
) -> WrittenReport:
    """The cell: what was asked, findings, and often an impression."""
    words, text = _words(), ""
    text += choose(pick(words["head"], rng), {}, rng)
    if rng.random() < 0.6:
        text += "\n" + choose(pick(words["why"], rng), {}, rng)
    header = str(pick(words["findings"], rng))
    parts = [(header, body, "findings" if header else "other")]
    if header and rng.random() < 0.6:
        parts.append((str(pick(words["impression"], rng)), summary, "impression"))
    sentences: list[StatedSentence] = []
    for header, statements, section in parts:
        text += f"\n{header}"
        for statement in dict.fromkeys(statements):
            if text[-1] not in "\n。 ":
                text += " "
            start = len(text)
            text += statement.text
            sentences.append(StatedSentence(statement.text, section, start, len(text), statement.states))
    return WrittenReport(text, tuple(sentences), study_states(sentences), findings)
