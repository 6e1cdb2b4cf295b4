from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from plainfilm import phantom
from plainfilm.phantom.layouts.table import HEADER
from plainfilm.sources.table import USUAL_HEADERS


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("table") / "raw"
    phantom.write("table", root, studies=40, size=64, workers=1)
    return root


def frames(root: Path) -> pd.DataFrame:
    return pd.concat([pd.read_csv(path, dtype=str) for path in sorted(root.glob("*.csv"))])


def test_every_role_has_a_column_but_the_split_which_has_files(root: Path) -> None:
    taken = {role for role, usual in USUAL_HEADERS.items() if any(name in HEADER for name in usual)}
    assert set(USUAL_HEADERS) - taken == {"split"}
    assert {path.name for path in root.glob("*.csv")} >= {"train.csv", "test.csv"}


def test_what_sites_write_is_in_it(root: Path) -> None:
    rows = frames(root)
    assert {"F", "M", "female", "male"} >= set(rows["sex"])
    assert {"PA", "LL", "antero-posterior"} <= set(rows["view"].dropna())
    assert rows["age"].str.fullmatch(r"\d{3}Y|old").all()
    assert rows["path"].isna().any()
    named = rows["path"].dropna()
    assert 0 < sum(not (root / path).exists() for path in named) < len(named) / 4


def test_rows_of_a_study_repeat_its_text(root: Path) -> None:
    assert frames(root).groupby("study_id")["report"].nunique().max() == 1
