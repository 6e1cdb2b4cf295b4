from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plainfilm.collection import prepare
from plainfilm.errors import DataError, SourceError
from plainfilm.io.deidentify import KEY_VARIABLE, Pseudonymiser
from plainfilm.phantom.dicom_files import write_dicom
from plainfilm.sources import dicom_folder
from plainfilm.types import Rejection, Study, View

pydicom = pytest.importorskip("pydicom")
PERSON: dict[str, Any] = {
    "PatientName": "Doe^Jane^^Dr",
    "PatientID": "MRN4711",
    "PatientSex": "F",
    "PatientBirthDate": "19290217",
    "StudyInstanceUID": "1.2.840.99.1",
    "SOPInstanceUID": "1.2.840.99.1.1",
    "AccessionNumber": "ACC0815",
    "StudyDate": "20200105",
    "ReferringPhysicianName": "House^Gregory",
    "InstitutionName": "St Elsewhere",
    "SeriesDescription": "Doe chest PA",
}
DIGEST = re.compile("[0-9a-f]{16,}")
"""Digests and pseudonyms hold any four digits now and then."""
SECRETS = ("doe", "jane", "4711", "0815", "1.2.840.99", "19290217", "1929", "20200105", "house", "elsewhere")
PIXELS = np.random.default_rng(0).integers(0, 255, (40, 32), dtype=np.uint8)


@pytest.fixture(autouse=True)
def _no_key_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


def add(path: Path, **changes: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_dicom(path, PIXELS, attributes={**PERSON, **changes})
    return path


def read(raw: Path, **options: Any) -> tuple[list[Study], list[Rejection]]:
    config = dicom_folder.Config(**options)
    items = list(dicom_folder.read(raw, config))
    finished = [
        part
        for item in items
        for part in (dicom_folder.complete(item, config) if isinstance(item, Study) else [item])
    ]
    studies = [item for item in finished if isinstance(item, Study)]
    return studies, [item for item in finished if isinstance(item, Rejection)]


def reasons(told: list[Rejection]) -> list[str]:
    return sorted(item.reason for item in told)


def write_report(path: Path, text: str, **changes: Any) -> None:
    dataset = pydicom.Dataset()
    for keyword, value in {**PERSON, **changes}.items():
        setattr(dataset, keyword, value)
    dataset.SOPClassUID, dataset.Modality = "1.2.840.10008.5.1.4.1.1.88.11", "SR"
    heading, item, section, top = (pydicom.Dataset() for _ in range(4))
    heading.CodeMeaning, top.CodeMeaning = "Impressions", "Diagnostic report"
    item.ValueType, item.TextValue = "TEXT", text
    section.ValueType, section.ConceptNameCodeSequence, section.ContentSequence = (
        "CONTAINER",
        [heading],
        [item],
    )
    dataset.ConceptNameCodeSequence, dataset.ContentSequence = [top], [section]
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)


def test_films_are_grouped_by_the_header_whatever_the_files_are_called(tmp_path: Path) -> None:
    add(tmp_path / "a" / "IM1")
    add(tmp_path / "b.dicom", SOPInstanceUID="1.2.840.99.1.2", ViewPosition="LL")
    add(tmp_path / "c" / "d" / "e.dcm", StudyInstanceUID="1.2.840.99.2", SOPInstanceUID="1.2.840.99.2.1")
    add(tmp_path / "f", PatientID="other", StudyInstanceUID="1.2.840.99.3", SOPInstanceUID="1.2.840.99.3.1")
    studies, told = read(tmp_path, deidentify=False)
    assert told == []
    found = {study.study_id: (study.patient_id, len(study.images)) for study in studies}
    assert found == {
        "1.2.840.99.1": ("MRN4711", 2),
        "1.2.840.99.2": ("MRN4711", 1),
        "1.2.840.99.3": ("other", 1),
    }


