from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from plainfilm.collection import Collection, prepare
from plainfilm.collection.collection import META
from plainfilm.collection.schema import FORMAT_VERSION
from plainfilm.errors import CollectionError
from plainfilm.types import SPLITS


@pytest.fixture
def collection(tmp_path: Path, write_table) -> Collection:
    return prepare("table", write_table(4), tmp_path / "films", size=32, workers=1)


def change_meta(collection: Collection, **fields: object) -> None:
    path = collection.path / META
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.mark.parametrize(
    ("version", "way_out"),
    [(FORMAT_VERSION + 1, "update Plainfilm"), (0, "prepare it again"), (None, "prepare it again")],
)
def test_another_format_version(collection: Collection, version: int | None, way_out: str) -> None:
    change_meta(collection, format_version=version)
    message = f"has collection format {version}, .* reads {FORMAT_VERSION}; {way_out}"
    with pytest.raises(CollectionError, match=message):
        Collection.open(collection.path)


def test_no_collection_there(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match="no such collection"):
        Collection.open(tmp_path / "none")
    with pytest.raises(CollectionError, match="is not a collection"):
        Collection.open(tmp_path)


def test_unfinished_preparation(tmp_path: Path) -> None:
    (tmp_path / ".partial").mkdir()
    with pytest.raises(CollectionError, match="repeat the prepare command"):
        Collection.open(tmp_path)


def test_damaged_meta(collection: Collection) -> None:
    (collection.path / META).write_text("{")
    with pytest.raises(CollectionError, match="not valid JSON"):
        Collection.open(collection.path)


def test_a_table_of_less_than_no_rows(collection: Collection) -> None:
    tables = {**collection.meta["tables"], "labels": {**collection.meta["tables"]["labels"], "rows": -1}}
    change_meta(collection, tables=tables)
    with pytest.raises(CollectionError, match="rows"):
        Collection.open(collection.path)


def test_missing_table(collection: Collection) -> None:
    (collection.path / "labels.parquet").unlink()
    with pytest.raises(CollectionError, match=r"labels\.parquet: no such file"):
        Collection.open(collection.path).table("labels")


def test_unknown_table_names_the_nearest(collection: Collection) -> None:
    with pytest.raises(CollectionError, match="did you mean 'images'"):
        collection.table("image")


def test_an_image_path_may_not_lead_out(collection: Collection) -> None:
    for path in ("../secret.jpg", "/etc/passwd"):
        with pytest.raises(CollectionError, match="leads out"):
            collection.image_path(path)


def test_images_are_where_the_table_says(collection: Collection) -> None:
    paths = collection.table("images")["path"].to_pylist()
    assert all(collection.image_path(path).is_file() for path in paths)


def test_another_process_gets_it_without_tables(collection: Collection) -> None:
    collection.table("images")
    copy = pickle.loads(pickle.dumps(collection))
    assert copy.fingerprint == collection.fingerprint
    assert copy.frame("images").equals(collection.frame("images"))


def test_patients_of_a_split_are_distinct(collection: Collection) -> None:
    found = [name for split in SPLITS for name in collection.patients_of(split).to_pylist()]
    assert sorted(found) == ["patient0", "patient1"]
