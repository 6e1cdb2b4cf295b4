"""What is said before a download, and that a hub out of reach is an answer at once."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

import pytest

from plainfilm.errors import ModelError
from plainfilm.io.hub import before_download, not_here, unreadable


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        yield server


def test_a_download_is_announced(listening: socket.socket, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        before_download("model 'x'", offline=False)
    assert caplog.messages == ["model 'x' is not on this machine: downloading it"]


def test_a_hub_that_does_not_answer_is_an_error(listening: socket.socket) -> None:
    listening.close()
    with pytest.raises(ModelError, match=r"model 'x' is not on this machine.*127\.0\.0\.1 does not answer"):
        before_download("model 'x'", offline=False)


def test_offline_refuses(listening: socket.socket) -> None:
    with pytest.raises(ModelError, match=r"offline is set.*copy its files here"):
        before_download("model 'x'", offline=True)


def test_a_long_reason_becomes_one_line() -> None:
    assert "\n" not in str(not_here("model 'x'", "first.\nsecond"))
    assert "(first)" in str(not_here("model 'x'", "first.\nsecond"))


def test_files_that_cannot_be_read_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"cut")
    said = str(unreadable("model 'x'", ValueError("header too large.\nmore"), tmp_path))
    assert said == (
        "model 'x': its files are damaged or do not belong together (header too large); copy them again"
    )
    assert "delete them from the hub's cache" in str(unreadable("model 'x'", KeyError()))
    (tmp_path / "model.bin").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    assert "'model.bin' is not the file" in str(unreadable("model 'x'", ValueError(), tmp_path))
