from __future__ import annotations

import zipfile
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from plainfilm.errors import DataError, SourceError
from plainfilm.labelling.labeller import Labeller
from plainfilm.sources import padchest
from plainfilm.sources.common.padchest_labels import padchest_labels
from plainfilm.types import Label, Rejection, State, Study, View

HEADER = (
    ",ImageID,ImageDir,StudyDate_DICOM,StudyID,PatientID,PatientBirth,PatientSex_DICOM,Projection,Report,"
    "MethodLabel,Labels"
)
STUDY, PATIENT = "216840111366964013829543166512013338135747880", "839860488694292331637988235681460987"
FIRST = f"0,a.png,7,20140915,{STUDY},{PATIENT},1930.0,F,PA, derram pleural izquierd .,Physician,"
EFFUSION = "\"['pleural effusion', ' NSG tube', '']\""


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """One study of two films."""
    write(
        tmp_path, f"{FIRST}{EFFUSION}", f"{FIRST.replace('a.png', 'b.png').replace(',PA,', ',L,')}{EFFUSION}"
    )
    for name in ("a", "b"):
        (tmp_path / "7").mkdir(exist_ok=True)
        (tmp_path / "7" / f"{name}.png").write_bytes(b"not opened by a source")
    return tmp_path


def write(raw: Path, *rows: str) -> None:
    (raw / f"{padchest.TABLE}.csv").write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")


def read(raw: Path, **options: Any) -> tuple[list[Study], list[Rejection]]:
    items = list(padchest.read(raw, padchest.Config(**options)))
    return [one for one in items if isinstance(one, Study)], [
        one for one in items if isinstance(one, Rejection)
    ]


def states(labels: tuple[Label, ...]) -> dict[str, State]:
    return {label.observation: label.state for label in labels}


def test_a_study_with_its_films_patient_and_report(raw: Path) -> None:
    [study], told = read(raw)
    assert told == []
    assert (study.study_id, study.patient_id) == (STUDY, PATIENT)
    assert (study.age, study.sex, study.split) == (84.0, "F", None)
    assert [(image.image_id, image.view) for image in study.images] == [("a", View.PA), ("b", View.LATERAL)]
    assert study.report is not None
    assert "derram" in study.report.text


def test_labels_become_observations_where_they_mean_the_same(raw: Path) -> None:
    found = states(read(raw)[0][0].labels)
    positive = {name for name, state in found.items() if state is State.POSITIVE}
    assert positive == {"Pleural Effusion", "NSG tube", "Support Devices"}
    assert found["Pneumothorax"] is State.NEGATIVE
    assert {label.origin for label in read(raw)[0][0].labels} == {"padchest/physician"}


@pytest.mark.parametrize(
    ("labels", "observation", "state"),
    [
        (["normal"], "No Finding", State.POSITIVE),
        (["cardiomegaly"], "No Finding", State.NEGATIVE),
        (["scoliosis"], "No Finding", None),
        (["normal", "scoliosis"], "No Finding", None),
        (["pacemaker"], "No Finding", None),
        (["laminar atelectasis"], "Atelectasis", State.POSITIVE),
        (["costophrenic angle blunting"], "Pleural Effusion", None),
        (["unchanged"], "Pleural Effusion", None),
        (["unchanged", "pleural effusion"], "Pleural Effusion", State.POSITIVE),
        (["exclude"], "No Finding", None),
        ([], "No Finding", None),
        ([" ", ""], "Pneumothorax", None),
    ],
)
def test_what_a_report_says_of_an_observation(
    labels: list[str], observation: str, state: State | None
) -> None:
    found = states(tuple(padchest_labels().stated(labels, "test")))
    assert found.get(observation) is state


def test_the_mapping_names_only_labels_that_the_corpus_has() -> None:
    if find_spec("torchxrayvision") is None:
        pytest.skip("torchxrayvision, which carries the table, is not installed")
    mapping = padchest_labels()
    stated = {
        *mapping.same,
        *mapping.open,
        *(one for part in (mapping.kinds, mapping.near) for names in part.values() for one in names),
    }
    assert stated <= published_labels().keys()


def published_table() -> Path:
    import torchxrayvision

    return Path(torchxrayvision.__file__).parent / "data" / f"{padchest.TABLE}.csv.gz"


