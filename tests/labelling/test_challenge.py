from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from plainfilm.labelling import Labeller
from plainfilm.labelling.vocabularies import NO_FINDING
from plainfilm.types import State

CHALLENGE = {
    "chexpert": ("challenge", "challenge_more", "challenge_styles", "challenge_second"),
    "nih14": ("challenge_nih14",),
}
ALLOWING = {
    "fresh_five_hospitals": (300, 0.97),
    "fresh_five_hospitals_second": (150, 0.97),
    "fresh_five_hospitals_third": (300, 0.97),
    "challenge_scopes": (275, 0.97),
    "challenge_kinds": (90, 0.97),
    "challenge_kinds_second": (80, 0.95),
    "challenge_chinese": (200, 0.95),
    "challenge_chinese_second": (40, 0.95),
    "challenge_chinese_third": (50, 0.95),
}
"""Files of sentences with several states allowed: how many there are, and the share that must be right."""

SIGNS = {State.POSITIVE: "+", State.NEGATIVE: "-", State.UNCERTAIN: "?"}


def challenge(vocabulary: str) -> list[dict[str, Any]]:
    files = [Path(__file__).with_name(f"{name}.yaml") for name in CHALLENGE[vocabulary]]
    return [case for path in files for case in yaml.safe_load(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("vocabulary", CHALLENGE)
def test_at_least_97_percent_of_the_challenge(vocabulary: str) -> None:
    labeller, cases, wrong = Labeller.load(vocabulary), challenge(vocabulary), []
    for case in cases:
        found = {label.observation: SIGNS[label.state] for label in labeller.label_sentence(case["text"])}
        if vocabulary == "nih14" and NO_FINDING not in case["labels"]:
            found.pop(NO_FINDING, None)
        if found != case["labels"]:
            wrong.append(f"{case['text']}\n   wanted {case['labels']}\n   found  {found}")
    assert len(wrong) <= 0.03 * len(cases), "\n".join(wrong)


def test_there_are_enough_sentences_and_none_twice() -> None:
    for vocabulary, least in (("chexpert", 700), ("nih14", 70)):
        texts = [case["text"] for case in challenge(vocabulary)]
        assert len(set(texts)) == len(texts) >= least


@pytest.mark.parametrize("name", ALLOWING)
def test_sentences_of_other_hospitals(name: str) -> None:
    cases = yaml.safe_load(Path(__file__).with_name(f"{name}.yaml").read_text(encoding="utf-8"))
    labeller, wrong = Labeller.load(), []
    for case in cases:
        found = {label.observation: SIGNS[label.state] for label in labeller.label_sentence(case["text"])}
        found.pop(NO_FINDING, None)
        right = case["labels"]
        if found.keys() - right.keys() or any(found.get(one, "0") not in right[one] for one in right):
            wrong.append(f"{case['text']}\n   wanted {right}\n   found  {found}")
    count, share = ALLOWING[name]
    assert len({case["text"] for case in cases}) == len(cases) >= count
    assert len(wrong) <= (1 - share) * len(cases), "\n".join(wrong)
