from __future__ import annotations

import contextlib
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from plainfilm.errors import DataError
from plainfilm.io.files import folder_beside, replacing, sweep


def test_new_content_takes_the_place_of_old(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with replacing(tmp_path / "a") as temporary:
        temporary.write_text("new")
        assert (tmp_path / "a").read_text() == "old"
    assert (tmp_path / "a").read_text() == "new"


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with contextlib.suppress(KeyError), replacing(tmp_path / "a") as temporary:
        temporary.write_text("half")
        raise KeyError
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "old"


@pytest.mark.parametrize("name", ["a", "a[1]", "*"])
def test_parts_of_dead_processes_are_swept_and_others_stay(tmp_path: Path, name: str) -> None:
    code = "import os, sys; from plainfilm.io.files import replacing; way = replacing(sys.argv[1]); "
    subprocess.run([sys.executable, "-c", code + "way.__enter__(); os._exit(9)", str(tmp_path / name)])
    (tmp_path / f".{name}.{os.getpid()}@{platform.node()}.x.part").touch()
    (tmp_path / f".{name}.1@elsewhere.x.part").touch()
    assert len(list(tmp_path.iterdir())) == 3
    sweep(tmp_path / name)
    assert {part.name.split(".")[2].split("@")[0] for part in tmp_path.iterdir()} == {str(os.getpid()), "1"}


def test_full_disk_is_one_line_about_the_file(tmp_path: Path) -> None:
    message = r"a: cannot be written \(No space left on device\)"
    with pytest.raises(DataError, match=message), replacing(tmp_path / "a"):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_a_folder_must_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"), replacing(tmp_path / "file" / "a"):
        pass


def test_folders_are_made(tmp_path: Path) -> None:
    with replacing(tmp_path / "x" / "y" / "a") as temporary:
        temporary.write_text("1")
    assert (tmp_path / "x" / "y" / "a").read_text() == "1"


def test_a_folder_beside_is_gone_in_the_end_and_so_are_those_of_the_dead(tmp_path: Path) -> None:
    (tmp_path / ".out [1].part-dead" / "inner").mkdir(parents=True)
    (tmp_path / ".out.part-other").mkdir()
    with folder_beside(tmp_path / "out [1]") as part:
        (part / "file").touch()
        assert {path.name for path in tmp_path.iterdir()} == {part.name, ".out.part-other"}
    assert [path.name for path in tmp_path.iterdir()] == [".out.part-other"]
