from __future__ import annotations

import ast

import pandas as pd
import pytest

from plainfilm.phantom.layouts import cgmh
from plainfilm.phantom.truth import StudyTruth
from plainfilm.phantom.write import write


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cgmh") / "raw"
    write("cgmh", folder, studies=80, seed=3, size=64, workers=1)
    return folder


def test_tables_have_the_published_columns(root):
    for name in ("train", "valid"):
        assert list(pd.read_csv(root / f"{name}.csv", index_col=0).columns) == ["image", "text_label"]
    test = pd.read_csv(root / "test.csv", index_col=0)
    assert list(test.columns) == ["image", *cgmh.LABELS, "text"]
    assert len(cgmh.LABELS) == 13
    assert set(test[list(cgmh.LABELS)].to_numpy().ravel()) <= {0, 1}


def test_lists_are_python_literals_of_films_that_are_there(root):
    for cell in pd.read_csv(root / "train.csv")["image"]:
        assert all((root / path).is_file() for path in ast.literal_eval(cell))


def test_rows_have_several_labels_none_or_an_unknown_one(root):
    rows = [ast.literal_eval(cell) for cell in pd.read_csv(root / "train.csv")["text_label"]]
    assert {0, 1} < {len(row) for row in rows}
    assert {name for row in rows for name in row} - set(cgmh.LABELS) == {"Port-A catheter in place"}


@pytest.mark.parametrize(
    ("kind", "variant", "label"),
    [
        ("tracheal_tube", None, ["Endotracheal tube in place"]),
        ("tracheal_tube", "low", ["Endotracheal tube malposition"]),
        ("chest_tube", "apical", ["Chest tube in place"]),
        ("chest_tube", "pigtail_outside", ["Pigtail malpositon"]),
        ("feeding_tube", "coiled", ["NG tube malposition"]),
        ("central_line", "jugular", ["Central venous catheter in place"]),
        ("central_line", "malpositioned", []),
        ("foreign_body", None, ["Foreign body"]),
        ("effusion", None, []),
    ],
)
def test_labels_say_where_a_device_ends(finding, kind, variant, label):
    study = StudyTruth("1", 0, 0, 50.0, (finding(kind, "right", variant=variant),), (), None)
    assert [name for name in cgmh.LABELS if name in cgmh.positive_labels(study)] == label