def published_labels() -> Counter[str]:
    from plainfilm.sources.common.columns import columns_of
    from plainfilm.sources.common.list_cells import list_of

    cells = Counter(cell for (cell,) in columns_of(published_table(), ["Labels"]))
    return Counter(label for cell in cells for label in list_of(cell))


@pytest.mark.slow
def test_the_published_table() -> None:
    if find_spec("torchxrayvision") is None:
        pytest.skip("torchxrayvision, which carries the table, is not installed")
    studies, told = read(
        published_table().parent, tables_only=True
    )  # one study has two patients: the first's
    views = Counter(image.view for study in studies for image in study.images)
    assert (len(studies), len({study.patient_id for study in studies})) == (109_931, 67_624)
    assert views == {"PA": 91_728, "LATERAL": 49_578, "AP_SUPINE": 14_346, "AP": 4_559, "unknown": 638}
    assert sum(bool(study.labels) for study in studies) == 109_341
    assert len(told) == 91
    positive = Counter(
        label.observation for study in studies for label in study.labels if label.state is State.POSITIVE
    )
    assert (positive["Cardiomegaly"], positive["Pneumothorax"], positive["No Finding"]) == (
        9_798,
        364,
        35_687,
    )
    labeller = Labeller.load("chexpert")
    sentences = [study.report.text for study in studies[:3000] if study.report]
    assert sum(labeller.read_sentence(text).readable for text in sentences) < 0.03 * len(sentences)


def test_the_labeller_does_not_read_stems(raw: Path) -> None:
    report = read(raw)[0][0].report
    assert report is not None
    assert not Labeller.load("chexpert").read_sentence(report.text).readable
    assert read(raw, reports=False)[0][0].report is None


def test_labels_of_the_network_can_be_left_out(raw: Path) -> None:
    table = raw / f"{padchest.TABLE}.csv"
    table.write_text(table.read_text().replace("Physician", "RNN_model"))
    assert {label.origin for label in read(raw)[0][0].labels} == {"padchest/network"}
    assert read(raw, physician_only=True)[0][0].labels == ()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("a.png,7", ",7", "film '' has no name, study or patient"),
        ("b.png", "a.png", "film 'a.png' is listed for the second time"),
        (",L,", ",EXCLUDE,", "Projection is 'EXCLUDE'"),
        ("b.png,7", "c.png,7", "listed in PADCHEST"),
        (f"{PATIENT},1930.0,F,L", "1,1930.0,F,L", "another patient in an earlier row"),
        ("F,L, derram", "F,L, edem", "differ from an earlier row"),
        ("20140915", "soon", "StudyDate_DICOM 'soon' is not understood"),
        ("1930.0", "2130.0", "PatientBirth '2130.0' is not understood"),
        (",F,", ",woman,", "PatientSex_DICOM 'woman' is not understood"),
        ("Physician", "Nobody", "MethodLabel 'Nobody' is not understood"),
        (EFFUSION, '"[\'pleural eff"', "no list of labels"),
        (EFFUSION, "nan", "Labels is '', no list of labels"),
    ],
)
def test_what_cannot_be_used_is_told(raw: Path, old: str, new: str, words: str) -> None:
    table = raw / f"{padchest.TABLE}.csv"
    table.write_text(table.read_text().replace(old, new))
    studies, told = read(raw)
    assert studies
    assert any(words in one.reason for one in told), told


def test_films_in_a_zip_and_one_that_no_row_names(raw: Path) -> None:
    with zipfile.ZipFile(raw / "7.zip", "w") as archive:
        for name in ("a.png", "b.png", "stray.png"):
            archive.writestr(name, b"")
    for name in ("a", "b"):
        (raw / "7" / f"{name}.png").unlink()
    [study], told = read(raw)
    assert len(study.images) == 2
    assert [one.path.rpartition("/")[2] for one in told] == ["stray.png"]


def test_a_folder_without_the_table(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no PADCHEST_.*_01\.02\.19\.csv in it"):
        read(tmp_path)


def test_a_missing_column_is_named(raw: Path) -> None:
    table = raw / f"{padchest.TABLE}.csv"
    table.write_text(table.read_text().replace("Projection", "View"))
    with pytest.raises(DataError, match="Projection"):
        read(raw)
