from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from plainfilm.phantom.layouts.ms_cxr import CATEGORIES
from plainfilm.phantom.write import write


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ms_cxr") / "raw"
    write("ms_cxr", folder, studies=40, seed=5, size=96, workers=1)
    return folder


@pytest.fixture(scope="module")
def table(corpus: Path) -> pd.DataFrame:
    return pd.read_csv(corpus / "MS_CXR_Local_Alignment_v1.1.0.csv")


def test_the_table_has_the_published_columns_and_categories(table: pd.DataFrame) -> None:
    assert set(table.columns) == {
        *("dicom_id", "category_name", "label_text", "path", "x", "y", "w", "h"),
        *("image_width", "image_height", "split"),
    }
    assert set(table["category_name"]) <= set(CATEGORIES)
    assert set(table["split"]) <= {"train", "val", "test"}


def test_films_are_where_the_paths_lead_and_of_the_stated_size(corpus: Path, table: pd.DataFrame) -> None:
    for row in table.itertuples():
        with Image.open(corpus / "mimic-cxr-jpg" / row.path) as film:
            assert film.size == (row.image_width, row.image_height)


def test_some_phrases_have_several_boxes_and_some_boxes_stick_out(table: pd.DataFrame) -> None:
    assert table.duplicated(["dicom_id", "label_text"]).any()
    assert (table["y"] + table["h"] > table["image_height"]).any()


def test_the_json_has_a_box_for_every_row(corpus: Path, table: pd.DataFrame) -> None:
    content = json.loads((corpus / "MS_CXR_Local_Alignment_v1.1.0.json").read_text())
    assert [one["bbox"] for one in content["annotations"]] == table[["x", "y", "w", "h"]].to_numpy().tolist()
    assert {one["file_name"] for one in content["images"]} == {f"{name}.jpg" for name in table["dicom_id"]}
