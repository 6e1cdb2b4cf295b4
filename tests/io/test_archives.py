from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pytest

from plainfilm.errors import DataError, ImageError
from plainfilm.io import archives, limits
from plainfilm.io.archives import files_below, is_compressed_tar, is_file, open_binary, read_bytes, stamp
from plainfilm.io.csv_files import open_csv
from plainfilm.io.images import read_image


@pytest.fixture
def zipped(tmp_path: Path) -> Path:
    path = tmp_path / "raw.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tables/a.csv", "x,y\n1,2\n")
        archive.writestr("films/b.png", b"png")
    return path


@pytest.fixture
def tarred(tmp_path: Path) -> Path:
    (tmp_path / "a.csv").write_text("x\n1\n")
    path = tmp_path / "raw.tar"
    with tarfile.open(path, "w") as archive:
        archive.add(tmp_path / "a.csv", "./inner/a.csv")
    return path


def test_members_read_as_files(zipped: Path) -> None:
    assert read_bytes(zipped / "films/b.png") == b"png"
    with open_csv(zipped / "tables/a.csv") as reader:
        assert (reader.headers, list(reader)) == (["x", "y"], [["1", "2"]])
    assert is_file(zipped / "tables/a.csv")
    assert not is_file(zipped / "tables/b.csv")


def test_plain_files_stay_plain(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a")
    assert read_bytes(tmp_path / "a.txt") == b"a"
    assert not is_file(tmp_path)


def test_tar_members_with_a_leading_dot(tarred: Path) -> None:
    assert read_bytes(tarred / "inner/a.csv") == b"x\n1\n"


def test_listing_looks_into_archives(zipped: Path, tarred: Path) -> None:
    found = [path.relative_to(zipped.parent).as_posix() for path in files_below(zipped.parent)]
    assert found == ["a.csv", "raw.tar/inner/a.csv", "raw.zip/films/b.png", "raw.zip/tables/a.csv"]
    assert [path.name for path in files_below(zipped, lambda name: name.endswith(".png"))] == ["b.png"]


def test_a_missing_member_is_a_missing_file(zipped: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_binary(zipped / "films/c.png")


def test_a_damaged_archive_names_itself(tmp_path: Path) -> None:
    (tmp_path / "bad.zip").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(DataError, match=r"bad\.zip: is damaged or cut short"):
        read_bytes(tmp_path / "bad.zip" / "a.png")


def test_a_member_with_a_wrong_checksum(zipped: Path) -> None:
    data = bytearray(zipped.read_bytes())
    data[data.index(b"b.png") + 6] ^= 0xFF
    zipped.write_bytes(data)
    with pytest.raises(DataError, match=r"b\.png: cannot be unpacked"):
        read_bytes(zipped / "films/b.png")


def test_a_replaced_archive_is_read_anew(zipped: Path) -> None:
    before = stamp(zipped / "films/b.png")
    with zipfile.ZipFile(zipped, "a") as archive:
        archive.writestr("films/c.png", b"new")
    assert read_bytes(zipped / "films/c.png") == b"new"
    assert stamp(zipped / "films/b.png") != before


def test_names_of_compressed_tars() -> None:
    assert is_compressed_tar(Path("images_001.tar.gz"))
    assert not is_compressed_tar(Path("images.zip"))


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_member_larger_than_any_film_is_refused(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A zip of megabytes may hold gigabytes of zeros."""
    archive = tmp_path / f"a.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
            opened.writestr("film.png", bytes(2000))
    else:
        (tmp_path / "film.png").write_bytes(bytes(2000))
        with tarfile.open(archive, "w") as made:
            made.add(tmp_path / "film.png", "film.png")
    monkeypatch.setattr(limits, "LARGEST_FILE", 1999)
    for opening in (archives.open_binary, archives.read_bytes, read_image):
        with pytest.raises(DataError, match=r"2,000 bytes unpacked; unsafe to open"):
            opening(archive / "film.png")


def test_a_file_larger_than_any_film_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(bytes(2000))
    monkeypatch.setattr(limits, "LARGEST_FILE", 1999)
    with pytest.raises(ImageError, match="has 2,000 bytes, more than any film"):
        read_image(tmp_path / "a.png")
