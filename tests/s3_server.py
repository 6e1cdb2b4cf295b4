"""A real S3 server on this machine (moto's), on good and on bad days."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

SECRET = "wJalr-sEcReT/7f3a"
BUCKET = "films"
_EXPIRED = b"""<?xml version="1.0"?><Error><Code>ExpiredToken</Code>
<Message>The provided token %s has expired.</Message></Error>"""


@dataclass
class Fault:
    """What goes wrong with the next `times` answers to `method` for keys that end as `key`."""

    kind: str
    times: int = 1
    method: str = "GET"
    key: str = ""


@dataclass
class S3Server:
    """Serves what is uploaded; a context that runs it. `served` counts the bytes of objects, `asked` the
    requests as (method, path, range), `listed` the queries of those for a list of names."""

    faults: list[Fault] = field(default_factory=list)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    listed: list[str] = field(default_factory=list)
    served: int = 0

    def __enter__(self) -> Self:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import WSGIRequestHandler, make_server

        class Quiet(WSGIRequestHandler):
            def log(self, *_: object) -> None:
                """Nothing."""

        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=Quiet)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.asked.append((method, path, environ.get("HTTP_RANGE", "")))
        if method == "GET" and path.strip("/") == BUCKET:
            self.listed.append(environ["QUERY_STRING"])
        fault = self._fault(method, path)
        if fault == "500":
            start("500 Internal Server Error", [("Content-Length", "0")])
            return [b""]
        if fault == "expired":
            body = _EXPIRED % SECRET.encode()
            head = [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
            start("400 Bad Request", head)
            return [body]
        if fault == "silent":
            time.sleep(3)
        body = b"".join(self._app(environ, start_kept := _Kept(start, cut=fault == "truncated")))
        self.served += len(body) if method == "GET" and "?" not in path else 0
        return [start_kept.shortened(body)]

    def _fault(self, method: str, path: str) -> str | None:
        for fault in self.faults:
            if fault.times and method == fault.method and path.endswith(fault.key):
                fault.times -= 1
                return fault.kind
        return None

    def upload(self, folder: Path, prefix: str) -> None:
        """Uploads everything below a folder."""
        import boto3

        client = boto3.client("s3", endpoint_url=self.address)
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                client.upload_file(str(path), BUCKET, f"{prefix}/{path.relative_to(folder).as_posix()}")

    def contents(self, prefix: str) -> dict[str, bytes]:
        """The objects below a prefix."""
        import boto3

        client = boto3.client("s3", endpoint_url=self.address)
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{prefix}/")
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        return {
            key.removeprefix(f"{prefix}/"): client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
            for key in keys
        }

    def reset(self) -> None:
        """An empty bucket and no faults."""
        import urllib.request

        import boto3

        urllib.request.urlopen(
            urllib.request.Request(f"{self.address}/moto-api/reset", method="POST")
        ).close()
        self.faults, self.served = [], 0
        boto3.client("s3", endpoint_url=self.address).create_bucket(Bucket=BUCKET)
        self.asked, self.listed = [], []


@dataclass
class _Kept:
    """Passes the head of an answer on; a body that is `cut` ends in the middle of what the head announces."""

    start: Callable[..., Any]
    cut: bool

    def __call__(self, status: str, headers: list[tuple[str, str]], *others: Any) -> Any:
        return self.start(status, headers, *others)

    def shortened(self, body: bytes) -> bytes:
        return body[: len(body) // 2] if self.cut else body
