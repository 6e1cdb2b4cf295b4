from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from plainfilm.cli import main
from plainfilm.collection import Collection, audit, label_collection, prepare

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


def test_agreement_of_origins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = ["subject_id,study_id,Edema"]
    for number, (text, value) in enumerate([("No edema.", "0.0"), ("Edema.", "1.0"), ("Edema.", "0.0")]):
        report = tmp_path / f"files/p10/p1000000{number}/s5000000{number}.txt"
        report.parent.mkdir(parents=True)
        report.write_text(text)
        table.append(f"1000000{number},5000000{number},{value}")
    (tmp_path / "mimic-cxr-2.0.0-chexpert.csv.gz").write_bytes(gzip.compress("\n".join(table).encode()))
    made = prepare("mimic_cxr", tmp_path, tmp_path / "out", workers=1)
    label_collection(made, workers=1)
    (entry,) = audit([Collection.open(made.path)])["agreement"]
    assert (entry["observation"], entry["n"], entry["both_positive"]) == ("Edema", 3, 1)
    assert (entry["origins"], entry["one_positive"]) == (
        ["mimic-cxr/chexpert", "plainfilm-chexpert-2"],
        [0, 1],
    )
    assert entry["same"][0] == pytest.approx(2 / 3, abs=1e-4)
    assert entry["kappa"][0] == pytest.approx(0.4, abs=1e-4)
    assert main.run(["audit", str(made.path)]) == 0
    assert "0.40 [" in capsys.readouterr().out


def test_warnings_say_what_is_missing(films: Path) -> None:
    poor = collection(films, "c", "film0.png,", "gone.png,Text.", header="path,report")
    kinds = {warning["kind"]: warning["n"] for warning in audit([poor])["warnings"]}
    assert kinds == {"no report": 1, "no image": 1, "patient unknown": 2, "view unknown": 1, "rejected": 1}
