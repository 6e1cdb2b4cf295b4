from __future__ import annotations

import re
from collections import Counter

import pytest

from plainfilm.phantom.history import draw_visits
from plainfilm.phantom.reports import write_report
from plainfilm.phantom.reports.compose import study_states
from plainfilm.phantom.reports.statements import describe, topics
from plainfilm.phantom.scenarios import SCENARIOS
from plainfilm.phantom.truth import CHEXPERT, OBSERVATIONS, Finding, StatedSentence, placement
from plainfilm.seeding import generator


@pytest.fixture(scope="module")
def written():
    """Reports with the visits they are about."""
    pairs = []
    for number in range(400):
        rng = generator("reports", number)
        pairs += [(visit, write_report(60, "F", visit, rng)) for visit in draw_visits(2, rng)]
    return pairs


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_patients_of_every_scenario_get_a_report(scenario):
    [visit] = draw_visits(1, generator("scenario", scenario), {scenario: 1.0})
    assert write_report(60, "F", visit, generator("words", scenario)).sentences


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


def test_a_tube_astray_is_never_summed_up_as_well_placed(written):
    strays = [
        report
        for _, report in written
        if any(placement(finding) == "malposition" for finding in report.findings)
    ]
    assert len(strays) > 20
    for report in strays:
        told = " ".join(sentence.text for sentence in report.sentences)
        assert not re.search(r"(devices|tubes) in (standard|satisfactory|appropriate) position", told)


def test_what_chexpert_has_no_class_for_is_denied_under_its_own_name(written):
    denied = {name for _, report in written for name, state in report.states.items() if state == 0}
    assert set(OBSERVATIONS.values()) - set(CHEXPERT) <= denied


@pytest.mark.parametrize("kind", [kind for kind, name in OBSERVATIONS.items() if name not in CHEXPERT])
def test_what_chexpert_has_no_class_for_clears_no_finding(kind):
    told = topics([Finding("f0", kind, "left", "upper", 0.8, 1)])[0]
    sentence = StatedSentence("", "findings", 0, 0, describe(told, generator("words")).states)
    states = study_states([sentence])
    assert states[OBSERVATIONS[kind]] == 1
    assert "No Finding" not in states


def test_an_interstitial_fibrosis_is_a_lung_opacity_where_the_words_say_so():
    finding = Finding("f0", "fibrosis", None, None, 0.8, 1, "interstitial")
    told = [describe(topics([finding])[0], generator("words", number)) for number in range(30)]
    for statement in told:
        assert (("Lung Opacity", 1) in statement.states) == ("opacities" in statement.text)
    assert len({len(statement.states) for statement in told}) == 2
