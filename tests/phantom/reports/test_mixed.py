"""Reports in Traditional Chinese and English mixed state what they say they state."""

from __future__ import annotations

import re

from plainfilm.labelling import CHEXPERT_OBSERVATIONS, Labeller
from plainfilm.phantom.history import draw_visits
from plainfilm.phantom.reports import write_mixed_report
from plainfilm.phantom.truth import OBSERVATIONS
from plainfilm.seeding import generator

_LABELLER = Labeller.load()


def reports(count: int):
    for number in range(count):
        (visit,) = draw_visits(1, generator("mixed", number))
        yield write_mixed_report(60.0, "F", visit, generator("mixed", number, "report"))


def test_sentences_lie_where_they_are_said_to_lie() -> None:
    for report in reports(50):
        assert all(report.text[one.start : one.end] == one.text for one in report.sentences)
        assert not re.search(r"[{}\[\]|]", report.text)


def test_both_languages_are_written() -> None:
    text = " ".join(report.text for report in reports(50))
    assert re.search("[\u4e00-\u9fff]", text)
    assert re.search("pleural effusion", text)


def test_every_finding_is_told_and_states_only_what_there_is() -> None:
    for report in reports(100):
        there = {OBSERVATIONS[finding.kind] for finding in report.findings}
        stated = {name for one in report.sentences for name, state in one.states if state == 1}
        assert there - {"Pneumonia"} >= stated - {"Pneumonia", "No Finding"}
        told = {name for one in report.sentences for name, state in one.states if state != 0}
        assert there <= told


def test_the_labeller_reads_what_they_state() -> None:
    agreed = total = 0
    for report in reports(200):
        for sentence in report.sentences:
            found = {label.observation: int(label.state) for label in _LABELLER.label_sentence(sentence.text)}
            meant = dict(sentence.states)
            for name in set(CHEXPERT_OBSERVATIONS[1:]) & (found.keys() | meant.keys()):
                agreed += found.get(name) == meant.get(name)
                total += 1
    assert total > 1000
    assert agreed / total > 0.98
