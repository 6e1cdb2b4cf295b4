"""Preparing onto real file systems that are full or read only."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from plainfilm.cli.main import run
from plainfilm.collection import Collection, prepare
from plainfilm.errors import DataError
from tests.collection.conftest import write_film

KILOBYTES = 512


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of half a megabyte in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={KILOBYTES}k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here: that takes a privileged user on Linux")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def table(folder: Path, films: int, size: tuple[int, int]) -> Path:
    """A raw table of so many films that do not compress to nothing."""
    for number in range(films):
        write_film(folder / f"film{number}.png", number, size)
    rows = "\n".join(f"film{number}.png,p{number}" for number in range(films))
    (folder / "films.csv").write_text(f"path,patient_id\n{rows}\n")
    return folder / "films.csv"


def content(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".partial" not in path.parts
    }


def test_a_full_disk_leaves_the_collection_that_is_there(tmp_path: Path, disk: Path) -> None:
    small = prepare("table", table(tmp_path / "small", 2, (60, 60)), disk / "films", size=48, workers=1)
    before = content(disk / "films")
    large = table(tmp_path / "large", 80, (700, 700))
    with pytest.raises(DataError, match="No space left on device"):
        prepare("table", large, disk / "films", size=512, workers=1, replace_present=True)
    assert content(disk / "films") == before
    assert Collection.open(disk / "films").fingerprint == small.fingerprint


def test_after_making_room_it_goes_on(tmp_path: Path, disk: Path) -> None:
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * 1024 * (KILOBYTES - 60))
    raw = table(tmp_path / "raw", 12, (200, 200))
    with pytest.raises(DataError, match="No space left on device"):
        prepare("table", raw, disk / "films", size=160, workers=1)
    ballast.unlink()
    prepare("table", raw, disk / "films", size=160, workers=1)
    prepare("table", raw, tmp_path / "elsewhere", size=160, workers=1)
    assert content(disk / "films") == content(tmp_path / "elsewhere")


def test_a_read_only_disk_is_one_line_and_changes_nothing(
    tmp_path: Path, disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = table(tmp_path / "raw", 2, (60, 60))
    prepare("table", raw, disk / "films", size=48, workers=1)
    before = content(disk / "films")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    status = run(["prepare", "table", str(raw), "--out", str(disk / "films"), "--size", "32", "--replace"])
    error = capsys.readouterr().err
    assert status == 2
    assert "Read-only file system" in error
    assert error.count("\n") == 1
    assert content(disk / "films") == before
