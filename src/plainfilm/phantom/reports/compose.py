"""Composes a whole report: the sentences of each section, and the typed page."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from plainfilm.phantom.history import Visit
from plainfilm.phantom.reports.grammar import expand, phrases, pick
from plainfilm.phantom.reports.page import Page
from plainfilm.phantom.reports.statements import (
    NEGATIVE,
    POSITIVE,
    UNCERTAIN,
    Statement,
    Topic,
    deny,
    describe,
    describe_pneumonia,
    describe_resolved,
    topics,
)
from plainfilm.phantom.truth import OBSERVATIONS, Finding, StatedSentence, placement
from plainfilm.types import View

_LUNG = {"Lung Opacity", "Consolidation", "Edema", "Pneumonia", "Atelectasis", "Lung Lesion"}
_HEART = {"Cardiomegaly", "Enlarged Cardiomediastinum"}
_SHADOWS = {"Fibrosis", "Tuberculosis"}
"""Observations besides those of `_LUNG` that make a lung less than clear."""
_GROUPS = {
    "Support Devices": "devices",
    **dict.fromkeys([*sorted(_HEART), "Pneumomediastinum"], "heart"),
    **dict.fromkeys(["Fracture", "Subcutaneous Emphysema", "Hernia", "Foreign Body"], "rest"),
}
"""The place of an observation in the findings, if not among the lungs."""
_DENIABLE = (set(OBSERVATIONS.values()) | {"Pneumonia"}) - {"Support Devices", "Pleural Other"}
_MAY_BE_UNCERTAIN = {
    "effusion": 0.5,
    "opacity": 0.35,
    "consolidation": 0.35,
    "edema": 0.4,
    "nodule": 0.35,
    "plate_atelectasis": 0.3,
    "pneumothorax": 0.3,
    "wide_mediastinum": 0.3,
    "emphysema": 0.3,
    "fibrosis": 0.3,
    "hernia": 0.35,
    "tuberculosis": 0.45,
    "pneumomediastinum": 0.35,
    "subcutaneous_emphysema": 0.2,
}
_STYLES = {
    "full": 0.42,
    "short": 0.26,
    "impression_only": 0.13,
    "findings_only": 0.07,
    "plain": 0.06,
    "wet": 0.04,
    "empty_impression": 0.02,
}


@dataclass(frozen=True)
class WrittenReport:
    """A report, the statements of each of its sentences, and its states as a whole.

    `findings` are the visit's with `stated` as in the report.
    """

    text: str
    sentences: tuple[StatedSentence, ...]
    states: dict[str, int]
    findings: tuple[Finding, ...]


def write_report(age: float, sex: str, visit: Visit, rng: np.random.Generator) -> WrittenReport:
    """A report on `visit`, in the style of MIMIC-CXR's texts."""
    findings = tuple(replace(finding, stated=stance(finding, rng)) for finding in visit.findings)
    described = topics(findings)
    style = str(rng.choice(list(_STYLES), p=np.array(list(_STYLES.values())) / sum(_STYLES.values())))
    body = _findings_section(described, findings, visit, rng)
    summary = _impression_section(described, findings, visit, rng)
    page = Page(rng)
    _type_page(page, style, body, summary, age, sex, visit, rng)
    sentences = tuple(page.sentences)
    return WrittenReport(page.text(), sentences, study_states(sentences), findings)


def study_states(sentences: Sequence[StatedSentence]) -> dict[str, int]:
    """The states of a report: positive before uncertain before negative; No Finding if none is left.

    No Finding is positive if nothing but devices is positive or uncertain, as in the CheXpert labeller.
    """
    states: dict[str, int] = {}
    rank = {NEGATIVE: 0, UNCERTAIN: 1, POSITIVE: 2}
    for sentence in sentences:
        for name, state in sentence.states:
            if name != "No Finding" and (name not in states or rank[state] > rank[states[name]]):
                states[name] = state
    if sentences and all(state == NEGATIVE for name, state in states.items() if name != "Support Devices"):
        states["No Finding"] = POSITIVE
    return states


