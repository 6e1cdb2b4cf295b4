from __future__ import annotations

import pandas as pd
import pytest

from plainfilm.phantom.layouts.vinbigdata import CLASSES
from plainfilm.phantom.write import write
from plainfilm.sources.common.vindr_classes import vindr_classes


@pytest.fixture(scope="module")
def vinbigdata(tmp_path_factory):
    """Thirty studies in VinBigData's layout."""
    folder = tmp_path_factory.mktemp("vinbigdata") / "raw"
    write("vinbigdata", folder, studies=30, seed=5, size=96, workers=1)
    return folder


@pytest.fixture(scope="module")
def table(vinbigdata):
    return pd.read_csv(vinbigdata / "train.csv", dtype=str, keep_default_na=False)


def test_the_classes_are_those_of_the_competition():
    assert vindr_classes().sets["vinbigdata"] == (*CLASSES, "No finding")


def test_films_of_train_are_in_the_table_and_those_of_test_are_not(vinbigdata, table):
    assert {path.stem for path in (vinbigdata / "train").iterdir()} == set(table["image_id"])
    assert list((vinbigdata / "test").glob("*.dicom"))


def test_classes_have_their_numbers(table):
    names = [*CLASSES, "No finding"]
    assert (table["class_name"].map(names.index).astype(str) == table["class_id"]).all()


def test_boxes_are_whole_pixels_and_blank_where_nothing_is_found(table):
    nothing = table["class_name"] == "No finding"
    assert (table[nothing][["x_min", "y_max"]] == "").all().all()
    assert table[~nothing]["x_min"].str.endswith(".0").all()


def test_rows_are_in_no_order(table):
    runs = (table["image_id"] != table["image_id"].shift()).sum()
    assert runs > table["image_id"].nunique()


def test_each_film_has_three_readers(table):
    assert (table.groupby("image_id")["rad_id"].nunique() == 3).all()