def test_no_identifier_is_in_any_table_path_or_rejection(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    add(raw / "Doe_Jane" / "MRN4711" / "IM1")
    add(raw / "Doe_Jane" / "broken.dcm", SOPInstanceUID="1.2.840.99.1.9").write_bytes(
        (raw / "Doe_Jane" / "MRN4711" / "IM1").read_bytes()[:-900]
    )
    add(raw / "Doe_Jane" / "hand.dcm", BodyPartExamined="HAND", SOPInstanceUID="1.2.840.99.1.3")
    add(raw / "Doe_Jane" / "odd", Modality="DOE JANE", SOPInstanceUID="1.2.840.99.1.4")
    (raw / "Doe_Jane" / "letter.docx").write_text("Dear Jane")
    (raw / "Doe.zip").write_bytes(b"no archive")
    write_report(raw / "SR", "Jane Doe, born 17.02.1929, MRN4711: no effusion. Dr House informed.")
    (raw / "reports.csv").write_text("accession,report\nACC9999,Who is Jane Doe?\n")
    collection = prepare("dicom_folder", raw, tmp_path / "out", workers=1)
    assert len(collection.frame("images")) == 1
    assert len(collection.frame("rejected")) >= 5
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    texts = [str(path.relative_to(tmp_path)) + path.read_bytes().decode("latin-1") for path in written]
    texts += [collection.frame(name).to_csv() for name in ("studies", "images", "sections", "rejected")]
    texts = [DIGEST.sub("", text.lower()) for text in texts]
    for secret in SECRETS:
        assert not [text for text in texts if secret in text and secret != "1929"], secret
    assert "___, born ___, ___: no effusion. Dr ___ informed." in collection.frame("sections")["text"][0]


def test_nothing_that_is_printed_names_the_patient(tmp_path: Path) -> None:
    add(tmp_path / "Doe_Jane" / "IM1")
    record = dicom_folder.read_record(tmp_path / "Doe_Jane" / "IM1")
    assert not [secret for secret in SECRETS if secret in repr(record).lower()]


def test_pseudonyms_are_the_same_with_the_same_key_wherever_the_files_lie(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("a key that is long enough")
    ids = []
    for folder in ("one", "two"):
        add(tmp_path / folder / folder / "IM1")
        [study], _ = read(tmp_path / folder, key=key)
        ids.append((study.patient_id, study.study_id, study.images[0].image_id))
    assert ids[0] == ids[1]
    [study], _ = read(tmp_path / "one")
    assert study.patient_id != ids[0][0]


def test_the_key_is_made_beside_the_collection_and_nothing_in_the_raw_folder(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    add(raw / "IM1")
    names = [
        prepare("dicom_folder", raw, tmp_path / "out", workers=1, replace_present=again)
        .frame("studies")["patient_id"]
        .tolist()
        for again in (False, True)
    ]
    assert names[0] == names[1]
    assert (tmp_path / "out.deid-key").stat().st_mode & 0o077 == 0
    assert [path.name for path in raw.iterdir()] == ["IM1"]
    assert "out.deid-key" not in (tmp_path / "out" / "collection.json").read_text()


def test_a_key_that_would_lie_in_the_raw_folder_is_refused(tmp_path: Path) -> None:
    add(tmp_path / "raw" / "IM1")
    with pytest.raises(DataError, match="would lie in the raw folder; say --key FILE"):
        prepare("dicom_folder", tmp_path / "raw", tmp_path / "raw" / "out", workers=1)


def test_the_key_of_an_earlier_version_in_the_raw_folder_is_read(tmp_path: Path) -> None:
    add(tmp_path / "raw" / "IM1")
    (tmp_path / "raw" / dicom_folder.OLDER_KEY).write_text("7d2a09c1f4b8e6635a90")
    names = Pseudonymiser(b"7d2a09c1f4b8e6635a90")
    collection = prepare("dicom_folder", tmp_path / "raw", tmp_path / "out", workers=1)
    assert collection.frame("studies")["patient_id"].tolist() == [names.of("patient", "MRN4711")]
    assert not (tmp_path / "out.deid-key").exists()


def test_one_patient_in_two_spellings_has_one_pseudonym(tmp_path: Path) -> None:
    for number, patient in enumerate(("MRN4711", "mrn4711 ", "MRN04711")):
        uids = {"StudyInstanceUID": f"1.2.{number}", "SOPInstanceUID": f"1.2.3.{number}"}
        add(tmp_path / f"IM{number}", PatientID=patient, **uids)
    studies, told = read(tmp_path)
    assert len({study.patient_id for study in studies}) == 1
    assert (len(studies), told) == (3, [])


@pytest.mark.parametrize(
    ("attributes", "view"),
    [
        ({"ViewPosition": "PA"}, View.PA),
        ({"ViewPosition": "AP", "SeriesDescription": "Chest supine"}, View.AP_SUPINE),
        ({"ViewPosition": "LLO", "SeriesDescription": "lateral"}, View.UNKNOWN),
        ({"SeriesDescription": "Thorax p.a."}, View.PA),
        ({"SeriesDescription": "", "ProtocolName": "W034 Chest AP portable"}, View.AP),
        ({"SeriesDescription": "CHEST PA AND LATERAL"}, View.UNKNOWN),
        ({"SeriesDescription": "LLD decubitus lateral"}, View.UNKNOWN),
        ({"SeriesDescription": "", "PatientOrientation": ["P", "F"]}, View.LATERAL),
        ({"SeriesDescription": "", "PatientOrientation": ["L", "F"]}, View.UNKNOWN),
    ],
)
def test_views(tmp_path: Path, attributes: dict[str, Any], view: View) -> None:
    add(tmp_path / "IM1", **attributes)
    [study], _ = read(tmp_path)
    assert study.images[0].view is view


def test_age_sex_size_and_days_since_the_first_study(tmp_path: Path) -> None:
    add(tmp_path / "a", StudyDate="20200205", PatientAge="080Y", StudyInstanceUID="1.2.840.99.2")
    add(tmp_path / "b", SOPInstanceUID="1.2.840.99.1.2")
    studies, _ = read(tmp_path)
    assert [(study.order, study.age, study.sex) for study in studies] == [(0.0, 90.0, "F"), (31.0, 80.0, "F")]
    assert (studies[0].images[0].width, studies[0].images[0].height) == (32, 40)


def test_without_a_patient_the_study_stands_for_it(tmp_path: Path) -> None:
    add(tmp_path / "a", PatientID="")
    [study], _ = read(tmp_path)
    assert study.patient_id == study.study_id


def test_what_is_no_film_is_told(tmp_path: Path) -> None:
    add(tmp_path / "ct", Modality="CT")
    add(tmp_path / "DICOMDIR")
    add(tmp_path / "same 1")
    add(tmp_path / "same 2")
    add(tmp_path / "z foreign", PatientID="someone else", SOPInstanceUID="1.2.840.99.1.7")
    add(tmp_path / "burned", BurnedInAnnotation="YES", SOPInstanceUID="1.2.840.99.1.8")
    (tmp_path / "notes.txt").write_text("not DICOM")
    (tmp_path / "empty.dcm").write_bytes(b"")
    (tmp_path / "old.tar.gz").write_bytes(b"")
    _, told = read(tmp_path)
    found = [reason.partition(" (")[0] for reason in reasons(told)]
    assert found == [
        "a DICOMDIR, which is a list of other files",
        "a compressed tar archive has to be unpacked first",
        "its study has films of another PatientID",
        "modality is 'CT', not a radiograph",
        "not a DICOM file",
        "not a DICOM file, though its name says so",
        "text is burned into its pixels by its header; look at it, then keep such films with burned_in",
        "the same image",
    ], found


def test_files_that_plainfilm_put_there_are_passed_over(tmp_path: Path) -> None:
    add(tmp_path / "a")
    (tmp_path / ".plainfilm-download").write_text("journal")
    (tmp_path / "inner/.plainfilm-other").mkdir(parents=True)
    (tmp_path / "inner/.plainfilm-other/part").write_text("unfinished")
    assert read(tmp_path)[1] == []


def test_what_is_refused_by_its_header_can_be_asked_for(tmp_path: Path) -> None:
    add(tmp_path / "a", Modality="CT", BurnedInAnnotation="YES")
    assert read(tmp_path)[0] == []
    [study], told = read(tmp_path, any_modality=True, burned_in=True)
    assert (len(study.images), told) == (1, [])


def test_a_film_of_another_part_is_refused_when_it_is_decoded_or_by_its_header_alone(tmp_path: Path) -> None:
    add(tmp_path / "a", BodyPartExamined="HAND", SeriesDescription="")
    assert len(read(tmp_path)[0]) == 1
    studies, told = read(tmp_path, tables_only=True)
    assert studies == []
    assert "another part of the body ('hand')" in told[0].reason


def test_structured_reports_join_their_study(tmp_path: Path) -> None:
    add(tmp_path / "a")
    write_report(tmp_path / "sr", "No effusion.")
    [study], told = read(tmp_path)
    assert study.report is not None
    assert [(part.name, part.text) for part in study.report.sections or ()] == [
        ("impression", "No effusion.")
    ]
    assert told == []


def test_a_table_of_reports_joins_by_accession_number_or_study_uid(tmp_path: Path) -> None:
    add(tmp_path / "a")
    add(
        tmp_path / "b",
        StudyInstanceUID="1.2.840.99.2",
        AccessionNumber="ACC2",
        SOPInstanceUID="1.2.840.99.2.1",
    )
    table = tmp_path / "texts.csv"
    table.write_text(
        "Accession Number,Findings,Impression\nACC0815,Seen on 05.01.2020.,Effusion.\n1.2.840.99.2,Clear.,\n"
        "ACC0815,Again.,\nACC9,Lost.,\nACC2,,\n"
    )
    studies, told = read(tmp_path, reports=table)
    texts = [
        [(part.name, part.text) for part in study.report.sections or ()] for study in studies if study.report
    ]
    assert sorted(texts) == [
        [("findings", "Clear.")],
        [("findings", "Seen on ___."), ("impression", "Effusion.")],
    ]
    assert [item.path for item in told] == ["texts.csv row 3", "texts.csv row 4", "texts.csv row 5"]
    assert not [secret for secret in ("ACC9", "0815") if any(secret in item.reason for item in told)]


def test_reports_of_which_none_belongs_to_a_study_are_an_error(tmp_path: Path) -> None:
    add(tmp_path / "raw" / "a")
    table = tmp_path / "texts.csv"
    table.write_text("accession,report\nZ1,Clear.\nZ2,Effusion.\n")
    with pytest.raises(SourceError, match="fits none of 1 studies: its 2 reports") as caught:
        read(tmp_path / "raw", reports=table)
    assert "Z1" not in str(caught.value)


def test_a_folder_of_texts_joins_by_the_files_names(tmp_path: Path) -> None:
    add(tmp_path / "raw" / "a")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "ACC0815.txt").write_text("IMPRESSION: Jane is well.")
    [study], _ = read(tmp_path / "raw", reports=tmp_path / "texts")
    assert study.report is not None
    assert study.report.text == "IMPRESSION: ___ is well."


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    add(tmp_path / "a")
    (tmp_path / "reports.csv").write_text("accession,report\nACC0815,Clear.\n")
    with pytest.raises(SourceError, match="no column 'acession'"):
        read(tmp_path, report_key="acession")


def test_films_in_a_zip(tmp_path: Path) -> None:
    film = add(tmp_path / "raw" / "a" / "IM1")
    with zipfile.ZipFile(tmp_path / "raw" / "disc.zip", "w") as archive:
        archive.write(film, "DICOM/IM1")
    film.unlink()
    [study], told = read(tmp_path / "raw")
    assert (len(study.images), told) == (1, [])
    assert len(read(tmp_path / "raw" / "disc.zip")[0]) == 1
