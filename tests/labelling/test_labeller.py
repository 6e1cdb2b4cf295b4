from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plainfilm.errors import ConfigError
from plainfilm.labelling import CHEXPERT_OBSERVATIONS, Labeller
from plainfilm.labelling.vocabularies import load_vocabulary
from plainfilm.phantom.history import draw_visits
from plainfilm.phantom.reports import write_report
from plainfilm.seeding import generator
from plainfilm.text.sentences import split_sentences
from plainfilm.types import State

LABELLER = Labeller.load()


def states(text: str) -> dict[str, State]:
    return {label.observation: label.state for label in LABELLER.label_sentence(text)}


def study(*texts: str) -> dict[str, State]:
    return LABELLER.aggregate(label for text in texts for label in LABELLER.label_sentence(text))


def test_origin_names_vocabulary_and_version() -> None:
    assert LABELLER.origin == "plainfilm-chexpert-4"
    assert LABELLER.observations == CHEXPERT_OBSERVATIONS
    assert {label.origin for label in LABELLER.label_sentence("No effusion.")} == {LABELLER.origin}


def test_evidence_is_the_words_of_the_mention() -> None:
    text = "Stable CARDIOMEGALY; no Pneumothorax."
    evidence = {label.observation: text[label.start : label.end] for label in LABELLER.label_sentence(text)}
    assert evidence == {"Cardiomegaly": "CARDIOMEGALY", "Pneumothorax": "Pneumothorax"}


def test_one_label_per_observation_with_the_mention_that_decided() -> None:
    text = "No effusion on the left, but an effusion on the right."
    (label,) = LABELLER.label_sentence(text)
    assert (label.state, label.start) == (State.POSITIVE, text.rindex("effusion"))


def test_labels_of_sentences_have_offsets_into_the_report() -> None:
    report = "FINDINGS: Heart is\n  enlarged. No effusion."
    sentences = split_sentences(report[10:], start=10)
    (large,), (effusion,) = LABELLER.label_sentences(sentences)
    assert report[effusion.start : effusion.end] == "effusion"
    assert report[large.start : large.end] == "Heart is\n  enlarged."


@pytest.mark.parametrize("text", ["", " ", "XXXX.", "___", "Two views.", "Rückenmark", "心脏正常", "1234 !?"])
def test_nothing_recognised_is_unknown_and_never_no_finding(text: str) -> None:
    assert LABELLER.label_sentence(text) == []
    assert study(text) == {}


def test_negations_alone_make_a_study_without_finding() -> None:
    assert study("No pneumothorax.", "No effusion.")["No Finding"] == State.POSITIVE


def test_devices_do_not_contradict_no_finding() -> None:
    assert study("Lungs are clear.", "Pacemaker in place.")["No Finding"] == State.POSITIVE


@pytest.mark.parametrize("text", ["Cardiomegaly.", "Possible pneumonia.", "Emphysema.", "Scoliosis."])
def test_any_finding_contradicts_no_finding(text: str) -> None:
    assert "No Finding" not in study("No acute cardiopulmonary process.", text)


def test_heart_failure_makes_the_heart_uncertain_as_published() -> None:
    assert study("Congestive heart failure.")["Cardiomegaly"] == State.UNCERTAIN
    assert "Cardiomegaly" not in study("No congestive heart failure.")


def test_case_and_line_breaks_do_not_matter() -> None:
    assert states("NO  EVIDENCE\nOF PNEUMONIA.") == {"Pneumonia": State.NEGATIVE}


def test_letters_beyond_ascii_keep_the_offsets() -> None:
    text = "The heart of Mr. İnönü shows cardiomegaly."
    (label,) = LABELLER.label_sentence(text)
    assert text[label.start : label.end] == "cardiomegaly"


def test_a_returned_list_may_be_changed() -> None:
    LABELLER.label_sentence("Cardiomegaly.").clear()
    assert len(LABELLER.label_sentence("Cardiomegaly.")) == 1


def test_a_vocabulary_of_the_package_is_compiled_once() -> None:
    assert Labeller.load("chexpert") is LABELLER
    assert Labeller.load("chexpert", details=False) is not LABELLER


def test_two_labellers_agree_whatever_came_before() -> None:
    texts = ["No effusion.", "Possible edema or pneumonia.", "Lungs are clear."]
    other = Labeller(load_vocabulary("chexpert"))
    backwards = [other.label_sentence(text) for text in reversed(texts)]
    assert [LABELLER.label_sentence(text) for text in texts] == backwards[::-1]


WORDS = [
    *("no", "possible", "effusion", "or", "heart", "enlarged", "normal", "but", "the"),
    *("lungs", "are", "clear", "versus", ",", ";", ".", "with", "change"),
]


@given(st.lists(st.sampled_from(WORDS), max_size=15).map(" ".join) | st.text(max_size=60))
def test_any_text_gets_at_most_one_label_per_observation_with_true_offsets(text: str) -> None:
    labels = LABELLER.label_sentence(text)
    assert len({label.observation for label in labels}) == len(labels)
    assert all(0 <= label.start < label.end <= len(text) for label in labels)


def test_a_vocabulary_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nversion: 3\nobservations:\n  Goitre: {present: [goit(re|er)]}\n")
    labeller = Labeller.load(str(path))
    assert labeller.origin == "plainfilm-mine-3"
    assert [label.state for label in labeller.label_sentence("No goiter.")] == [State.NEGATIVE]


def test_unknown_vocabulary() -> None:
    with pytest.raises(ConfigError, match="unknown vocabulary 'chexprt': did you mean 'chexpert'"):
        Labeller.load("chexprt")


def test_agrees_with_what_the_phantoms_reports_are_written_to_state() -> None:
    agreed = total = 0
    for number in range(300):
        (visit,) = draw_visits(1, generator("labeller test", number))
        report = write_report(60.0, "F", visit, generator("labeller test", number, "report"))
        for sentence in report.sentences:
            found, meant = states(sentence.text), dict(sentence.states)
            for observation in set(CHEXPERT_OBSERVATIONS[1:]) & (found.keys() | meant.keys()):
                agreed += found.get(observation) == meant.get(observation)
                total += 1
            if State.POSITIVE in (meant[name] for name in meant.keys() - set(CHEXPERT_OBSERVATIONS)):
                assert found["No Finding"] == State.NEGATIVE, sentence.text
    assert total > 1000
    assert agreed / total > 0.98


@pytest.mark.parametrize("vocabulary", ["chexpert", "nih14"])
def test_digits_are_all_the_same_to_the_rules_of_the_package(vocabulary: str) -> None:
    labeller = Labeller.load(vocabulary)
    assert labeller._ignores_digits
    texts = [
        "Nodule of 12 mm at T8, effusion 3.5 cm, in 2019.",
        "Normal 2 view chest.",
        "ETT 4 cm above carina.",
    ]
    assert [labeller._label(text) for text in texts] == [labeller.read_sentence(text) for text in texts]


def test_a_vocabulary_that_names_a_digit_tells_them_apart(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nversion: 1\nobservations:\n  Second: {present: [phase 2]}\n")
    labeller = Labeller.load(str(path))
    assert [len(labeller.label_sentence(text)) for text in ("Edema, phase 1.", "Edema, phase 2.")] == [0, 1]
