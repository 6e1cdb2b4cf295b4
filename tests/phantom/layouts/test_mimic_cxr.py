from __future__ import annotations

import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

OBSERVATIONS = [
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Enlarged Cardiomediastinum",
    "Fracture",
    "Lung Lesion",
    "Lung Opacity",
    "No Finding",
    "Pleural Effusion",
    "Pleural Other",
    "Pneumonia",
    "Pneumothorax",
    "Support Devices",
]


@pytest.fixture
def table(corpus):
    """Reads a table of the corpus by its name, as text."""

    def read(name):
        return pd.read_csv(corpus / f"mimic-cxr-2.0.0-{name}.csv.gz", dtype=str, keep_default_na=False)

    return read


def test_every_film_of_the_split_table_is_where_the_layout_puts_it(corpus, table):
    for row in table("split").itertuples():
        folder = corpus / "files" / f"p{row.subject_id[:2]}" / f"p{row.subject_id}" / f"s{row.study_id}"
        with Image.open(folder / f"{row.dicom_id}.jpg") as film:
            assert film.mode == "L"
            assert max(film.size) == 96


def test_no_film_is_left_out_of_the_tables(corpus, table):
    files = {path.stem for path in corpus.rglob("*.jpg")}
    assert files == set(table("split")["dicom_id"]) == set(table("metadata")["dicom_id"])


def test_reports_lie_beside_their_study(corpus, table):
    reports = {path.stem[1:] for path in corpus.rglob("s*.txt")}
    assert reports == set(table("chexpert")["study_id"])
    assert reports <= set(table("split")["study_id"])


def test_ids_look_like_the_corpus_does(table):
    split = table("split")
    assert split["subject_id"].str.fullmatch(r"1\d{7}").all()
    assert split["study_id"].str.fullmatch(r"5\d{7}").all()
    assert split["dicom_id"].str.fullmatch(r"([0-9a-f]{8}-){4}[0-9a-f]{8}").all()
    assert split["dicom_id"].is_unique


def test_the_split_is_by_patient_and_has_the_published_names(table):
    split = table("split")
    assert set(split["split"]) == {"train", "validate", "test"}
    assert (split.groupby("subject_id")["split"].nunique() == 1).all()


def test_metadata_has_the_published_columns(table):
    metadata = table("metadata")
    assert list(metadata.columns) == [
        "dicom_id",
        "subject_id",
        "study_id",
        "PerformedProcedureStepDescription",
        "ViewPosition",
        "Rows",
        "Columns",
        "StudyDate",
        "StudyTime",
        "ProcedureCodeSequence_CodeMeaning",
        "ViewCodeSequence_CodeMeaning",
        "PatientOrientationCodeSequence_CodeMeaning",
    ]
    assert set(metadata["ViewPosition"]) <= {"AP", "PA", "LATERAL", "LL", ""}
    assert metadata["StudyDate"].str.fullmatch(r"2[12]\d{6}").all()


def test_labels_are_those_of_the_truth(corpus, table):
    chexpert = table("chexpert")
    assert list(chexpert.columns) == ["subject_id", "study_id", *OBSERVATIONS]
    states = pq.read_table(corpus / "truth" / "states.parquet").to_pandas()
    truth = {(row.study_id, row.observation): f"{row.state:.1f}" for row in states.itertuples()}
    for row in chexpert.to_dict("records"):
        for name in OBSERVATIONS:
            assert row[name] == truth.get((row["study_id"], name), "")


def test_patients_have_sex_and_age(corpus, table):
    people = pd.read_csv(corpus / "patients.csv.gz", dtype={"subject_id": str})
    assert list(people.columns) == ["subject_id", "gender", "anchor_age"]
    assert set(people["subject_id"]) == set(table("split")["subject_id"])
    assert set(people["gender"]) <= {"F", "M"}
    assert people["anchor_age"].between(18, 95).all()
