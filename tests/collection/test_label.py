from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.collection import Collection, prepare
from plainfilm.collection.label import label_collection

REPORT = "INDICATION: Pneumonia?\n\nFINDINGS: Large   pleural\neffusion. No pneumothorax.\n"


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    (tmp_path / "t.csv").write_text(f'report,study_id,labels\n"{REPORT}",s,Mass\n"Nice weather.",t,\n')
    return prepare("table", tmp_path / "t.csv", tmp_path / "films", workers=1)


def states(collection: Collection, target: str) -> dict[tuple[str, str], int]:
    labels = collection.frame("labels")
    rows = labels[(labels["target"] == target) & labels["origin"].str.startswith("plainfilm")]
    return {(row.target_id, row.observation): row.state for row in rows.itertuples()}


def test_studies_and_sentences(collection: Collection) -> None:
    written = label_collection(collection, workers=1)
    study = states(collection, "study")
    assert study[("s", "Pleural Effusion")] == 1
    assert study[("s", "Pneumothorax")] == 0
    assert written == len(study) + len(states(collection, "sentence"))


def test_what_was_asked_is_no_finding(collection: Collection) -> None:
    label_collection(collection, workers=1)
    assert ("s", "Pneumonia") not in states(collection, "study")


def test_nothing_recognised_gives_no_label(collection: Collection) -> None:
    label_collection(collection, workers=1)
    assert not [key for key in states(collection, "study") if key[0] == "t"]


def test_evidence_is_in_characters_of_the_report(collection: Collection) -> None:
    label_collection(collection, workers=1)
    labels = collection.frame("labels")
    row = labels[(labels["target"] == "study") & (labels["observation"] == "Pleural Effusion")].iloc[0]
    assert REPORT[int(row["start"]) : int(row["end"])].split()[-1] == "effusion"


def test_a_label_says_its_rule_and_what_else_is_said(collection: Collection) -> None:
    label_collection(collection, workers=1)
    labels = collection.frame("labels")
    row = labels[(labels["target"] == "sentence") & (labels["observation"] == "Pleural Effusion")].iloc[0]
    assert (row["rule"], row["severity"]) == ("present: effusions?", "severe")


def test_repeating_changes_nothing_and_other_origins_stay(collection: Collection) -> None:
    label_collection(collection, workers=1)
    once, fingerprint = collection.frame("labels"), collection.fingerprint
    label_collection(collection, workers=2)
    assert collection.frame("labels").equals(once)
    assert Collection.open(collection.path).fingerprint == fingerprint
    assert "t.csv" in set(once["origin"])


def test_the_fingerprint_changes_with_the_labels(collection: Collection) -> None:
    before = collection.fingerprint
    label_collection(collection, workers=1)
    assert collection.fingerprint != before
