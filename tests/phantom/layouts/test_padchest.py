from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from plainfilm.phantom.layouts.padchest import COLUMNS, TABLE
from plainfilm.phantom.write import write


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("padchest") / "raw"
    write("padchest", folder, studies=60, seed=3, size=64, workers=1)
    return folder


@pytest.fixture(scope="module")
def table(corpus: Path) -> pd.DataFrame:
    return pd.read_csv(corpus / TABLE, dtype=str, keep_default_na=False)


def test_columns_are_the_published_ones(table: pd.DataFrame) -> None:
    assert list(table.columns) == ["Unnamed: 0", *COLUMNS[1:]]
    assert set(table["Projection"]) == {"PA", "AP", "AP_horizontal", "L", "COSTAL", "EXCLUDE"}
    assert set(table["MethodLabel"]) == {"Physician", "RNN_model"}


def test_quirks_of_the_labels(table: pd.DataFrame) -> None:
    assert table["Labels"].str.contains("' ").any()
    assert table["Labels"].str.contains("''").any()
    assert (table["Labels"] == "nan").any()
    assert "O" in set(table["PatientSex_DICOM"])


def test_reports_are_stems_without_accents(table: pd.DataFrame) -> None:
    reports = table.loc[table["Report"] != "nan", "Report"]
    assert reports.str.fullmatch(r"( [a-z ]+ \.)+").all()
    assert reports.str.contains("derram pleural").any()


def test_films_have_16_bits_in_the_folders_of_the_table(corpus: Path, table: pd.DataFrame) -> None:
    files = {path.name: path for path in corpus.rglob("*.png")}
    stated = dict(zip(table["ImageID"], table["ImageDir"], strict=True))
    assert set(files) < set(stated)
    assert all(path.parent.name == stated[name] for name, path in files.items())
    with Image.open(next(iter(files.values()))) as film:
        assert np.asarray(film).max() > 255
