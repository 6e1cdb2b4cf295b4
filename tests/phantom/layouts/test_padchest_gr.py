from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from plainfilm.phantom.layouts.padchest_gr import COLUMNS
from plainfilm.phantom.write import write


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("padchest_gr") / "raw"
    write("padchest_gr", folder, studies=60, seed=3, size=64, workers=1)
    return folder


@pytest.fixture(scope="module")
def studies(corpus: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((corpus / "grounded_reports_20240819.json").read_text("utf-8"))
    return found


def test_the_table_has_the_published_columns_and_every_study(
    corpus: Path, studies: list[dict[str, Any]]
) -> None:
    table = pd.read_csv(corpus / "master_table.csv", dtype=str)
    assert tuple(table.columns) == COLUMNS
    assert set(table["StudyID"]) == {study["StudyID"] for study in studies}
    assert set(table["split"]) == {"train", "validation", "test"}


def test_boxes_are_fractions_and_some_stick_out(studies: list[dict[str, Any]]) -> None:
    findings = [finding for study in studies for finding in study["findings"]]
    corners = [side for finding in findings for box in finding.get("boxes", []) for side in box]
    assert min(corners) >= 0
    assert 1 < max(corners) < 1.5
    assert any(finding.get("extra_boxes") for finding in findings)


def test_what_is_not_abnormal_has_no_labels(studies: list[dict[str, Any]]) -> None:
    findings = [finding for study in studies for finding in study["findings"]]
    assert all("labels" in finding for finding in findings if finding["abnormal"])
    assert any(not finding["abnormal"] and "labels" not in finding for finding in findings)
    assert any("ñ" in finding["sentence_es"] or "ó" in finding["sentence_es"] for finding in findings)
