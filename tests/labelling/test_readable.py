"""Other languages are not read, English in telegram style is."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from plainfilm.labelling import Labeller
from plainfilm.labelling.readable import Language, is_traditional
from plainfilm.labelling.reports import read_report
from plainfilm.types import State

LABELLERS = [Labeller.load(name) for name in ("chexpert", "nih14")]
LANGUAGE = Language()
OTHER: dict[str, list[str]] = yaml.safe_load(
    Path(__file__).with_name("other_languages.yaml").read_text(encoding="utf-8")
)
TERMS = [
    *("pneumothorax", "pleural effusion", "consolidation", "large left pleural effusion", "cardiomegaly"),
    *(
        "pneumonia",
        "pulmonary edema",
        "rib fracture",
        "infiltrate",
        "effusion or pneumothorax",
        "atelectasis",
    ),
]
ENGLISH = ["", "The heart is normal in size.", "No acute disease."]


def test_there_are_enough_languages() -> None:
    assert len(OTHER) >= 30


@pytest.mark.parametrize("language", OTHER)
@given(term=st.sampled_from(TERMS), beside=st.sampled_from(ENGLISH), data=st.data())
def test_another_language_is_never_positive_and_never_no_finding(
    language: str, term: str, beside: str, data: st.DataObject
) -> None:
    text = data.draw(st.sampled_from(OTHER[language])).replace("{}", term)
    for labeller in LABELLERS:
        assert labeller.label_sentence(text) == []
        for report in ([text], [text, beside], [beside, text]):
            states = read_report(report, labeller).states
            assert all(state == State.NEGATIVE for state in states.values()), states


@pytest.mark.parametrize(
    "text",
    [
        *("Pneumonie.", "Infiltrat basal rechts.", "Cardiomegalia moderada.", "Derrame pleural derecho."),
        *("Atelektase links.", "Épanchement pleural.", "Pneumothorax rechts.", "Zapalenie płuc."),
        *("Пневмония справа.", "폐렴 의심", "肺炎疑い。", "右下肺肺炎，无气胸。"),
    ],
)
def test_what_another_language_states_is_not_read(text: str) -> None:
    assert not any(labeller.read_sentence(text).readable for labeller in LABELLERS)


@pytest.mark.parametrize(
    "text",
    [
        *("no pneumothorax", "effusion", "le edema", "xxxx", "", "de novo mass in the lung"),
        *("mod l pl eff, poss pna", "bochdalek hernia", "ng tube ok", "rll consol w/ sm eff"),
        *("dr. kowalski was told of the pneumothorax", "pneumothroax on the left", "pa and lateral chest"),
    ],
)
def test_english(text: str) -> None:
    assert LANGUAGE.is_english(text)


def test_a_report_of_which_a_part_is_not_read_keeps_the_labels_of_the_rest() -> None:
    report = ["There is a large left pleural effusion.", "No pneumothorax.", "Kein Infiltrat."]
    read = read_report(report, LABELLERS[0])
    assert (read.readable, read.in_part) == (True, True)
    assert read.states == {"Pleural Effusion": State.POSITIVE, "Pneumothorax": State.NEGATIVE}


def test_a_report_of_which_most_is_not_read_has_no_labels() -> None:
    report = ["Pneumothorax.", "Kein Erguss, Herz und Mediastinum regelrecht konfiguriert."]
    read = read_report(report, LABELLERS[0])
    assert (read.readable, read.states, read.labels) == (False, {}, [[], []])


def test_words_of_a_vocabulary_are_known() -> None:
    assert not LANGUAGE.is_english("struma nodosa")
    assert Language(["struma nodosa"]).is_english("struma nodosa")


def test_traditional_and_other_characters() -> None:
    assert is_traditional("右側肋膜積液")
    assert not is_traditional("右侧胸腔积液")
    assert not is_traditional("気胸")
