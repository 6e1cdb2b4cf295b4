"""Files in object storage, read and written through a real server on this machine."""

from __future__ import annotations

import io
import traceback
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plainfilm.errors import StorageError, UsageError
from plainfilm.io import archives, block_cache, object_storage, paths
from plainfilm.io.files import replacing
from plainfilm.seeding import generator
from tests.s3_server import BUCKET, SECRET, Fault

ROOT = Path(f"s3://{BUCKET}/raw")
DATA = generator("object storage").integers(0, 256, 300_000, dtype=np.uint8).tobytes()


@pytest.fixture
def stored(s3: Any, tmp_path: Path) -> Any:
    """A server that has one file and one archive."""
    folder = tmp_path / "up"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "film.bin").write_bytes(DATA)
    (folder / "deep" / "er" / "a.txt").write_text("a")
    with zipfile.ZipFile(folder / "films.zip", "w") as archive:
        for number in range(40):
            archive.writestr(f"part/{number}.bin", DATA)
    s3.upload(folder, "raw")
    s3.asked.clear()
    s3.served = 0
    return s3


def test_a_path_of_this_machine_stays_one() -> None:
    assert object_storage.stored(Path("/data/s3:/bucket")) is None
    assert object_storage.stored(Path("C:/films")) is None
    assert str(object_storage.stored("s3://bucket/raw/")) == "s3:/bucket/raw"
    assert str(object_storage.stored(Path("s3://bucket") / "raw")) == "s3:/bucket/raw"


@pytest.mark.parametrize(
    "address",
    [
        f"sftp://reader:{SECRET}@host/raw",
        f"s3://key:{SECRET}@bucket/raw",
        f"s3://bucket/raw?X-Amz-Signature={SECRET}",
        f"abfs://container/raw?sig={SECRET}",
    ],
)
def test_an_address_holds_no_secret(address: str) -> None:
    with pytest.raises(UsageError, match="password or token") as refused:
        paths.is_file(Path(address))
    assert SECRET not in str(refused.value)


def test_what_lies_there_is_listed(stored: Any) -> None:
    assert paths.names_in(ROOT) == ["deep", "film.bin", "films.zip"]
    assert paths.folders_in(ROOT) == ["deep"]
    assert paths.files_in(ROOT, "*.bin") == [ROOT / "film.bin"]
    assert [folder for folder, _, _ in paths.walk(ROOT)] == [ROOT, ROOT / "deep", ROOT / "deep" / "er"]
    assert paths.is_folder(ROOT / "deep")
    assert not paths.exists(ROOT / "absent")
    with pytest.raises(FileNotFoundError):
        paths.open_file(ROOT / "absent")


def test_a_file_is_read_and_sought_in(stored: Any) -> None:
    with paths.open_file(ROOT / "film.bin") as stream:
        assert stream.read() == DATA
        stream.seek(-5, io.SEEK_END)
        assert stream.read() == DATA[-5:]


def test_of_an_archive_only_what_is_needed_is_fetched(stored: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_cache, "BLOCK_BYTES", 1 << 18)
    assert archives.read_bytes(ROOT / "films.zip" / "part" / "7.bin") == DATA
    assert len(list(archives.files_below(ROOT / "films.zip"))) == 40
    assert stored.served < 5 * len(DATA)


FAULTS = [("500", 2), ("truncated", 2), ("silent", 1)]


@pytest.mark.parametrize(("kind", "times"), FAULTS)
def test_a_passing_fault_loses_nothing(kind: str, times: int, stored: Any) -> None:
    stored.faults = [Fault(kind, times, key="film.bin"), Fault(kind, times, "HEAD", "film.bin")]
    if kind == "truncated":
        stored.faults.pop()  # a head has no body
    assert paths.read_all(ROOT / "film.bin") == DATA
    assert all(fault.times == 0 for fault in stored.faults[:1])


@pytest.mark.parametrize("kind", ["500", "truncated"])
def test_a_lasting_fault_is_no_damaged_film(kind: str, stored: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_storage, "ATTEMPTS", 2)
    stored.faults = [Fault(kind, 1000, key="film.bin")]
    with pytest.raises(StorageError, match="repeat the command later"):
        paths.read_all(ROOT / "film.bin")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_expired_credentials_are_said_and_never_shown(method: str, stored: Any) -> None:
    stored.faults = [Fault("expired", 1000, method), Fault("expired", 1000, "GET")]
    with pytest.raises(StorageError, match="renew.* credentials") as refused:
        paths.read_all(ROOT / "film.bin")
    shown = "".join(traceback.format_exception(refused.value))
    assert SECRET not in shown
    assert "AKIAEXAMPLE" not in shown


@pytest.mark.parametrize(("kind", "times"), FAULTS[:1])
def test_what_is_written_is_there_whole(kind: str, times: int, stored: Any) -> None:
    stored.faults = [Fault(kind, times, "PUT")]
    with replacing(ROOT / "new" / "file.bin") as temporary:
        temporary.write_bytes(DATA)
    assert stored.contents("raw/new") == {"file.bin": DATA}


def test_nothing_is_written_after_an_error(stored: Any) -> None:
    with pytest.raises(ZeroDivisionError), replacing(ROOT / "new" / "file.bin"):
        _ = 1 / 0
    assert stored.contents("raw/new") == {}


def test_what_was_read_is_kept_and_what_changes_is_read_anew(stored: Any, tmp_path: Path) -> None:
    assert paths.read_all(ROOT / "film.bin") == DATA
    served = stored.served
    assert paths.read_all(ROOT / "film.bin") == DATA
    assert stored.served == served
    (tmp_path / "up" / "film.bin").write_bytes(DATA[::-1])
    stored.upload(tmp_path / "up", "raw")
    object_storage.forget()
    assert paths.read_all(ROOT / "film.bin") == DATA[::-1]


def test_the_cache_has_a_limit(stored: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAINFILM_STORAGE_CACHE_GB", "0.001")
    monkeypatch.setattr(block_cache, "BLOCK_BYTES", 1 << 16)
    for number in range(20):
        assert archives.read_bytes(ROOT / "films.zip" / "part" / f"{number}.bin") == DATA
    folder = tmp_path / "storage-cache"
    kept = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert 0 < kept < 1.1e6
    assert folder.stat().st_mode & 0o077 == 0


def test_a_limit_that_is_no_number_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAINFILM_STORAGE_CACHE_GB", "many")
    with pytest.raises(UsageError, match="PLAINFILM_STORAGE_CACHE_GB='many'"):
        block_cache.limit()
