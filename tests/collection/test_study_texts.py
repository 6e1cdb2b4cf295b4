"""Texts come study by study, and tables that do not belong together are told."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from plainfilm.collection import Collection, prepare
from plainfilm.collection.rewriting import rewrite
from plainfilm.collection.study_texts import study_texts
from plainfilm.errors import CollectionError

REPORTS = ("FINDINGS: Clear lungs. No effusion. IMPRESSION: Normal.", "", "IMPRESSION: Mass.")


@pytest.fixture
def told(tmp_path: Path) -> Collection:
    with (tmp_path / "reports.csv").open("w", newline="") as stream:
        rows = [[f"{place}.png", report, f"s{place}"] for place, report in enumerate(REPORTS)]
        csv.writer(stream).writerows([["path", "report", "study_id"], *rows])
    return prepare("table", tmp_path / "reports.csv", tmp_path / "collection", tables_only=True, workers=1)


def test_every_study_with_text_has_its_sections_and_sentences(told: Collection) -> None:
    found = {
        study.study_id: ([row["section"] for row in study.sections], [row["text"] for row in study.sentences])
        for study in study_texts(told)
    }
    clear = (["findings", "impression"], ["Clear lungs.", "No effusion.", "Normal."])
    assert found == {"s0": clear, "s2": (["impression"], ["Mass."])}


def test_only_named_sections_may_be_asked_for(told: Collection) -> None:
    found = [
        (study.study_id, len(study.sections), len(study.sentences))
        for study in study_texts(told, {"findings"})
    ]
    assert found == [("s0", 1, 2), ("s2", 0, 0)]


def test_sentences_of_a_study_without_sections_are_refused(told: Collection) -> None:
    sections = told.table("sections")
    rewrite(told, "sections", [sections.slice(0, 2)])
    with pytest.raises(CollectionError, match=r"study 's2' has sentences where it has no sections; prepare"):
        list(study_texts(told))
