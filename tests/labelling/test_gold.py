"""The labeller against human codes of real reports."""

from __future__ import annotations

import csv
from hashlib import sha256
from pathlib import Path

import pytest

from plainfilm.labelling import Labeller
from plainfilm.labelling.table import STATUS, label_csv

CLASSES = Labeller.load("nih14").observations[1:]


@pytest.fixture(scope="module")
def rows(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """The rows that rules were not developed on."""
    out = tmp_path_factory.mktemp("gold") / "labels.csv"
    reports = real_data / "reports" / "openi_reports.csv"
    label_csv(reports, out, ["findings", "impression"], vocabulary="nih14", workers=1)
    with out.open(newline="", encoding="utf-8") as opened:
        found = [row for row in csv.DictReader(opened) if row["gold_normal"]]
    return [row for row in found if int(sha256(row["uid"].encode()).hexdigest(), 16) % 2]


def micro_f1(rows: list[dict[str, str]], classes: tuple[str, ...]) -> float:
    pairs = [(row[name] == "1", row[f"gold_{name}"] == "1") for row in rows for name in classes]
    hits = sum(said and true for said, true in pairs)
    return 2 * hits / (sum(said for said, _ in pairs) + sum(true for _, true in pairs))


def test_micro_f1_on_the_half_that_was_not_looked_at(rows: list[dict[str, str]]) -> None:
    coded = tuple(name for name in CLASSES if name != "Hernia")  # stated, but in no row of the codes
    assert len(rows) > 1300
    assert micro_f1(rows, coded) > 0.941


def test_nearly_every_report_is_read(rows: list[dict[str, str]]) -> None:
    assert sum(row[STATUS] == "labelled" for row in rows) / len(rows) > 0.98
