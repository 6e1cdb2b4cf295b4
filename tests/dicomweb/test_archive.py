"""An archive that is broken or hostile: an error of the archive, within bounds of time and memory."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from plainfilm.dicomweb.archive import Archive, Instance
from plainfilm.download.retry_policy import Exhausted, RetryPolicy
from plainfilm.errors import ArchiveError
from plainfilm.io import limits
from tests.fuzz.hostile_files import DICOM, deflated

ONE = Instance("1.2", "1.3", "1.4")
JSON = "application/dicom+json"
OBJECTS = 'multipart/related; type="application/dicom"; boundary=x'


def found(number: int) -> dict[str, Any]:
    uids = {"0020000D": "1.2", "0020000E": "1.3", "00080018": f"1.4.{number}"}
    return {tag: {"vr": "UI", "Value": [uid]} for tag, uid in uids.items()}


class Hostile(ThreadingHTTPServer):
    """Answers every request with what `body` gives, piece by piece."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.kind = JSON
        self.body: Callable[[int], Iterator[bytes]] = lambda offset: iter([b"[]"])

    @property
    def archive(self) -> Archive:
        return Archive(f"http://127.0.0.1:{self.server_port}/dicom-web", RetryPolicy(2, 0.01))


class _Handler(BaseHTTPRequestHandler):
    server: Hostile

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Type", self.server.kind)
        self.end_headers()
        try:
            for piece in self.server.body(int(asked.get("offset", ["0"])[0])):
                self.wfile.write(piece)
        except OSError:  # who asked has gone
            pass

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Hostile]:
    with Hostile() as made:
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        yield made
        made.shutdown()


def listed(server: Hostile) -> list[str]:
    return [one.uid for one in server.archive.images("DX", "20260101")]


def page(*numbers: int) -> Iterator[bytes]:
    yield json.dumps([found(number) for number in numbers]).encode()


def test_pages_are_asked_for_until_there_is_none(server: Hostile) -> None:
    server.body = lambda offset: page(*range(offset, min(offset + 2, 5)))
    assert listed(server) == [f"1.4.{number}" for number in range(5)]


def test_an_archive_that_gives_the_same_page_for_ever_is_asked_once_more(server: Hostile) -> None:
    server.body = lambda offset: page(0, 1)
    assert listed(server) == ["1.4.0", "1.4.1"]


def test_a_list_without_an_end_is_refused(server: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_FOUND", 20)
    server.body = lambda offset: page(offset, offset + 1)
    with pytest.raises(ArchiveError, match="lists more than 20 objects; begin later, with --since"):
        listed(server)


def endless(piece: bytes, pause_s: float = 0.0) -> Iterator[bytes]:
    while True:
        yield piece
        time.sleep(pause_s)


@pytest.mark.parametrize("kind", [JSON, OBJECTS, "application/dicom", "text/html", ""])
def test_a_body_without_an_end_is_refused(
    server: Hostile, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LARGEST_RECORDS", 1 << 20)
    monkeypatch.setattr(limits, "LARGEST_OBJECT", 1 << 20)
    server.kind, server.body = kind, lambda offset: endless(b" " * 65536)
    for ask in (lambda: listed(server), lambda: server.archive.film(ONE), lambda: server.archive.header(ONE)):
        with pytest.raises(ArchiveError, match="an answer of more than 1,048,576 bytes is refused"):
            ask()


def test_a_body_that_drips_is_given_up(server: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SECONDS_FOR_AN_ANSWER", 0.1)
    server.body = lambda offset: endless(b" " * (1 << 18), 0.02)
    with pytest.raises(ArchiveError, match=r"takes more than 0\.1 s to arrive"):
        listed(server)


@pytest.mark.parametrize("name", ["deflated", "3 million empty items"])
def test_an_object_that_asks_for_much_is_refused(server: Hostile, name: str) -> None:
    content = deflated(300) if name == "deflated" else DICOM[name]()
    head = b"--x\r\nContent-Type: application/dicom\r\n\r\n"
    server.kind, server.body = OBJECTS, lambda offset: iter([head, content, b"\r\n--x--\r\n"])
    with pytest.raises(ArchiveError, match="refused as unsafe"):
        server.archive.film(ONE)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (JSON, b"[" * 100_000),
        (JSON, b"[3]"),
        ("application/dicom+xml", b"<a"),
        (OBJECTS, b"--x"),
    ],
)
def test_an_answer_that_makes_no_sense_is_an_error_of_the_archive(
    server: Hostile, kind: str, content: bytes
) -> None:
    server.kind, server.body = kind, lambda offset: iter([content])
    for ask in (server.archive.film, server.archive.header):
        with pytest.raises((ArchiveError, Exhausted), match="http://127.0.0.1"):
            ask(ONE)
    if kind == "application/dicom+xml":
        with pytest.raises(ArchiveError, match="an answer cannot be read"):
            server.archive.store("1.2", [])
