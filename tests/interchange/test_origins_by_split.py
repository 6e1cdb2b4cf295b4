"""Corpora whose splits are labelled apart are written whole, and nothing to write is never a success."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from plainfilm.collection import Collection, prepare
from plainfilm.errors import ConfigError, UsageError
from plainfilm.interchange import convert
from plainfilm.interchange.stored import chosen_origins
from plainfilm.phantom import write


@pytest.fixture(scope="module")
def chexpert(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    root = tmp_path_factory.mktemp("chexpert")
    write("chexpert", root / "raw", studies=30, seed=5, size=64, workers=1)
    return prepare("chexpert", root / "raw", root / "collection", size=64, workers=1)


@pytest.fixture(scope="module")
def written(chexpert: Collection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("written") / "labels"
    convert(chexpert, "cxr_clip", out, {"what": "labels"})
    return out


def test_labels_of_every_split_are_written(chexpert: Collection, written: Path) -> None:
    splits = set(chexpert.table("studies")["split"].to_pylist())
    assert len(splits) > 1
    assert len(list(written.glob("*.csv"))) == len(splits)


def test_what_was_written_reads_back_with_its_labels(
    chexpert: Collection, written: Path, tmp_path: Path
) -> None:
    back = prepare("cxr_clip", written, tmp_path / "back", size=64, workers=1)
    columns = ["target_id", "observation", "state"]

    def stated(collection: Collection) -> set[tuple[str, str, int]]:
        labels = collection.table("labels").to_pandas()
        return set(labels[labels.target == "study"][columns].itertuples(index=False, name=None))

    assert stated(back) == stated(chexpert)


def test_an_origin_stands_for_those_below_it(chexpert: Collection) -> None:
    assert chosen_origins(chexpert, "chexpert", needed=True) == chosen_origins(chexpert, None, needed=True)
    assert chosen_origins(chexpert, "chexpert/train", needed=True) == ("chexpert/train",)
    with pytest.raises(ConfigError, match="no labels of origin 'chexbert'"):
        chosen_origins(chexpert, "chexbert", needed=True)


def test_two_origins_of_one_split_are_to_be_chosen_from(chexpert: Collection, tmp_path: Path) -> None:
    labels = chexpert.table("labels").to_pandas()
    more = pd.concat([labels, labels.assign(origin="plainfilm-chexpert-4")])
    collection = Collection.open(chexpert.path)
    collection.table = lambda name: (  # type: ignore[method-assign]
        pa_table(more) if name == "labels" else chexpert.table(name)
    )
    with pytest.raises(ConfigError, match="choose labels with origin=NAME"):
        chosen_origins(collection, None, needed=True)


def pa_table(frame: pd.DataFrame) -> object:
    import pyarrow as pa

    return pa.Table.from_pandas(frame, preserve_index=False)


def test_nothing_to_write_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "t.csv").write_text("study_id,patient,report\n1,1,No effusion.\n")
    collection = prepare("table", tmp_path / "raw" / "t.csv", tmp_path / "c", size=32, workers=1)
    with pytest.raises(UsageError, match="nothing of it can be written as cxr_clip"):
        convert(collection, "cxr_clip", tmp_path / "out")
    assert not (tmp_path / "out").exists()
