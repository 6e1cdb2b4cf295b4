from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from plainfilm.download import run
from plainfilm.download.corpus_index import Corpus, Part
from plainfilm.errors import DownloadError
from plainfilm.seeding import generator
from tests.download.conftest import Fetch
from tests.download.server import Server

NAME = "NLMCXR_png.tgz"
FILM = generator("open folder").bytes(300_000)


def packed() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        entry = tarfile.TarInfo("CXR1_1_IM-0001-3001.png")
        entry.size = len(FILM)
        archive.addfile(entry, io.BytesIO(FILM))
    return content.getvalue()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A folder as Open-i has it; the address of a corpus must be https, so that of a test is not checked."""
    with Server({f"/{NAME}": packed()}, None) as running:
        part = Part.model_construct(
            physionet=None,
            competition=None,
            dataset=None,
            address=f"{running.address}/",
            files=(NAME,),
            gigabytes=0.001,
            unpack={NAME: "NLMCXR_png"},
        )
        entry = Corpus(title="Open-i", agreement="CC", needs="nothing")
        entry = entry.model_copy(update={"editions": {"png": (part,)}})
        monkeypatch.setattr(run, "corpus", lambda source: entry)
        yield running


def test_an_archive_becomes_a_folder_once(server: Server, fetch: Fetch, tmp_path: Path) -> None:
    done = [fetch("openi"), fetch("openi")]
    assert [(each.fetched, each.kept) for each in done] == [(1, 0), (0, 1)]
    assert (tmp_path / "raw" / "NLMCXR_png" / "CXR1_1_IM-0001-3001.png").read_bytes() == FILM
    assert not (tmp_path / "raw" / NAME).exists()
    assert len(server.asked(f"/{NAME}")) == 1


@pytest.mark.parametrize("etag", [True, False])
def test_without_a_checksum_it_goes_on_only_where_the_version_is_known(
    server: Server, fetch: Fetch, etag: bool
) -> None:
    server.trouble[f"/{NAME}"].cut_after = [100_000]
    server.trouble[f"/{NAME}"].no_etag = not etag
    assert fetch("openi").failed == ()
    assert server.asked(f"/{NAME}")[1].get("Range") == ("bytes=100000-" if etag else None)


def test_a_damaged_archive_is_told(server: Server, fetch: Fetch, tmp_path: Path) -> None:
    server.files[f"/{NAME}"] = packed()[:-30]
    with pytest.raises(DownloadError, match=f"{NAME}: is damaged .*remove it and repeat the command"):
        fetch("openi")
    assert not (tmp_path / "raw" / "NLMCXR_png").exists()


def test_killed_before_the_folder_has_its_name_it_unpacks_again(
    server: Server, fetch: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("plainfilm.download.download_state.DownloadState.add_unpacked", _killed)
        with pytest.raises(KeyboardInterrupt):
            fetch("openi")
    assert fetch("openi").kept == 1
    assert (tmp_path / "raw" / "NLMCXR_png" / "CXR1_1_IM-0001-3001.png").read_bytes() == FILM


def _killed(*arguments: object) -> None:
    raise KeyboardInterrupt
