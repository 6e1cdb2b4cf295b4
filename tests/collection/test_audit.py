from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from PIL import Image as PillowImage

from plainfilm import phantom
from plainfilm.cli import main
from plainfilm.collection import Collection, prepare
from plainfilm.collection.audit import audit
from plainfilm.collection.label import label_collection
from plainfilm.errors import UsageError

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
        ["mimic-cxr/chexpert", "plainfilm-chexpert-4"],
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


def test_a_copy_of_other_size_and_quality_is_a_leak(tmp_path: Path) -> None:
    film = PillowImage.fromarray(phantom.render("PA", size=320))
    film.save(tmp_path / "film.png")
    film.resize((180, 216)).save(tmp_path / "copy.jpg", quality=50)
    PillowImage.fromarray(phantom.render("PA", size=320, seed=1)).save(tmp_path / "other.png")
    rows = ("film.png,ann,train,One.", "copy.jpg,bob,test,Two.", "other.png,cy,test,Three.")
    found = audit([collection(tmp_path, "c", *rows)])
    (leak,) = found["leaks"]
    assert (leak["kind"], leak["ids"], leak["patients"]) == ("near-duplicate image", ["film", "copy"], 2)
    assert leak["images"] == [["c", "film"], ["c", "copy"]]


def test_benchmark_patients_inside_training_data_are_a_leak(films: Path) -> None:
    training = collection(films, "training", "film0.png,ann,train,One.", "film1.png,bob,train,Two.")
    benchmark = collection(films, "benchmark", "film2.png,bob,test,Three.")
    (leak,) = audit([training, benchmark])["leaks"]
    assert (leak["patient_id"], leak["collections"]) == ("bob", ["benchmark", "training"])


def test_the_same_number_in_two_corpora_is_two_people(films: Path) -> None:
    one = collection(films, "one", "film0.png,ann,train,One.")
    (films / "two.csv").write_text("path,patient_id,split\nfilm1.png,ann,test\n")
    two = prepare(
        "table", films / "two.csv", films / "two", size=32, workers=1, options={"corpus": "elsewhere"}
    )
    assert audit([one, two])["leaks"] == []


def test_a_view_that_the_pixels_contradict_is_a_warning(tmp_path: Path) -> None:
    for name in ("PA", "LATERAL"):
        PillowImage.fromarray(phantom.render(name, size=200)).save(tmp_path / f"{name}.png")
    rows = ("PA.png,ann,PA", "LATERAL.png,bob,AP")
    found = audit([collection(tmp_path, "c", *rows, header="path,patient_id,view")])
    (warning,) = [entry for entry in found["warnings"] if entry["kind"] == "view"]
    assert (warning["message"], warning["ids"]) == ("1 images: looks lateral", ["LATERAL"])


def test_licences_that_forbid_something_are_a_warning(films: Path) -> None:
    rows = ("film0.png,ann,CC0-1.0", "film1.png,bob,CC-BY-NC-ND-4.0")
    found = audit([collection(films, "c", *rows, header="path,patient_id,licence")])
    (warning,) = [entry for entry in found["warnings"] if entry["kind"] == "licence"]
    assert "CC-BY-NC-ND-4.0" in warning["message"]
    assert warning["n"] == 1


def test_two_collections_of_one_name_are_refused(films: Path) -> None:
    one = collection(films, "c", "film0.png,ann,train,One.")
    with pytest.raises(UsageError, match="same folder name"):
        audit([one, one])


def test_the_page_shows_the_films_it_speaks_of(films: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (films / "copy.png").write_bytes((films / "film0.png").read_bytes())
    leaky = collection(films, "c", "film0.png,ann,train,Secret text.", "copy.png,bob,test,Secret text.")
    assert main.run(["audit", str(leaky.path), "--html", str(films / "audit.html")]) == 1
    page = (films / "audit.html").read_text()
    assert "<h2>Leaks: 1</h2>" in page
    assert page.count("data:image/jpeg;base64") >= 2
    assert "Secret" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_what_looks_like_a_persons_data_is_told_without_repeating_it(films: Path) -> None:
    rows = ("film0.png,ann,train,Discussed with Dr. Miller on 03/14/2019.", "film1.png,bob,test,No effusion.")
    found = audit([collection(films, "c", *rows)])
    told = [entry for entry in found["warnings"] if entry["kind"] == "identifier"]
    assert {entry["message"] for entry in told} == {
        "1 report sections with what looks like a date",
        "1 report sections with what looks like a name",
    }
    assert all(entry["ids"] == ["film0"] for entry in told)
    assert "Miller" not in str(found)


def test_a_patient_spelled_in_two_ways_is_one(films: Path) -> None:
    one = collection(films, "a", "film0.png,P007,train,One.")
    two = collection(films, "b", "film1.png,p7,test,Two.")
    (leak,) = audit([one, two])["leaks"]
    assert (leak["patient_id"], leak["collections"]) == ("P007", ["a", "b"])
