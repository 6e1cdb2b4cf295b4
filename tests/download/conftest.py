"""A PhysioNet with VinDr-CXR's layout in small, and a way to download from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plainfilm.download import Access, Summary, download
from plainfilm.download.retry_policy import RetryPolicy
from plainfilm.seeding import generator
from tests.download.server import PASSWORD, USER, Server, physionet

FILES = {
    "LICENSE.txt": b"Signed by nobody.\n",
    "annotations/image_labels_train.csv": b"image_id,rad_id\nx,R1\n",
    "train/a b.dicom": generator("download", 1).bytes(700_000),
    "train/c.dicom": generator("download", 2).bytes(300_000),
}
FILM = "/files/vindr-cxr/1.0.0/train/a%20b.dicom"
SUMS = "/files/vindr-cxr/1.0.0/SHA256SUMS.txt"
SECRETS = ("PHYSIONET_USER", "PHYSIONET_PW", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN")

Fetch = Callable[..., Summary]


@pytest.fixture(autouse=True)
def _no_secrets_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*SECRETS, "KAGGLE_CONFIG_DIR", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with physionet("vindr-cxr/1.0.0", FILES) as running:
        running.files = {path.replace(" ", "%20"): content for path, content in running.files.items()}
        monkeypatch.setenv("PLAINFILM_PHYSIONET_URL", running.address)
        monkeypatch.setenv("PHYSIONET_USER", USER)
        monkeypatch.setenv("PHYSIONET_PW", PASSWORD)
        yield running


@pytest.fixture
def fetch(tmp_path: Path) -> Fetch:
    """Downloads VinDr-CXR to `tmp_path / "raw"` with hardly any waits."""

    def run(source: str = "vindr_cxr", timeout_s: float = 20.0, attempts: int = 4, **options: Any) -> Summary:
        access = Access(retries=RetryPolicy(attempts, first_wait_s=0.01), timeout_s=timeout_s)
        return download(source, tmp_path / "raw", access=access, **options)

    return run


def whole(raw: Path) -> bool:
    """True where every file is there, right, and nothing unfinished beside them."""
    found = {
        path.relative_to(raw).as_posix(): path.read_bytes()
        for path in raw.rglob("*")
        if path.is_file() and not path.name.startswith(".plainfilm") and path.name != "SHA256SUMS.txt"
    }
    return found == FILES
