"""Files of reports: every format gives the same texts, and what is wrong is named with its place."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pandas as pd
import pytest

from plainfilm import results
from plainfilm.errors import DataError
from plainfilm.tasks.reporting.score_files import Config, score_reports
from plainfilm.tasks.reporting.text_files import Columns, RexrankStudy, read_reports, rexrank_json

TEXTS = {"s1": "Large effusion,\non the left.", "s2": 'The "heart" is normal.', "s3": ""}


def write_csv(path, header, rows):
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path


def as_csv(folder):
    return write_csv(
        folder / "r.csv", ["Study ID", "Report", "subject_id"], [[k, t, "p1"] for k, t in TEXTS.items()]
    )


def as_lines(folder):
    rows = [json.dumps({"id": k, "text": t, "patient_id": "p1"}) for k, t in TEXTS.items()]
    (folder / "r.jsonl.gz").write_bytes(gzip.compress("\n".join(rows).encode()))
    return folder / "r.jsonl.gz"


def as_rexrank(folder):
    entries = {k: RexrankStudy(t, t, patient="p1") for k, t in TEXTS.items()}
    (folder / "r.json").write_text(rexrank_json(entries), "utf-8")
    return folder / "r.json"


def as_list(folder):
    rows = [{"study_id": k, "report": t, "subject_id": "p1"} for k, t in TEXTS.items()]
    (folder / "r.json").write_text(json.dumps(rows), "utf-8")
    return folder / "r.json"


@pytest.mark.parametrize("form", [as_csv, as_lines, as_rexrank, as_list])
@pytest.mark.parametrize("side", ["reference", "candidate"])
def test_every_format_gives_the_same_texts_and_patients(form, side, tmp_path):
    found = read_reports(form(tmp_path), side)
    assert found.texts == TEXTS
    assert set(found.patients.values()) == {"p1"}


def test_one_rexrank_file_has_both_sides(tmp_path):
    study = {"section_findings": "Clear.", "section_impression": "Normal.", "model_prediction": "Edema."}
    (tmp_path / "r.json").write_text(
        json.dumps({"50": study, "51": {**study, "section_findings": float("nan")}})
    )
    assert read_reports(tmp_path / "r.json", "candidate").texts == {"50": "Edema.", "51": "Edema."}
    assert read_reports(tmp_path / "r.json", "reference").texts == {
        "50": "Findings: Clear. Impression: Normal.",
        "51": "Impression: Normal.",
    }


def test_columns_can_be_named(tmp_path):
    path = write_csv(tmp_path / "r.csv", ["key", "a", "b"], [["1", "no", "yes"]])
    assert read_reports(path, "candidate", Columns("key", "b")).texts == {"1": "yes"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("r.csv", "study_id,report\n1,a\n1,b\n", "row 2: id '1' occurs twice"),
        ("r.csv", "study_id,report\n,a\n", "row 1: has no id"),
        ("r.csv", "study_id,size\n1,2\n", "no column of texts .*it has study_id, size.*--text-column"),
        ("r.csv", "number,report\n1,2\n", "no column of ids .*--id-column"),
        ("r.csv", "study_id,report\n", "holds no reports"),
        ("r.jsonl", '{"id": 1, "text": "a"}\n{"id": 2\n', "line 2: is no JSON object"),
        ("r.jsonl", '{"id": 1, "text": ["a"]}\n', "line 1: 'text' is .*not a text"),
        ("r.jsonl", '{"id": 1, "text": "\\ud800 clear"}\n', "line 1: 'text' holds half a letter"),
        ("r.json", '"text"', "expected an object of reports by study id"),
        ("r.json", '{"1": "text"}', "'1': expected an object with the keys of a report"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(name, content, message, tmp_path):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message):
        read_reports(tmp_path / name, "candidate")


def test_a_report_that_takes_hours_to_compare_is_refused(tmp_path):
    lines = [{"id": "s1", "text": "Clear."}, {"id": "s2", "text": "no " * 400_000}]
    (tmp_path / "r.jsonl").write_text("\n".join(map(json.dumps, lines)))
    message = r"r.jsonl line 2: a report of 1,199,999 characters; at most 32,768 are scored"
    with pytest.raises(DataError, match=message):
        read_reports(tmp_path / "r.jsonl", "candidate")


def test_a_device_is_no_file_of_reports():
    with pytest.raises(DataError, match="/dev/zero: is a device, and no table"):
        read_reports(Path("/dev/zero"), "reference")


def test_a_folder_that_is_no_results_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"results\.json: no such file"):
        read_reports(tmp_path, "reference")


@pytest.mark.parametrize(
    ("name", "word", "other"),
    [("results.json", b"given", b"taken"), ("predictions.parquet", b"Large", b"Small")],
)
def test_texts_of_damaged_results_are_refused(name, word, other, tmp_path):
    references, candidates = as_lines(tmp_path), as_csv(tmp_path)
    given = read_reports(references, "reference"), read_reports(candidates, "candidate")
    results.write(score_reports(*given, Config(), ("r.jsonl.gz", "r.csv")), tmp_path / "scores")
    assert "Large effusion" in read_reports(tmp_path / "scores", "candidate").texts["s1"]
    file = tmp_path / "scores" / name
    file.write_bytes(file.read_bytes().replace(word, other))
    with pytest.raises(DataError, match=f"{name}.*evaluate again"):
        read_reports(tmp_path / "scores", "candidate")


def test_texts_of_results_that_were_changed_by_hand_are_named(tmp_path):
    given = read_reports(as_lines(tmp_path), "reference"), read_reports(as_csv(tmp_path), "candidate")
    results.write(score_reports(*given, Config(), ("r.jsonl.gz", "r.csv")), tmp_path / "scores")
    document = json.loads((tmp_path / "scores" / "results.json").read_text())
    kept = {key: value for key, value in document.items() if key not in ("sha256", "files", "protocol")}
    (tmp_path / "scores" / "results.json").write_text(json.dumps(kept))
    assert read_reports(tmp_path / "scores", "candidate").sections == "as given"
    table = pd.read_parquet(tmp_path / "scores" / "predictions.parquet")
    for column in ("query_id", "patient_id", "candidate"):
        table.drop(columns=column).to_parquet(tmp_path / "scores" / "predictions.parquet")
        with pytest.raises(DataError, match=f"predictions.parquet: column '{column}' is missing"):
            read_reports(tmp_path / "scores", "candidate")
