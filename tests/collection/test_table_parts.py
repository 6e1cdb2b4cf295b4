"""Tables of many rows lie in several files, which `collection.json` names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from plainfilm.collection import Collection, merge, prepare, shard
from plainfilm.collection.label import label_collection
from plainfilm.errors import CollectionError
from plainfilm.interchange.packed import copy_tables
from tests.s3_server import BUCKET

NAMES = ("studies", "images", "sections", "sentences", "labels", "boxes", "rejected")


@contextmanager
def small_files() -> Iterator[None]:
    """A file of a table ends with the shard of two studies that reaches four rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shard, "STUDIES_WITH_FILMS", 2)
        patch.setattr(merge, "ROWS_PER_GROUP", 1)
        patch.setattr(merge, "ROWS_PER_FILE", 4)
        yield


@pytest.fixture
def whole(write_table: Any, tmp_path: Path) -> Collection:
    return prepare("table", write_table(6), tmp_path / "whole", size=32, workers=1)


@pytest.fixture
def parted(whole: Collection, tmp_path: Path) -> Collection:
    with small_files():
        return prepare("table", tmp_path / "raw/films.csv", tmp_path / "parted", size=32, workers=1)


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("*.parquet"))


def test_parts_have_the_rows_of_the_whole(whole: Collection, parted: Collection) -> None:
    assert parted.files_of("images") == ["images.parquet", "images-00001.parquet"]
    assert [parted.table(name).equals(whole.table(name)) for name in NAMES] == [True] * len(NAMES)
    assert parted.fingerprint == whole.fingerprint
    batches = [batch["study_id"].to_pylist() for batch in parted.batches("images", rows=3)]
    assert list(map(len, batches)) == [3, 1, 2]


def test_only_a_collection_with_parts_needs_a_newer_version(whole: Collection, parted: Collection) -> None:
    assert (whole.meta["format_version"], parted.meta["format_version"]) == (4, 5)
    assert files(whole.path) == sorted(f"{name}.parquet" for name in NAMES)


def test_a_damaged_part_is_named(parted: Collection) -> None:
    (parted.path / "images-00001.parquet").write_bytes(b"changed")
    with pytest.raises(CollectionError, match=r"images-00001\.parquet"):
        Collection.open(parted.path).table("images")
    with pytest.raises(CollectionError, match=r"images-00001\.parquet"):
        list(Collection.open(parted.path).batches("images"))


def test_a_missing_part_is_named(parted: Collection) -> None:
    (parted.path / "images-00001.parquet").unlink()
    with pytest.raises(CollectionError, match=r"images-00001\.parquet"):
        Collection.open(parted.path).table("images")


def test_labels_are_rewritten_in_parts_and_as_one_file(whole: Collection, parted: Collection) -> None:
    label_collection(whole, workers=1)
    with small_files():
        label_collection(parted, workers=1)
    assert len(parted.files_of("labels")) > 2
    assert Collection.open(parted.path).table("labels").equals(whole.table("labels"))
    assert parted.fingerprint == whole.fingerprint
    label_collection(parted, workers=1)
    again = Collection.open(parted.path)
    assert again.files_of("labels") == ["labels.parquet"]
    assert not list(parted.path.glob("labels-*"))
    assert again.table("labels").equals(whole.table("labels"))
    assert not list(again.manifest.damage())


def test_replacing_removes_parts(parted: Collection, tmp_path: Path) -> None:
    raw = tmp_path / "raw/films.csv"
    prepare("table", raw, parted.path, size=32, workers=1, replace_present=True)
    assert files(parted.path) == sorted(f"{name}.parquet" for name in NAMES)


def test_a_packed_copy_has_all_parts(parted: Collection, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    assert copy_tables(parted, tmp_path / "copy") == parted.manifest.files


@pytest.mark.slow
def test_parts_in_object_storage_are_opened_without_a_list(
    whole: Collection, parted: Collection, s3: Any, tmp_path: Path
) -> None:
    out = Path(f"s3://{BUCKET}/parted")
    with small_files():
        prepare("table", tmp_path / "raw/films.csv", out, size=32, workers=1)
    s3.asked.clear()
    opened = Collection.open(out)
    assert opened.table("images").equals(whole.table("images"))
    assert f"/{BUCKET}" not in {path.rstrip("/") for _, path, _ in s3.asked}  # a list is asked of the bucket
    assert any("images-00001.parquet" in path for _, path, _ in s3.asked)
    prepare("table", tmp_path / "raw/films.csv", out, size=32, workers=1, replace_present=True)
    assert sorted(name for name in s3.contents("parted") if "parquet" in name) == files(whole.path)