def stance(finding: Finding, rng: np.random.Generator) -> int:
    """Whether the reader is sure: slight findings may be called possible."""
    doubt = _MAY_BE_UNCERTAIN.get(finding.kind, 0.0)
    if (
        finding.severity < 0.3
        and finding.variant in (None, "simple", "patchy", "wide")
        and rng.random() < doubt
    ):
        return UNCERTAIN
    return POSITIVE


def _findings_section(
    described: list[Topic], findings: Sequence[Finding], visit: Visit, rng: np.random.Generator
) -> list[Statement]:
    groups: dict[str, list[Statement]] = {"devices": [], "lungs": [], "heart": [], "rest": []}
    for topic in described:
        groups[_GROUPS.get(topic.observation, "lungs")].append(describe(topic, rng))
    pneumonia = describe_pneumonia(findings, rng)
    if pneumonia:
        groups["lungs"].append(pneumonia)
    groups["lungs"] += _resolved(findings, visit, rng)
    allowed = deniable(findings, groups["lungs"])
    if allowed >= _LUNG and rng.random() < 0.6:
        groups["lungs"].insert(
            0, Statement(expand(pick(phrases()["clear_lungs"], rng), {}, rng), (("Lung Opacity", NEGATIVE),))
        )
        allowed -= {"Lung Opacity"}
    for statement in deny(allowed, int(rng.integers(1, 5)), rng):
        groups[_GROUPS.get(statement.states[0][0], "lungs")].append(statement)
    fill = "bedside" if visit.views[0] in (View.AP, View.AP_SUPINE) and rng.random() < 0.4 else "boilerplate"
    present = {finding.observation for finding in findings}
    for _ in range(int(rng.integers(0, 3))):
        groups["rest"].append(Statement(expand(_fitting(phrases()[fill], present, rng), {}, rng)))
    order = ["devices", "lungs", "heart", "rest"]
    if rng.random() < 0.4:
        order = ["heart", "lungs", "rest", "devices"]
    return _once([statement for name in order for statement in groups[name]])


def _fitting(
    options: Sequence[str | dict[str, str]], true: Collection[str | None], rng: np.random.Generator
) -> str:
    """One of `options`; a mapping has a `text`, left out if its `unless` is in `true`."""
    fitting = [option for option in options if isinstance(option, str) or option["unless"] not in true]
    option = pick(fitting, rng)
    return option if isinstance(option, str) else str(option["text"])


def _resolved(findings: Sequence[Finding], visit: Visit, rng: np.random.Generator) -> list[Statement]:
    told = [describe_resolved(finding, rng) for finding in gone(findings, visit) if rng.random() < 0.8]
    return [statement for statement in told if statement]


def gone(findings: Sequence[Finding], visit: Visit) -> list[Finding]:
    """What was there at the visit before and is there no more, one finding of a kind."""
    present = {finding.observation for finding in findings}
    return list(
        {finding.kind: finding for finding in visit.earlier if finding.observation not in present}.values()
    )


def deniable(findings: Sequence[Finding], stated: Sequence[Statement]) -> set[str]:
    """The observations that may be called absent and have not been already."""
    present = {finding.observation for finding in findings}
    allowed = _DENIABLE - present - {name for statement in stated for name, _ in statement.states}
    if present & (_LUNG - {"Lung Lesion"} | _SHADOWS):
        allowed -= {"Lung Opacity", "Pneumonia"}
    if "Lung Lesion" in present:
        allowed -= {"Lung Opacity"}
    if present & _HEART:
        allowed -= {"Enlarged Cardiomediastinum"}
    if "Subcutaneous Emphysema" in present:
        allowed -= {"Emphysema"}
    return allowed


