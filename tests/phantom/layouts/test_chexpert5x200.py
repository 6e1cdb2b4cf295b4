from __future__ import annotations

import pandas as pd
import pytest

from plainfilm.phantom.write import write
from plainfilm.sources import chexpert
from plainfilm.types import Study


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chexpert5x200") / "raw"
    write("chexpert5x200", folder, studies=60, seed=3, size=64, workers=1)
    return folder


def test_films_show_exactly_one_of_the_five_findings(root):
    table = pd.read_csv(root / "chexpert_5x200.csv", index_col=0)
    five = ["Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion"]
    assert list(table.columns) == ["Path", "Report Impression", *five]
    assert len(table) >= 5
    assert (table[five].sum(axis=1) == 1).all()
    assert table["Report Impression"].str.len().gt(0).all()
    assert table["Path"].str.contains("/train/.*_frontal").all()


def test_its_patients_can_be_left_out_of_chexpert(root):
    table = root / "chexpert_5x200.csv"
    chosen = {path.split("/")[-3] for path in pd.read_csv(table)["Path"]}
    items = list(chexpert.read(root, chexpert.Config(without=table)))
    patients = {item.patient_id for item in items if isinstance(item, Study)}
    assert chosen
    assert not chosen & patients
