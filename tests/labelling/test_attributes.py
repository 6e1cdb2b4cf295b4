"""Side, place, severity and change belong to the right finding."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from plainfilm.labelling import Labeller
from plainfilm.labelling.attributes import NAMES

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


@pytest.mark.parametrize(
    "text",
    [
        "Left basilar atelectasis and/or pneumonia.",
        "Opacity in the left lung base, which may represent pneumonia.",
        "Left base opacity compatible with pneumonia.",
    ],
)
def test_what_explains_a_finding_lies_where_it_lies(text: str) -> None:
    assert attributes(text)["Pneumonia"] == {"laterality": "left", "location": "base"}


def test_what_several_mentions_of_one_observation_say_is_put_together() -> None:
    found = attributes("Small left effusion and right effusion.")
    assert found["Pleural Effusion"] == {"laterality": "bilateral", "severity": "mild"}


def test_a_large_heart_has_not_grown() -> None:
    assert "change" not in attributes("The heart size is increased.")["Cardiomegaly"]


def f1_scores(benchmark: ModuleType, pairs: Iterator[object]) -> dict[str, float]:
    return {name: f1 for name, (_, _, f1, _) in benchmark.score(pairs).items()}


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "labeller_attributes.py"
    spec = importlib.util.spec_from_file_location("labeller_attributes", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_on_the_truth_of_phantoms(benchmark: ModuleType) -> None:
    found = f1_scores(benchmark, benchmark.phantom_pairs(LABELLER, 300))
    assert all(found[name] > 0.94 for name in NAMES), found


def test_on_real_sentences_that_were_labelled_by_hand(benchmark: ModuleType, real_data: Path) -> None:
    reports = real_data / "reports" / "openi_reports.csv"
    found = f1_scores(benchmark, benchmark.hand_pairs(LABELLER, reports))
    least = {"laterality": 0.9, "location": 0.87, "severity": 0.88, "change": 0.72}
    assert all(found[name] > least[name] for name in NAMES), found