def _impression_section(
    described: list[Topic], findings: Sequence[Finding], visit: Visit, rng: np.random.Generator
) -> list[Statement]:
    statements = [
        describe(topic, rng, brief=True)
        for topic in sorted(described, key=lambda topic: -topic.lead.severity)
        if topic.observation != "Support Devices"
    ]
    pneumonia = describe_pneumonia(findings, rng)
    if pneumonia:
        statements.insert(min(1, len(statements)), pneumonia)
    statements += _resolved(findings, visit, rng)[:1]
    allowed = deniable(findings, statements)
    if not statements or not any(state != NEGATIVE for item in statements for _, state in item.states):
        statements.insert(
            0, Statement(expand(pick(phrases()["no_finding"], rng), {}, rng), (("No Finding", 1),))
        )
    elif rng.random() < 0.35:
        statements += deny(allowed, 1, rng)
    elif not visit.first and all(topic.change == "stable" for topic in described) and rng.random() < 0.3:
        statements.insert(0, Statement(expand(pick(phrases()["no_change"], rng), {}, rng)))
    strays = [topic for topic in described if placement(topic.lead) == "malposition"]
    statements += [describe(topic, rng, brief=True) for topic in strays if rng.random() < 0.7]
    if any(topic.observation == "Support Devices" for topic in described) and rng.random() < 0.25:
        true = {placement(finding) for finding in findings}
        summary = expand(_fitting(phrases()["device_summary"], true, rng), {}, rng)
        statements.append(Statement(summary, (("Support Devices", POSITIVE),)))
    if rng.random() < 0.12:
        statements.append(Statement(expand(pick(phrases()["closing"], rng), {}, rng)))
    return _once(statements)


def _once(statements: list[Statement]) -> list[Statement]:
    return list({statement.text: statement for statement in statements}.values())


def _type_page(
    page: Page,
    style: str,
    body: list[Statement],
    summary: list[Statement],
    age: float,
    sex: str,
    visit: Visit,
    rng: np.random.Generator,
) -> None:
    page.title("WET READ: ___ ___ ___ ___ AM" if style == "wet" else "FINAL REPORT")
    _type_head(page, style, age, sex, visit, rng)
    everything = _once(_devices_of(body) + summary)
    if style == "plain":
        page.paragraph(everything, "other")
    elif style == "impression_only":
        page.section("IMPRESSION", everything, "impression", numbered=rng.random() < 0.4)
    else:
        page.section("FINDINGS", body, "findings")
        if style != "findings_only":
            impression = [] if style == "empty_impression" else summary
            page.section(
                "IMPRESSION", impression, "impression", numbered=len(impression) > 1 and rng.random() < 0.4
            )


def _devices_of(statements: list[Statement]) -> list[Statement]:
    return [item for item in statements if item.states and item.states[0][0] == "Support Devices"]


def _type_head(page: Page, style: str, age: float, sex: str, visit: Visit, rng: np.random.Generator) -> None:
    words, kind = phrases(), _examination(visit.views)
    who = f"___ year old {'woman' if sex == 'F' else 'man'} with " if rng.random() < 0.7 else ""
    why = expand(pick(words["indication"][visit.scenario], rng), {}, rng)
    why = who + (why[:1].lower() + why[1:] if not why[:2].isupper() else why)
    if style == "plain":
        page.line(expand(pick(words["examination"][kind], rng), {}, rng))
        page.field("HISTORY", why)
        return
    if style in ("full", "impression_only"):
        page.field("EXAMINATION", expand(pick(words["examination"][kind], rng), {}, rng))
    page.field("INDICATION", why)
    if style == "full":
        page.field("TECHNIQUE", expand(pick(words["technique"][kind], rng), {}, rng))
    if style != "impression_only":
        page.field(
            "COMPARISON", expand(pick(words["comparison"]["first" if visit.first else "later"], rng), {}, rng)
        )


def _examination(views: Sequence[View]) -> str:
    if set(views) == {View.LATERAL}:
        return "lateral"
    if View.LATERAL in views:
        return "frontal_lateral"
    return "frontal" if View.PA in views else "bedside"
