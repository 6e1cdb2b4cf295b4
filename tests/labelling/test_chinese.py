"""Traditional Chinese, alone and around English terms."""

from __future__ import annotations

import pytest

from plainfilm.labelling import Labeller
from plainfilm.labelling.chinese import spelled_out, translate
from plainfilm.labelling.reports import read_report
from plainfilm.types import State

LABELLER = Labeller.load()


def states(text: str) -> dict[str, str]:
    signs = {State.POSITIVE: "+", State.NEGATIVE: "-", State.UNCERTAIN: "?"}
    return {label.observation: signs[label.state] for label in LABELLER.label_sentence(text)}


def test_english_words_take_the_place_of_chinese_ones() -> None:
    translated = translate("無 pneumothorax，疑似肺炎。")
    assert translated is not None
    assert translated.rewritten.text.split() == ["no", "pneumothorax;", "suspected", "pneumonia", "."] or (
        translated.rewritten.text.split() == ["no", "pneumothorax", ";", "suspected", "pneumonia", "."]
    )
    assert translated.readable


def test_english_is_left_alone() -> None:
    assert translate("no pneumothorax") is None


@pytest.mark.parametrize(
    "text", ["無 pneumothorax，左側 Effusion。", "左側大量胸水，無氣胸", "疑似肺炎 pneumonia"]
)
def test_evidence_lies_at_the_words_as_written(text: str) -> None:
    words = {text[label.start : label.end] for label in LABELLER.label_sentence(text)}
    assert words <= {"pneumothorax", "Effusion", "胸水", "氣胸", "肺炎", "pneumonia"}
    assert words


def test_a_report_of_findings_is_not_no_finding() -> None:
    read = read_report(["雙側肋膜積液，心臟擴大。", "No pneumothorax."], LABELLER)
    assert read.states == {
        "Pleural Effusion": State.POSITIVE,
        "Cardiomegaly": State.POSITIVE,
        "Pneumothorax": State.NEGATIVE,
    }


def test_a_normal_report_is_no_finding() -> None:
    read = read_report(["兩側肺野清晰，心臟大小正常。", "無 pneumothorax，無 pleural effusion。"], LABELLER)
    assert read.states["No Finding"] == State.POSITIVE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("未見氣胸、肋膜積液及骨折。", {"Pneumothorax": "-", "Pleural Effusion": "-", "Fracture": "-"}),
        ("無氣胸，右下肺浸潤。", {"Pneumothorax": "-", "Lung Opacity": "+"}),
        ("肋膜積液尚未消失。", {"Pleural Effusion": "+"}),
        ("若有氣胸，請通知。", {}),
    ],
)
def test_scopes(text: str, expected: dict[str, str]) -> None:
    assert states(text) == expected


def test_what_is_mostly_unknown_is_not_read() -> None:
    assert not LABELLER.read_sentence("甲乙丙丁戊己庚辛 pneumothorax").readable


def test_phrases_are_spelled_out() -> None:
    assert set(spelled_out("(胸|肋)膜?炎")) == {"胸炎", "胸膜炎", "肋炎", "肋膜炎"}
    assert set(spelled_out("脊[椎柱]")) == {"脊椎", "脊柱"}
