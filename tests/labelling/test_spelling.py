"""Slips of the keyboard are read as they were meant, at the place where they were made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plainfilm.labelling import Labeller
from plainfilm.labelling.spelling import load_spelling
from plainfilm.labelling.vocabularies import CHEXPERT_OBSERVATIONS
from plainfilm.phantom.history import draw_visits
from plainfilm.phantom.reports import write_report
from plainfilm.seeding import generator
from plainfilm.types import State

CLASSES = {
    "chexpert": set(CHEXPERT_OBSERVATIONS[1:]),
    "nih14": {"Emphysema", "Fibrosis", "Hernia"},
}
SPELLING = load_spelling()


@pytest.mark.parametrize("slip", ["pnuemothorax", "pneumothrax", "pneumothoraxx", "pneumotborax"])
def test_a_slip_in_a_finding(slip: str) -> None:
    text = f"No large {slip} on the left."
    (label,) = Labeller.load().label_sentence(text)
    assert (label.observation, label.state) == ("Pneumothorax", State.NEGATIVE)
    assert text[label.start : label.end] == slip


def test_a_slip_in_what_denies() -> None:
    assert [label.state for label in Labeller.load().label_sentence("Withuot effusion.")] == [State.NEGATIVE]


@pytest.mark.parametrize("word", ["infusion", "diffusion", "massive", "pneumonic", "confusion", "fissures"])
def test_other_words_are_left_alone(word: str) -> None:
    assert SPELLING.correct(word) is None


@given(
    st.lists(st.sampled_from(["efusion", "no", "XXXX", "opactiy", "é", ",", "atelectasiss"])).map(" ".join)
)
def test_places_lie_in_the_text_as_written(text: str) -> None:
    corrected = SPELLING.correct(text.lower())
    if corrected:
        assert len(corrected.starts) == len(corrected.ends) == len(corrected.text)
        assert list(corrected.starts) == sorted(corrected.starts)
        assert corrected.ends[-1] == len(text)


def with_slip(text: str, number: int) -> str:
    """`text` with two letters of one of its long words in each other's place."""
    rng = generator("slip", number)
    words = text.split(" ")
    long = [place for place, word in enumerate(words) if len(word) >= 9 and word.isalpha()]
    if long:
        place = long[int(rng.integers(len(long)))]
        letter = int(rng.integers(2, len(words[place]) - 3))
        word = words[place]
        words[place] = word[:letter] + word[letter + 1] + word[letter] + word[letter + 2 :]
    return " ".join(words)


@pytest.mark.parametrize("vocabulary", CLASSES)
@pytest.mark.parametrize("slips", [False, True])
def test_micro_f1_on_reports_of_phantoms(slips: bool, vocabulary: str) -> None:
    labeller, classes = Labeller.load(vocabulary), CLASSES[vocabulary]
    hits = said = true = 0
    for number in range(300):
        (visit,) = draw_visits(1, generator("spelling test", number))
        report = write_report(60.0, "F", visit, generator("spelling test", number, "report"))
        for place, sentence in enumerate(report.sentences):
            text = with_slip(sentence.text, number * 100 + place) if slips else sentence.text
            found = {one.observation for one in labeller.label_sentence(text) if one.state == State.POSITIVE}
            meant = {name for name, state in sentence.states if state == State.POSITIVE}
            found, meant = found & classes, meant & classes
            hits, said, true = hits + len(found & meant), said + len(found), true + len(meant)
    assert true > 20
    assert 2 * hits / (said + true) >= 0.98
