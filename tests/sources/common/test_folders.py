from __future__ import annotations

import zipfile
from pathlib import Path

from plainfilm.sources.common.folders import children, find_folder, subfolders


def test_an_archive_is_a_folder(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("top/inner/a.txt", "")
        archive.writestr("top/b.txt", "")
    assert list(children(tmp_path / "all.zip")) == ["top"]
    assert list(children(tmp_path / "all.zip" / "top")) == ["b.txt", "inner"]
    assert subfolders(tmp_path / "all.zip" / "top") == [tmp_path / "all.zip" / "top" / "inner"]
    assert list(children(tmp_path / "all.zip" / "nowhere")) == []


def test_a_folder_on_disk(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "a.txt").write_text("")
    assert list(children(tmp_path)) == ["a.txt", "b"]
    assert subfolders(tmp_path) == [tmp_path / "b"]
    assert list(children(tmp_path / "nowhere")) == []


def test_the_shallowest_and_newest_folder_that_fits(tmp_path: Path) -> None:
    for place in ("x/1.0", "x/2.0", "x/2.0/deep", "p10000001"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "marker").write_text("")
    assert find_folder(tmp_path, lambda _, names: "marker" in names) == tmp_path / "x" / "2.0"
    assert find_folder(tmp_path, lambda _, names: "absent" in names) is None
