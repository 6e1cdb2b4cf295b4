from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from plainfilm.download import Access, listing
from plainfilm.errors import DownloadError
from plainfilm.seeding import generator
from tests.download.conftest import Fetch
from tests.download.server import Server

API = "/api/v1/competitions/data/download-all/rsna-pneumonia-detection-challenge"
FILES = {
    "stage_2_train_labels.csv": b"patientId,Target\n" + b"a,1\n" * 30_000,
    "stage_2_train_images/a.dcm": generator("kaggle").bytes(200_000),
    "stage_2_train_images/empty.dcm": b"",
}


def zipped(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("stage_2_train_images")
        for path, content in files.items():
            stored = zipfile.ZIP_STORED if path.endswith("a.dcm") else zipfile.ZIP_DEFLATED
            archive.writestr(path, content, stored)
    return packed.getvalue()


@pytest.fixture
def store() -> Iterator[Server]:
    """Where Kaggle keeps the archive; whoever has the signed address gets it."""
    with Server({"/bundle.zip": zipped(FILES)}, None) as running:
        yield running


@pytest.fixture
def kaggle(store: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server({}) as running:
        running.redirects[API] = f"{store.address}/bundle.zip?X-Goog-Signature=s3cret"
        monkeypatch.setenv("PLAINFILM_KAGGLE_URL", running.address)
        monkeypatch.setenv("KAGGLE_USERNAME", "me")
        monkeypatch.setenv("KAGGLE_KEY", "key")
        yield running


def found(raw: Path) -> dict[str, bytes]:
    return {
        path.relative_to(raw).as_posix(): path.read_bytes()
        for path in raw.rglob("*")
        if path.is_file() and not path.name.startswith(".plainfilm")
    }


def test_the_files_of_the_archive_come_one_by_one(kaggle: Server, fetch: Fetch, tmp_path: Path) -> None:
    done = fetch("rsna")
    assert found(tmp_path / "raw") == FILES
    assert done.checked == {"crc32": 3}
    assert fetch("rsna").kept == 3


def test_a_table_comes_without_the_rest(kaggle: Server, store: Server, fetch: Fetch, tmp_path: Path) -> None:
    done = fetch("rsna", only=["tables"])
    assert set(found(tmp_path / "raw")) == {"stage_2_train_labels.csv"}
    assert done.received < 10_000


def test_a_list_knows_every_size(kaggle: Server) -> None:
    items = listing("rsna", None, (), Access())
    assert {item.path: item.size for item in items} == {path: len(text) for path, text in FILES.items()}


def test_the_token_stays_with_kaggle(kaggle: Server, store: Server, fetch: Fetch) -> None:
    fetch("rsna")
    assert kaggle.asked(API)[0]["Authorization"].startswith("Basic ")
    assert not any("Authorization" in headers for _, _, headers in store.requests)


def test_a_signature_that_runs_out_is_renewed(
    kaggle: Server, store: Server, fetch: Fetch, tmp_path: Path
) -> None:
    listing("rsna", None, (), Access())
    for_the_list = len(store.requests)
    store.trouble["/bundle.zip"].statuses = [(0, {})] * for_the_list + [(403, {})]
    fetch("rsna", workers=1)
    assert found(tmp_path / "raw") == FILES
    assert len(kaggle.asked(API)) == 3


def test_rules_that_are_not_accepted_are_named(kaggle: Server, fetch: Fetch) -> None:
    kaggle.trouble[API].statuses = [(403, {})]
    with pytest.raises(DownloadError, match="accept the rules of the competition on Kaggle at .*/rules"):
        fetch("rsna")


def test_an_unknown_token_is_said(kaggle: Server, fetch: Fetch) -> None:
    kaggle.trouble[API].statuses = [(401, {})]
    with pytest.raises(DownloadError, match="Kaggle does not know this token"):
        fetch("rsna")


def test_a_drop_goes_on(kaggle: Server, store: Server, fetch: Fetch, tmp_path: Path) -> None:
    fetch("rsna", only=["tables"])
    listed = len(store.asked("/bundle.zip")) - 1
    store.trouble["/bundle.zip"].cut_after = [10_000_000] * listed + [50_000]
    fetch("rsna", workers=1, only=["*a.dcm"])
    assert found(tmp_path / "raw")["stage_2_train_images/a.dcm"] == FILES["stage_2_train_images/a.dcm"]


def test_a_damaged_member_is_left_out_and_told(
    kaggle: Server, store: Server, fetch: Fetch, tmp_path: Path
) -> None:
    archive = bytearray(store.files["/bundle.zip"])
    place = archive.find(FILES["stage_2_train_images/a.dcm"][:100])
    archive[place] ^= 1
    store.files["/bundle.zip"] = bytes(archive)
    ((path, reason),) = fetch("rsna").failed
    assert path == "stage_2_train_images/a.dcm"
    assert "published CRC-32" in reason
    assert "stage_2_train_images/a.dcm" not in found(tmp_path / "raw")


@pytest.mark.parametrize("content", [b"<html>no archive</html>" * 100, b"x"])
def test_what_is_no_archive_is_refused(kaggle: Server, store: Server, fetch: Fetch, content: bytes) -> None:
    store.files["/bundle.zip"] = content
    with pytest.raises(DownloadError, match="is no zip archive") as caught:
        fetch("rsna")
    assert "s3cret" not in str(caught.value)


def test_a_store_without_ranges_is_refused(kaggle: Server, store: Server, fetch: Fetch) -> None:
    store.trouble["/bundle.zip"].no_ranges = True
    with pytest.raises(DownloadError, match="does not support byte ranges"):
        fetch("rsna")


def test_a_member_that_leads_out_of_the_folder_is_refused(
    kaggle: Server, store: Server, fetch: Fetch
) -> None:
    store.files["/bundle.zip"] = zipped({"../../x": b"x"})
    with pytest.raises(DownloadError, match="leads out of the folder"):
        fetch("rsna")


def test_a_data_set_has_another_address(kaggle: Server, store: Server, fetch: Fetch) -> None:
    kaggle.redirects["/api/v1/datasets/download/nih-chest-xrays/data"] = f"{store.address}/bundle.zip"
    assert fetch("nih14").fetched == 3
