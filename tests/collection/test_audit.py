from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from plainfilm.collection import Collection, audit, prepare

Rows = list[str]


def collection(
    folder: Path, name: str, *rows: str, header: str = "path,patient_id,split,report"
) -> Collection:
    (folder / f"{name}.csv").write_text("\n".join([header, *rows]) + "\n")
    return prepare("table", folder / f"{name}.csv", folder / name, size=32, workers=1)


@pytest.fixture
def films(tmp_path: Path, write_table) -> Path:
    return write_table(4).parent


def test_a_clean_collection(films: Path) -> None:
    clean = collection(films, "c", "film0.png,ann,train,One.", "film1.png,bob,test,Two.")
    found = audit([clean])
    assert (found["leaks"], found["duplicates"], found["conflicts"]) == ([], [], [])


def test_a_patient_in_two_splits_is_a_leak(films: Path) -> None:
    leaky = collection(films, "c", "film0.png,ann,train,One.", "film1.png,ann,test,Two.")
    (leak,) = audit([leaky])["leaks"]
    assert (leak["kind"], leak["patient_id"], leak["splits"]) == ("patient", "ann", ["test", "train"])


def test_a_patient_in_the_splits_of_two_collections_is_a_leak(films: Path) -> None:
    one = collection(films, "one", "film0.png,ann,train,One.")
    two = collection(films, "two", "film1.png,ann,test,Two.")
    assert audit([one])["leaks"] == []
    assert audit([one, two])["leaks"][0]["collections"] == ["one", "two"]


def test_a_film_in_two_splits_is_a_leak_and_a_duplicate(films: Path) -> None:
    (films / "copy.png").write_bytes((films / "film0.png").read_bytes())
    found = audit([collection(films, "c", "film0.png,ann,train,One.", "copy.png,bob,test,Two.")])
    assert [leak["kind"] for leak in found["leaks"]] == ["image"]
    assert found["duplicates"][0]["ids"] == ["film0", "copy"]


def test_the_same_report_is_a_duplicate_and_no_leak(films: Path) -> None:
    found = audit(
        [collection(films, "c", "film0.png,ann,train,No effusion.", "film1.png,bob,test,NO  effusion.")]
    )
    assert found["leaks"] == []
    assert [(entry["kind"], entry["n"], entry["splits"]) for entry in found["duplicates"]] == [
        ("report", 2, ["test", "train"])
    ]


def test_origins_that_disagree(tmp_path: Path) -> None:
    report = tmp_path / "files/p10/p10000001/s50000001.txt"
    report.parent.mkdir(parents=True)
    report.write_text("Text.")
    for name, value in (("chexpert", "1.0"), ("negbio", "0.0")):
        text = f"subject_id,study_id,Edema,Mass\n10000001,50000001,{value},1.0\n"
        (tmp_path / f"mimic-cxr-2.0.0-{name}.csv.gz").write_bytes(gzip.compress(text.encode()))
    (conflict,) = audit([prepare("mimic_cxr", tmp_path, tmp_path / "out", workers=1)])["conflicts"]
    assert (conflict["observation"], conflict["n"]) == ("Edema", 1)
    assert conflict["origins"] == ["mimic-cxr/chexpert", "mimic-cxr/negbio"]


def test_warnings_say_what_is_missing(films: Path) -> None:
    poor = collection(films, "c", "film0.png,", "gone.png,Text.", header="path,report")
    kinds = {warning["kind"]: warning["n"] for warning in audit([poor])["warnings"]}
    assert kinds == {"no report": 1, "no image": 1, "patient unknown": 2, "view unknown": 1, "rejected": 1}
