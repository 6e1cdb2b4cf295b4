from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from plainfilm.errors import SourceError
from plainfilm.sources.cells.download import Shelf, downloaded, tables_below


def test_files_are_found_at_any_depth_and_in_archives(tmp_path: Path) -> None:
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "deep/er/a.png").touch()
    (tmp_path / "deep/er/a.txt").touch()
    with zipfile.ZipFile(tmp_path / "films.zip", "w") as writer:
        writer.writestr("inside/b.png", b"")
    found = downloaded(tmp_path, lambda name: name.endswith(".png"))
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        "films.zip/inside/b.png",
        "deep/er/a.png",
    ]


def test_no_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such folder or archive"):
        downloaded(tmp_path / "nowhere", bool)


def test_a_shelf_keeps_the_first_file_of_a_name_and_tells_of_others() -> None:
    shelf = Shelf()
    for name, path in (("b", "x/b.png"), ("a", "x/a.png"), ("b", "y/b.png"), ("b", "x/b.png")):
        shelf.add(name, Path(path))
    assert (shelf.get("b"), shelf.get("c"), len(shelf)) == (Path("x/b.png"), None, 2)
    assert [item.path for item in shelf.rejections] == ["y/b.png"]
    assert list(shelf.beside(["b"])) == [("a", Path("x/a.png"))]


def test_two_tables_of_one_name_are_refused() -> None:
    assert tables_below([Path("x/train.csv.gz")]) == {"train": Path("x/train.csv.gz")}
    with pytest.raises(SourceError, match="two tables of one name"):
        tables_below([Path("x/train.csv.gz"), Path("y/train.csv")])
