from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from plainfilm.errors import SourceError
from plainfilm.sources.common.raw_files import files_called, find_raw_files


def test_files_are_found_at_any_depth_and_in_archives(tmp_path: Path) -> None:
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "deep/er/a.png").touch()
    (tmp_path / "deep/er/a.txt").touch()
    with zipfile.ZipFile(tmp_path / "films.zip", "w") as writer:
        writer.writestr("inside/b.png", b"")
    found = files_called(tmp_path, lambda name: name.endswith(".png"))
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        "films.zip/inside/b.png",
        "deep/er/a.png",
    ]


def test_no_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such folder or archive"):
        files_called(tmp_path / "nowhere", bool)


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_tables_and_films_are_told_apart(tmp_path: Path) -> None:
    put(tmp_path, "x/train.csv.gz", "x/other.csv", "films/b.PNG", "films/a.dcm", "films/notes.txt")
    found = find_raw_files(tmp_path, ["train.csv"], [".png", ".dcm"], tables_only=False)
    assert found.table("train_labels", "train") == tmp_path / "x/train.csv.gz"
    assert dict(found.films.beside(())) == {"a": tmp_path / "films/a.dcm", "b": tmp_path / "films/b.PNG"}
    assert found.film("c", "films/c.dcm") is None


def test_films_that_are_not_looked_for_are_where_they_usually_are(tmp_path: Path) -> None:
    put(tmp_path, "train.csv", "films/a.dcm")
    found = find_raw_files(tmp_path, ["train.csv"], [".dcm"], tables_only=True)
    assert len(found.films) == 0
    assert found.film("c", "films/c.dcm") == tmp_path / "films/c.dcm"


def test_a_file_that_is_named_as_no_film_is_a_stray(tmp_path: Path) -> None:
    put(tmp_path, "cover.png", "film1.png")
    found = find_raw_files(
        tmp_path,
        [],
        [".png"],
        tables_only=False,
        id_of=lambda path: path.stem if path.stem.startswith("film") else None,
    )
    assert (found.strays, len(found.films)) == ([tmp_path / "cover.png"], 1)


def test_a_missing_table_is_named_and_so_is_the_archive_that_may_hold_it(tmp_path: Path) -> None:
    put(tmp_path, "all.tar.gz")
    found = find_raw_files(tmp_path, ["train.csv"], [], tables_only=False)
    with pytest.raises(SourceError, match=r"no train\.csv or test\.csv in it or below; unpack all\.tar\.gz"):
        found.table("train", "test")


def test_two_tables_of_one_name_are_refused(tmp_path: Path) -> None:
    put(tmp_path, "x/train.csv.gz", "y/train.csv")
    with pytest.raises(SourceError, match="two tables of one name"):
        find_raw_files(tmp_path, ["train.csv"], [], tables_only=False)
