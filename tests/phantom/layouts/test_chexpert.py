from __future__ import annotations

import pandas as pd
import pytest
from PIL import Image

from plainfilm.phantom.write import write


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chexpert") / "raw"
    write("chexpert", folder, studies=60, seed=3, size=64, workers=1)
    return folder


def read(path):
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def test_tables_have_the_published_columns(root):
    header = (
        "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,"
        "Lung Lesion,Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,"
        "Fracture,Support Devices"
    )
    for name in ("train", "valid"):
        path = root / f"CheXpert-v1.0-small/{name}.csv"
        assert path.read_text().partition("\n")[0] == header


def test_paths_name_films_below_the_release(root):
    train = read(root / "CheXpert-v1.0-small/train.csv")
    shape = r"CheXpert-v1.0-small/train/patient\d+/study\d+/view\d_(frontal|lateral)\.jpg"
    assert train["Path"].str.fullmatch(shape).all()
    for path in train["Path"].head(5):
        with Image.open(root / path) as film:
            assert (film.mode, film.format) == ("L", "JPEG")
    files = {
        path.relative_to(root).as_posix() for path in (root / "CheXpert-v1.0-small/train").rglob("*.jpg")
    }
    assert files == set(train["Path"])


def test_cells_are_written_as_the_corpus_does(root):
    train = read(root / "CheXpert-v1.0-small/train.csv")
    lateral = train["Frontal/Lateral"] == "Lateral"
    assert set(train["Sex"]) <= {"Female", "Male", "Unknown"}
    assert set(train.loc[~lateral, "AP/PA"]) <= {"AP", "PA", "LL"}
    assert set(train.loc[lateral, "AP/PA"]) == {""}
    assert set(train.iloc[:, 5:].to_numpy().ravel()) == {"1.0", "0.0", "-1.0", ""}


def test_validation_and_test_are_labelled_without_doubt_or_gaps(root):
    for table in ("CheXpert-v1.0-small/valid.csv", "CheXpert/test_labels.csv"):
        labels = read(root / table).filter(regex="^(?!Path|Sex|Age|Frontal|AP)")
        assert labels.shape[1] == 14
        assert set(labels.to_numpy().ravel()) <= {"1.0", "0.0"}


def test_the_test_set_says_nothing_of_people(root):
    test = read(root / "CheXpert/test_labels.csv")
    assert "Sex" not in test
    assert all((root / "CheXpert" / path).is_file() for path in test["Path"])


def test_reports_are_on_the_row_of_every_film(root):
    plus = read(root / "df_chexpert_plus_240401.csv")
    assert plus["report"].str.contains("IMPRESSION").any()
    assert set(plus["split"]) == {"train", "valid"}
    assert (plus.groupby(plus["path_to_image"].str.rsplit("/", n=1).str[0])["report"].nunique() == 1).all()
