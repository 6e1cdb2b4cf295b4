from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.errors import SourceError
from plainfilm.sources.common.split_files import read_lists


def test_names_splits_and_numbers_of_lines_that_end_in_crlf(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_bytes(b"a.png 1 0\r\nb c.PNG 0 1\r\n\r\n")
    (tmp_path / "valid.txt").write_bytes(b"d.png 0.0 1.0\r\n")
    lists = read_lists(tmp_path)
    assert {name: (listed.split, listed.values) for name, listed in lists.images.items()} == {
        "a.png": ("train", (1, 0)),
        "b c.PNG": ("train", (0, 1)),
        "d.png": ("validation", (0, 1)),
    }
    assert lists.images["d.png"].place == "valid.txt line 1"


def test_a_name_that_is_listed_twice_is_told(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a.png 1 0\n")
    (tmp_path / "test.txt").write_text("a.png 1 0\n")
    lists = read_lists(tmp_path)
    assert lists.images["a.png"].split == "train"
    assert [rejection.reason for rejection in lists.rejections] == [
        "test.txt line 1 lists it again; train.txt line 1 is taken"
    ]


def test_a_name_that_is_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a.png 1\nb.png 0\n")
    told = list(read_lists(tmp_path).unseen(["a.png"], "on disk"))
    assert [(one.path, one.reason) for one in told] == [
        ("b.png", "train.txt line 2 lists it, but it is not on disk")
    ]


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_a_folder_without_lists_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match="holds none of the lists"):
        read_lists(tmp_path / name)
