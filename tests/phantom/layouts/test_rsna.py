from __future__ import annotations

import json
import uuid

import pandas as pd
import pydicom
import pytest

from plainfilm.phantom.write import write


@pytest.fixture(scope="module")
def rsna(tmp_path_factory):
    """Thirty studies in the layout of RSNA's challenge."""
    folder = tmp_path_factory.mktemp("rsna") / "raw"
    write("rsna", folder, studies=30, seed=5, size=96, workers=1)
    return folder


def table(corpus, name):
    return pd.read_csv(corpus / f"stage_2_{name}.csv", dtype=str, keep_default_na=False)


def test_every_film_has_a_row_for_each_box_or_one_that_is_blank(rsna):
    labels = table(rsna, "train_labels")
    assert list(labels) == ["patientId", "x", "y", "width", "height", "Target"]
    assert set(labels["patientId"]) == {path.stem for path in (rsna / "stage_2_train_images").iterdir()}
    assert ((labels["x"] == "") == (labels["Target"] == "0")).all()
    assert labels["patientId"].duplicated().any()


def test_classes_go_with_the_labels_row_by_row(rsna):
    labels, classes = table(rsna, "train_labels"), table(rsna, "detailed_class_info")
    assert (labels["patientId"] == classes["patientId"]).all()
    assert ((classes["class"] == "Lung Opacity") == (labels["Target"] == "1")).all()
    assert set(classes["class"]) == {"Lung Opacity", "No Lung Opacity / Not Normal", "Normal"}


def test_boxes_lie_in_the_square_of_1024(rsna):
    boxes = table(rsna, "train_labels").query("x != ''")[["x", "y", "width", "height"]].astype(float)
    assert (boxes["x"] + boxes["width"] <= 1024).all()
    assert (boxes["y"] + boxes["height"] <= 1024).all()


def test_headers_are_those_of_the_corpus(rsna):
    found = [pydicom.dcmread(path, stop_before_pixels=True) for path in sorted(rsna.rglob("*.dcm"))]
    assert {(header.Rows, header.Columns, header.BitsStored, header.Modality) for header in found} == {
        (1024, 1024, 8, "CR")
    }
    assert all(str(uuid.UUID(header.PatientID)) == header.PatientID for header in found)
    assert {header.get("ViewPosition") for header in found} >= {"PA", "AP"}


def test_the_mapping_has_films_of_both_parts(rsna):
    mapping = json.loads((rsna / "pneumonia-challenge-dataset-mappings_2018.json").read_text())
    assert {entry["subset_img_id"] for entry in mapping} == {path.stem for path in rsna.rglob("*.dcm")}
    assert len({entry["img_id"] for entry in mapping}) == len(mapping)
