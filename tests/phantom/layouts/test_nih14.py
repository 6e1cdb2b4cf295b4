from __future__ import annotations

import pandas as pd
import pytest
from PIL import Image

from plainfilm.phantom.write import write


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nih14") / "raw"
    write("nih14", folder, studies=40, seed=8, size=64, workers=1)
    return folder


@pytest.fixture(scope="module")
def entries(root):
    return pd.read_csv(root / "Data_Entry_2017.csv")


def test_headers_are_as_odd_as_the_published_ones(root):
    assert (root / "Data_Entry_2017.csv").read_text().partition("\n")[0] == (
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
        "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],"
    )
    assert (root / "BBox_List_2017.csv").read_text().partition("\n")[0] == (
        "Image Index,Finding Label,Bbox [x,y,w,h],,,"
    )


def test_films_are_png_of_1024_in_numbered_folders(root, entries):
    films = {path.name: path for path in root.glob("images_0??/images/*.png")}
    assert set(films) == set(entries["Image Index"])
    modes = set()
    for path in films.values():
        with Image.open(path) as film:
            assert film.size == (1024, 1024)
            modes.add(film.mode)
    assert modes == {"L", "RGBA"}


def test_findings_are_of_the_fourteen(entries):
    found = set(entries["Finding Labels"].str.split("|").explode())
    assert "No Finding" in found
    assert found <= {
        *("Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia"),
        *("Pneumothorax", "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening", "Hernia"),
        "No Finding",
    }
    assert set(entries["View Position"]) == {"PA", "AP"}


def test_some_ages_are_absurd(entries):
    assert (entries["Patient Age"] > 130).any()
    assert (entries["Patient Age"] < 100).mean() > 0.8


def test_lists_cut_the_films_by_patient(root, entries):
    lists = {name: (root / f"{name}.txt").read_text().split() for name in ("train_val_list", "test_list")}
    assert sorted([*lists["train_val_list"], *lists["test_list"]]) == sorted(entries["Image Index"])
    patients = {name: {film[:8] for film in films} for name, films in lists.items()}
    assert not patients["train_val_list"] & patients["test_list"]


def test_boxes_lie_in_the_square_film_and_name_its_findings(root, entries):
    boxes = pd.read_csv(root / "BBox_List_2017.csv").iloc[:, :6]
    boxes.columns = ["film", "finding", "x", "y", "w", "h"]
    assert len(boxes) > 5
    assert not boxes.duplicated(["film", "finding"]).any()
    assert (boxes[["x", "y"]] >= 0).all(axis=None)
    assert (boxes["x"] + boxes["w"]).max() <= 1024
    assert (boxes["y"] + boxes["h"]).max() <= 1024
    findings = entries.set_index("Image Index")["Finding Labels"]
    for row in boxes.itertuples():
        assert row.finding.replace("Infiltrate", "Infiltration") in findings[row.film].split("|")
