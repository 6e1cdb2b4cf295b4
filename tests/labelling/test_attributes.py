"""Side, place, severity and change belong to the right finding."""

from __future__ import annotations

import pytest

from plainfilm.labelling import Labeller

LABELLER = Labeller.load()


def attributes(text: str) -> dict[str, dict[str, str]]:
    return {label.observation: dict(label.attributes) for label in LABELLER.label_sentence(text)}


@pytest.mark.parametrize(
    ("text", "observation", "expected"),
    [
        ("Small left pleural effusion.", "Pleural Effusion", {"laterality": "left", "severity": "mild"}),
        (
            "Opacity in the right upper lobe, which has increased.",
            "Lung Opacity",
            {"laterality": "right", "location": "upper lobe", "change": "worse"},
        ),
        (
            "Bibasilar atelectasis, unchanged.",
            "Atelectasis",
            {"laterality": "bilateral", "location": "base", "change": "unchanged"},
        ),
        ("No change in the small right pneumothorax.", "Pneumothorax", {"laterality": "right"}),
        ("Consolidation of the left and right lower lobes.", "Consolidation", {"laterality": "bilateral"}),
        ("Moderate to large effusion.", "Pleural Effusion", {"severity": "moderate"}),
        ("Lingular consolidation.", "Consolidation", {"laterality": "left", "location": "middle lobe"}),
    ],
)
def test_one_finding(text: str, observation: str, expected: dict[str, str]) -> None:
    assert expected.items() <= attributes(text)[observation].items()


def test_two_findings_keep_their_own() -> None:
    found = attributes("Small left pleural effusion and moderate right pneumothorax.")
    assert found["Pleural Effusion"] == {"laterality": "left", "severity": "mild"}
    assert found["Pneumothorax"] == {"laterality": "right", "severity": "moderate"}


def test_words_behind_a_preposition_belong_to_what_stands_before() -> None:
    found = attributes("Effusion on the left and right pneumothorax.")
    assert (found["Pleural Effusion"], found["Pneumothorax"]) == (
        {"laterality": "left"},
        {"laterality": "right"},
    )


def test_another_clause_is_another_matter() -> None:
    assert attributes("The left lung is clear; consolidation.")["Consolidation"] == {}
