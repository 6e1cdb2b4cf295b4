"""Raw data and collections in object storage: the same bytes as on a disk, on bad days too."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from plainfilm.cli.main import run
from plainfilm.collection import Collection, prepare
from plainfilm.collection.audit import audit
from plainfilm.collection.info import info
from plainfilm.collection.label import label_collection
from plainfilm.errors import DataError, StorageError
from plainfilm.io import object_storage
from plainfilm.sources.dicom_folder import OLDER_KEY
from tests.collection.test_prepare import content
from tests.s3_server import BUCKET, Fault
from tests.source_examples import source_example

RAW, OUT = Path(f"s3://{BUCKET}/raw"), Path(f"s3://{BUCKET}/out/collection")


def stored_content(server: Any, prefix: str) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in server.contents(prefix).items()}


def without_inputs(folder: dict[str, str]) -> dict[str, str]:
    """All but `collection.json`, which has a digest of the raw files' times of change."""
    return {name: digest for name, digest in folder.items() if name != "collection.json"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nih14", "mimic_cxr", "dicom_folder", "openi"])
def test_raw_data_are_read_where_they_lie(
    name: str, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAINFILM_DEID_KEY", hashlib.sha256(b"a key").hexdigest())
    raw = source_example(name, tmp_path / "raw")
    s3.upload(raw, "raw")
    local = prepare(name, raw, tmp_path / "local", size=32, workers=1)
    remote = prepare(name, RAW, tmp_path / "remote", size=32, workers=1)
    assert without_inputs(content(remote.path)) == without_inputs(content(local.path))
    assert remote.fingerprint == local.fingerprint


@pytest.fixture
def raw(s3: Any, tmp_path: Path, write_table: Any) -> Path:
    """A table of films on the disk, and the same in object storage."""
    table = write_table(36)
    s3.upload(table.parent, "raw")
    s3.asked.clear()
    return table


def test_faults_lose_nothing(raw: Path, s3: Any, tmp_path: Path) -> None:
    local = prepare("table", raw, tmp_path / "local", size=32, workers=1)
    s3.faults = [
        Fault("500", 2, key="film3.png"),
        Fault("truncated", 2, key="film7.png"),
        Fault("silent", 1, key="film9.png"),
        Fault("500", 2, "HEAD", "film11.png"),
        Fault("500", 2, "PUT"),
    ]
    remote = prepare("table", RAW / "films.csv", OUT, size=32, workers=1)
    assert all(fault.times == 0 for fault in s3.faults)
    assert remote.fingerprint == local.fingerprint
    assert len(remote.table("rejected")) == 0
    stored = without_inputs(stored_content(s3, "out/collection"))
    assert stored == without_inputs(content(local.path))


@pytest.mark.slow
def test_expired_credentials_end_the_command_and_it_goes_on(
    raw: Path, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.faults = [Fault("expired", 10**6, key="film35.png")]
    with pytest.raises(StorageError, match="renew.* credentials"):
        prepare("table", RAW / "films.csv", OUT, size=32, workers=1)
    with pytest.raises(DataError, match="not finished"):
        Collection.open(OUT)
    s3.faults, s3.asked = [], []
    object_storage.forget()
    monkeypatch.setenv("PLAINFILM_STORAGE_CACHE_GB", "0")
    done = prepare("table", RAW / "films.csv", OUT, size=32, workers=1)
    local = prepare("table", raw, tmp_path / "local", size=32, workers=1)
    assert done.fingerprint == local.fingerprint
    fetched = {path for method, path, _ in s3.asked if method == "GET" and path.endswith(".png")}
    assert f"/{BUCKET}/raw/film35.png" in fetched
    assert f"/{BUCKET}/raw/film3.png" not in fetched  # the shard before is finished


@pytest.mark.slow
def test_a_stored_collection_is_like_any_other(raw: Path, s3: Any, tmp_path: Path) -> None:
    local = prepare("table", raw, tmp_path / "out" / "collection", size=32, workers=1)
    prepare("table", RAW / "films.csv", OUT, size=32, workers=1)
    label_collection(local, workers=1)
    assert run(["label", f"s3://{BUCKET}/out/collection", "--workers", "1"]) == 0
    opened = Collection.open(OUT)
    assert opened.fingerprint == local.fingerprint
    assert info(opened) == info(local)
    assert audit([opened]) == audit([local])
    image = opened.table("images")["path"][3].as_py()
    s3.upload(_changed(local, image, tmp_path), "out/collection/images")
    object_storage.forget()
    assert [entry["n"] for entry in audit([Collection.open(OUT)])["damage"]] == [1]


def _changed(collection: Collection, image: str, tmp_path: Path) -> Path:
    """A folder of one image of another content."""
    file = tmp_path / "changed" / Path(image).relative_to("images")
    file.parent.mkdir(parents=True)
    file.write_bytes(collection.image_path(image).read_bytes()[:-1])
    return tmp_path / "changed"


@pytest.mark.slow
def test_prepared_again_it_is_returned_and_replaced_on_request(raw: Path, s3: Any) -> None:
    first = prepare("table", RAW / "films.csv", OUT, size=32, workers=1)
    s3.asked.clear()
    assert prepare("table", RAW / "films.csv", OUT, size=32, workers=1).meta == first.meta
    assert not [path for method, path, _ in s3.asked if method == "PUT"]
    other = prepare("table", RAW / "films.csv", OUT, size=16, workers=1, replace_present=True)
    assert other.meta["image_size"] == 16
    assert not [name for name in s3.contents("out/collection") if name.startswith(".partial")]


def test_a_key_for_pseudonyms_stays_here(s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLAINFILM_DEID_KEY", raising=False)
    raw = source_example("dicom_folder", tmp_path / "raw")
    (raw / OLDER_KEY).unlink()
    with pytest.raises(DataError, match="say --key FILE"):
        prepare("dicom_folder", raw, OUT, size=32, workers=1)
