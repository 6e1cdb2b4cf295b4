from __future__ import annotations

import pandas as pd
import pydicom
import pytest

from plainfilm.phantom.layouts.vindr_cxr import CLASSES, LOCAL
from plainfilm.phantom.write import write
from plainfilm.sources.common.vindr_classes import vindr_classes


@pytest.fixture(scope="module")
def vindr(tmp_path_factory):
    """Forty studies in VinDr-CXR's layout."""
    folder = tmp_path_factory.mktemp("vindr") / "raw"
    write("vindr_cxr", folder, studies=40, seed=5, size=96, workers=1)
    return folder


def table(corpus, name):
    return pd.read_csv(corpus / "annotations" / f"{name}.csv", dtype=str, keep_default_na=False)


def headers(corpus):
    return [pydicom.dcmread(path, stop_before_pixels=True) for path in sorted(corpus.rglob("*.dicom"))]


def test_the_classes_are_those_of_the_corpus():
    assert vindr_classes().every == CLASSES
    assert vindr_classes().local == LOCAL


@pytest.mark.parametrize("part", ["train", "test"])
def test_every_film_is_in_the_tables_of_its_part(vindr, part):
    films = {path.stem for path in (vindr / part).iterdir()}
    assert films == set(table(vindr, f"image_labels_{part}")["image_id"])
    assert films == set(table(vindr, f"annotations_{part}")["image_id"])
    assert all(len(film) == 32 for film in films)


def test_columns_are_the_published_ones(vindr):
    train, test = list(table(vindr, "image_labels_train")), list(table(vindr, "image_labels_test"))
    assert train == ["image_id", "rad_id", *CLASSES[:-2], "Other diseases", "No finding"]
    assert test == ["image_id", *CLASSES]
    corners = ["x_min", "y_min", "x_max", "y_max"]
    assert list(table(vindr, "annotations_train")) == ["image_id", "rad_id", "class_name", *corners]
    assert list(table(vindr, "annotations_test")) == ["image_id", "class_name", *corners]


def test_three_readers_of_each_training_film_disagree_now_and_then(vindr):
    labels = table(vindr, "image_labels_train")
    assert (labels.groupby("image_id")["rad_id"].nunique() == 3).all()
    assert labels["rad_id"].str.fullmatch(r"R([1-9]|1[0-7])").all()
    votes = labels.groupby("image_id")[list(CLASSES[:22])].agg(lambda column: (column == "1").sum())
    assert votes.isin([1, 2]).any().any()


def test_quirks_of_the_boxes(vindr):
    boxes = table(vindr, "annotations_train")
    assert boxes.duplicated().sum() >= 1
    assert (boxes[boxes["class_name"] == "No finding"]["x_min"] == "").all()
    widths = {header.filename: int(header.Columns) for header in headers(vindr)}
    width = {name.rpartition("/")[2].removesuffix(".dicom"): value for name, value in widths.items()}
    drawn = boxes[boxes["x_min"] != ""]
    assert (drawn["x_max"].astype(float) > drawn["image_id"].map(width)).sum() >= 1


def test_films_come_from_many_scanners(vindr):
    found = headers(vindr)
    assert {header.BitsStored for header in found} == {10, 12, 14, 16}
    assert {header.PhotometricInterpretation for header in found} == {"MONOCHROME1", "MONOCHROME2"}
    assert len({header.file_meta.TransferSyntaxUID for header in found}) >= 4
    assert {header.PatientSex for header in found} == {"F", "M", "O"}
    assert all("PatientID" not in header for header in found)
