from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from plainfilm.download.unpack import unpack
from plainfilm.errors import DownloadError
from plainfilm.io import limits


def make_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def make_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return path


def found(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


FILES = {"a/1.xml": b"<x/>", "2.png": b"png" * 1000}


@pytest.mark.parametrize(("make", "name"), [(make_zip, "x.zip"), (make_tar, "x.tgz")])
def test_files_come_out_and_links_do_not(tmp_path: Path, make, name: str) -> None:
    assert found(unpack(make(tmp_path / name, FILES), tmp_path / "out")) == FILES
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", bytes(100_000)])
def test_an_archive_that_unpacks_to_a_thousand_times_its_size_is_refused(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UNPACKED_FREELY", 10_000)
    monkeypatch.setattr(limits, "MOST_UNPACKED", 20)
    archive = make_tar(tmp_path / "x.tgz", {f"{number}.txt": content for number in range(200)})
    with pytest.raises(DownloadError, match="unpacks to over 20 times its size"):
        unpack(archive, tmp_path / "out")
    assert found(tmp_path) == {"x.tgz": archive.read_bytes()}


def test_a_top_folder_of_the_same_name_is_left_out(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "x.zip", {"out/a/1": b"1", "out/2": b"2"})
    assert found(unpack(archive, tmp_path / "out")) == {"a/1": b"1", "2": b"2"}


def test_what_a_killed_run_left_is_thrown_away(tmp_path: Path) -> None:
    (tmp_path / ".out.unpacking").mkdir()
    (tmp_path / ".out.unpacking" / "half").write_bytes(b"")
    assert found(unpack(make_zip(tmp_path / "x.zip", FILES), tmp_path / "out")) == FILES


def test_a_folder_of_somebody_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(DownloadError, match=r"out: exists, but x.zip unpacks to it; move it away"):
        unpack(make_zip(tmp_path / "x.zip", FILES), tmp_path / "out")


@pytest.mark.parametrize(("make", "name"), [(make_zip, "x.zip"), (make_tar, "x.tgz")])
def test_a_path_that_leads_out_is_refused(tmp_path: Path, make, name: str) -> None:
    with pytest.raises(DownloadError, match="leads out of the folder"):
        unpack(make(tmp_path / name, {"../x": b"x"}), tmp_path / "out")


def test_damage_is_found_to_the_last_byte(tmp_path: Path) -> None:
    good = make_tar(tmp_path / "good.tgz", FILES).read_bytes()
    assert gzip.decompress(good)
    for name, content in {"short.tgz": good[:-20], "sum.tgz": good[:-8] + bytes(8), "no.zip": b"no"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DownloadError, match=f"{name}: is damaged"):
            unpack(tmp_path / name, tmp_path / "out")
        assert not (tmp_path / ".out.unpacking").exists()
