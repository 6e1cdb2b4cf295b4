"""Damaged and hostile files end in one line, and the server goes on answering."""

from __future__ import annotations

import asyncio
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from plainfilm.serve.guard import SECURITY_HEADERS
from tests.serve.conftest import opened


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb() -> bytes:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1_000_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def zip_bomb() -> bytes:
    import zipfile

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("film.png", b"\0" * 10_000_000)
    return stream.getvalue()


def pickle_bomb() -> bytes:
    return b"\x80\x04\x95\x1e\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R."


HOSTILE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda sound: b"",
    "cut": lambda sound: sound[: len(sound) // 2],
    "header alone": lambda sound: sound[:140],
    "noise": lambda sound: np.random.default_rng(0).bytes(5000),
    "picture bomb": lambda sound: png_bomb(),
    "zip bomb": lambda sound: zip_bomb(),
    "pickle": lambda sound: pickle_bomb(),
    "page": lambda sound: b"<svg onload=alert(1)><script>alert(1)</script></svg>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused(client: TestClient, dicom_file: Path, name: str) -> None:
    root = client.app.state.service.films.root
    before = set(root.iterdir())
    answer = client.post(
        "/api/films", params={"name": "x.dcm"}, content=HOSTILE[name](dicom_file.read_bytes())
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "not_possible")
    assert str(root) not in answer.text
    assert set(root.iterdir()) == before


def test_who_leaves_in_the_middle_of_a_film_leaves_no_file_and_no_defect(client: TestClient) -> None:
    root = client.app.state.service.films.root
    before, sent = set(root.iterdir()), []
    parts = [{"type": "http.request", "body": b"abc", "more_body": True}, {"type": "http.disconnect"}]
    scope = {
        **{"type": "http", "method": "POST", "path": "/api/films", "raw_path": b"/api/films"},
        **{"query_string": b"", "scheme": "http", "http_version": "1.1", "root_path": ""},
        **{"headers": [(b"host", b"localhost"), (b"content-length", b"50")], "client": ("127.0.0.1", 1)},
        "server": ("localhost", 80),
    }

    async def receive() -> dict[str, object]:
        return parts.pop(0)

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    asyncio.run(client.app(scope, receive, send))
    assert sent[0]["status"] == 400
    assert set(root.iterdir()) == before


def test_a_process_that_dies_of_a_film_is_replaced(
    client: TestClient, dicom_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from plainfilm.serve import films

    monkeypatch.setattr(films, "opened", _die)
    answer = client.post("/api/films", content=dicom_file.read_bytes())
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "not_possible")
    monkeypatch.undo()
    assert opened(client, dicom_file)


def _die(order: object) -> None:
    import signal

    signal.raise_signal(signal.SIGSEGV)


def test_a_name_is_no_path_and_no_markup(client: TestClient, png_file: Path) -> None:
    name = "../<script>alert(1)</script>"
    answer = client.post("/api/films", params={"name": name}, content=png_file.read_bytes())
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == SECURITY_HEADERS["X-Content-Type-Options"]
    assert "/" not in answer.json()["name"]


@pytest.mark.slow
def test_a_thousand_hostile_files_leave_the_server_answering(
    client: TestClient, dicom_file: Path, png_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from plainfilm.io import limits

    monkeypatch.setattr(limits, "MOST_REQUESTS", 10_000)
    root, random = client.app.state.service.films.root, np.random.default_rng(1)
    sounds = [dicom_file.read_bytes(), *pictures(png_file)]
    before, held = set(root.iterdir()), client.get("/api/films").json()
    for number in range(1000):
        damaged = bytearray(sounds[number % len(sounds)])
        for place in random.integers(0, len(damaged), 20):
            damaged[place] = random.integers(0, 256)
        if number % 7 == 0:
            del damaged[random.integers(1, len(damaged)) :]
        answer = client.post("/api/films", content=bytes(damaged))
        assert answer.status_code in (201, 422), answer.text
        if answer.status_code == 201:
            client.delete(f"/api/films/{answer.json()['film_id']}")
    assert client.get("/healthz").status_code == 200
    assert client.get("/api/films").json() == held
    assert set(root.iterdir()) == before


def pictures(file: Path) -> list[bytes]:
    """A film as PNG, JPEG, TIFF and WebP."""
    made = []
    for kind in ("PNG", "JPEG", "TIFF", "WEBP"):
        stream = io.BytesIO()
        with Image.open(file) as picture:
            picture.convert("L").save(stream, kind)
        made.append(stream.getvalue())
    return made
