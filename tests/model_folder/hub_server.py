"""A stand-in for the part of the Hugging Face Hub's API that models need: repositories, commits and files."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


@dataclass
class Hub:
    """The repositories: by name, the files of each. refused: answers everything with 401."""

    address: str = ""
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: dict[str, bool] = field(default_factory=dict)
    refused: bool = False

    def commit_of(self, repository: str) -> str:
        """A digest of all files, in the form of a commit."""
        content = sorted(self.files[repository].items())
        return hashlib.sha1(repr(content).encode()).hexdigest()

    def take(self, repository: str, lines: list[bytes]) -> None:
        """Add the files of a commit, sent as JSON lines."""
        for line in lines:
            sent = json.loads(line)
            if sent["key"] == "file":
                content = base64.b64decode(sent["value"]["content"])
                self.files[repository][sent["value"]["path"]] = content


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), Content_Type="application/json")

    def _missing(self, code: str) -> None:
        self._send(404, b"{}", X_Error_Code=code, X_Error_Message="not found")

    def do_POST(self) -> None:
        body, path = self._body(), urlsplit(self.path).path
        if self.hub.refused:
            return self._send(401, b'{"error": "Invalid username or password."}')
        if path == "/api/repos/create":
            wanted = json.loads(body)
            name = "/".join(part for part in (wanted.get("organization"), wanted["name"]) if part)
            self.hub.files.setdefault(name, {})
            self.hub.private[name] = bool(wanted.get("private")) or wanted.get("visibility") == "private"
            return self._json({"url": f"{self.hub.address}/{name}", "name": name})
        kind, repository = _of_models(path)
        if kind == "preupload":
            files = json.loads(body)["files"]
            modes = [{"path": one["path"], "uploadMode": "regular", "shouldIgnore": False} for one in files]
            return self._json({"files": modes})
        if kind == "commit":
            self.hub.take(repository, body.splitlines())
            commit = self.hub.commit_of(repository)
            address = f"{self.hub.address}/{repository}/commit/{commit}"
            return self._json({"success": True, "commitOid": commit, "commitUrl": address})
        return self._json({})

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if self.hub.refused:
            return self._send(401, b"{}", X_Error_Message="Invalid credentials in Authorization header")
        if path.startswith("/api/models/"):
            kind, repository = _of_models(path)
            if repository not in self.hub.files:
                return self._missing("RepoNotFound")
            names = sorted(self.hub.files[repository])
            if kind == "tree":
                contents = self.hub.files[repository]
                return self._json([_entry(name, contents[name]) for name in names])
            about = {"id": repository, "sha": self.hub.commit_of(repository)}
            return self._json(about | {"siblings": [{"rfilename": name} for name in names]})
        repository, _, rest = path.lstrip("/").partition("/resolve/")
        name = rest.partition("/")[2]
        if repository not in self.hub.files:
            return self._missing("RepoNotFound")
        if name not in self.hub.files[repository]:
            return self._missing("EntryNotFound")
        content = self.hub.files[repository][name]
        return self._send(
            200, content, ETag=f'"{_oid(content)}"', X_Repo_Commit=self.hub.commit_of(repository)
        )

    do_HEAD = do_GET  # noqa: N815


def _entry(name: str, content: bytes) -> dict[str, object]:
    return {"type": "file", "path": name, "size": len(content), "oid": _oid(content)}


def _oid(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


def _of_models(path: str) -> tuple[str, str]:
    """What is asked (preupload, commit, revision, tree), and the repository."""
    parts = path.removeprefix("/api/models/").split("/")
    return (parts[2] if len(parts) > 2 else ""), "/".join(parts[:2])


@contextmanager
def serving() -> Iterator[Hub]:
    """A hub that answers on this machine."""
    hub = Hub()
    answers = type("Answers", (_Answers,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), answers)
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
