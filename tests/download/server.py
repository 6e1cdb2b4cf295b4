"""Servers on this machine that behave like PhysioNet and Kaggle, on good and on bad days."""

from __future__ import annotations

import hashlib
import threading
from base64 import b64encode
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

USER, PASSWORD = "reader@example.org", "pass:wörd-7f3a"
BASIC = "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@dataclass
class Trouble:
    """What goes wrong with the next answers for one path, lists from their front; status 0 is none."""

    statuses: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    cut_after: list[int] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    silent: bool = False
    no_ranges: bool = False
    no_etag: bool = False
    announced_length: int | None = None
    endless: bool = False


class Server(ThreadingHTTPServer):
    """Serves `files` (address path to content) to whom `authorization` allows; a context that runs it.

    `requests` has (method, path, headers) of all that was asked. `redirects` maps a path to where it leads.
    `slowly` waits that many seconds after each 64 kB.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, bytes], authorization: str | None = BASIC) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = files
        self.authorization = authorization
        self.redirects: dict[str, str] = {}
        self.login_page = False
        self.slowly = 0.0
        self.trouble: defaultdict[str, Trouble] = defaultdict(Trouble)
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.closing = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def asked(self, path: str, method: str = "GET") -> list[dict[str, str]]:
        """The headers of every request for a path."""
        return [headers for kind, place, headers in self.requests if (kind, place) == (method, path)]

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed is no error of the server."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *words: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def answer(self, with_body: bool) -> None:
        path = self.path.partition("?")[0]
        self.server.requests.append((self.command, path, dict(self.headers)))
        trouble = self.server.trouble[path]
        status, headers = trouble.statuses.pop(0) if trouble.statuses and with_body else (0, {})
        if trouble.silent and with_body:
            self.server.closing.wait()
        elif status:
            self.plain(status, headers)
        elif path in self.server.redirects:
            self.plain(302, {"Location": self.server.redirects[path]})
        elif self.server.authorization not in (None, self.headers.get("Authorization")):
            self.unknown()
        elif path not in self.server.files:
            self.plain(404, {})
        else:
            content = self.server.files[path]
            if trouble.contents and with_body:
                content = trouble.contents.pop(0)
            self.file(content, trouble, with_body)

    def unknown(self) -> None:
        if self.server.login_page:
            self.plain(302, {"Location": f"/login/?next={self.path}"})
        else:
            self.plain(401, {"WWW-Authenticate": 'Basic realm="PhysioNet"'})

    def plain(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def file(self, content: bytes, trouble: Trouble, with_body: bool) -> None:
        etag = None if trouble.no_etag else f'"{hashlib.md5(content).hexdigest()}"'
        wanted = self.headers.get("Range")
        if trouble.no_ranges or self.headers.get("If-Range", etag) != etag:
            wanted = None
        start, end = span(wanted, len(content)) if wanted else (0, len(content))
        if wanted and start >= len(content):
            self.plain(416, {"Content-Range": f"bytes */{len(content)}"})
            return
        body = content[start:end]
        if trouble.endless and with_body:
            self.go_on_for_ever(content)
            return
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(trouble.announced_length or len(body)))
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
        if etag:
            self.send_header("ETag", etag)
        self.end_headers()
        if with_body:
            self.body(body, trouble)

    def go_on_for_ever(self, content: bytes) -> None:
        """A body in chunks (RFC 9112, 7.1) that has no end."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while not self.server.closing.is_set():
            self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")

    def body(self, body: bytes, trouble: Trouble) -> None:
        cut = trouble.cut_after.pop(0) if trouble.cut_after else len(body)
        for start in range(0, min(cut, len(body)), 1 << 16):
            self.wfile.write(body[start : min(cut, start + (1 << 16))])
            self.server.closing.wait(self.server.slowly)
        if cut < len(body) or trouble.announced_length:
            self.close_connection = True


def span(wanted: str, length: int) -> tuple[int, int]:
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    return int(first), min(length, int(last) + 1) if last else length


def sums_of(files: dict[str, bytes]) -> bytes:
    """The SHA256SUMS.txt of a release."""
    lines = [f"{hashlib.sha256(content).hexdigest()} {path}\n" for path, content in files.items()]
    return "".join(lines).encode()


def physionet(project: str, files: dict[str, bytes]) -> Server:
    """A server with one release."""
    release = {**files, "SHA256SUMS.txt": sums_of(files)}
    return Server({f"/files/{project}/{path}": content for path, content in release.items()})
