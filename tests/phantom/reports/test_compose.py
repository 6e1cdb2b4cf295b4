from __future__ import annotations

from collections import Counter

import pytest

from plainfilm.phantom.history import draw_visits
from plainfilm.phantom.reports import write_report
from plainfilm.phantom.reports.compose import study_states
from plainfilm.phantom.truth import StatedSentence
from plainfilm.seeding import generator


@pytest.fixture(scope="module")
def written():
    """Reports with the visits they are about."""
    pairs = []
    for number in range(400):
        rng = generator("reports", number)
        pairs += [(visit, write_report(60, "F", visit, rng)) for visit in draw_visits(2, rng)]
    return pairs


def test_every_sentence_lies_where_it_says(written):
    for _, report in written:
        for sentence in report.sentences:
            assert " ".join(report.text[sentence.start : sentence.end].split()) == sentence.text


def test_every_finding_is_mentioned(written):
    for visit, report in written:
        for finding in visit.findings:
            assert report.states.get(finding.observation) in (1, -1), (finding, report.text)


def test_nothing_that_is_there_is_called_absent(written):
    for visit, report in written:
        present = {finding.observation for finding in visit.findings}
        denied = {name for sentence in report.sentences for name, state in sentence.states if state == 0}
        assert not present & denied


def test_nothing_that_is_absent_is_called_present(written):
    for visit, report in written:
        possible = {finding.observation for finding in visit.findings} | {"No Finding"}
        if any(finding.cause for finding in visit.findings):
            possible.add("Pneumonia")
        if possible & {"Fibrosis", "Tuberculosis"}:
            possible.add("Lung Opacity")
        assert {name for name, state in report.states.items() if state != 0} <= possible


def test_no_finding_is_stated_where_only_devices_are_left(written):
    for visit, report in written:
        others = {finding.observation for finding in visit.findings} - {"Support Devices"}
        assert ("No Finding" in report.states) == (not others)


def test_sides_are_named_as_in_the_world(written):
    for visit, report in written:
        sides = {finding.side for finding in visit.findings if finding.kind == "effusion"}
        told = " ".join(
            s.text.lower()
            for s in report.sentences
            if ("Pleural Effusion", 1) in s.states and "ffusion" in s.text
        )
        if len(sides) == 1:
            other = {"right": "left", "left": "right"}[sides.pop()]
            assert f"{other} pleural effusion" not in told


def test_the_language_is_rich(written):
    sentences = Counter(sentence.text for _, report in written for sentence in report.sentences)
    assert len(sentences) > 1000


def test_no_template_is_left_unfilled(written):
    for _, report in written:
        assert not set("{}[]|") & set(report.text)


def test_pages_look_like_the_corpus_does(written):
    text = "\n".join(report.text for _, report in written)
    assert "FINAL REPORT" in text
    assert "\n IMPRESSION:" in text
    assert "\n FINDINGS:" in text
    assert "___" in text
    assert max(len(line) for line in text.split("\n")) <= 80


def test_some_reports_have_an_impression_alone_and_some_lists(written):
    assert any("FINDINGS:" not in report.text and "IMPRESSION:" in report.text for _, report in written)
    assert any("\n 1.  " in report.text for _, report in written)


def test_positive_comes_before_uncertain_before_negative():
    sentences = [
        StatedSentence("", "findings", 0, 0, states)
        for states in ((("Edema", 0),), (("Edema", -1),), (("Edema", 1), ("Fracture", 0)))
    ]
    assert study_states(sentences) == {"Edema": 1, "Fracture": 0}
    assert study_states(sentences[:2])["Edema"] == -1
    assert study_states(sentences[:1]) == {"Edema": 0, "No Finding": 1}
