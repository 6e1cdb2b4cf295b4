"""An HTTP client: scope of the credentials, interpretation of responses, and retryable errors.

Credentials go to their own origin only, in spite of redirects, and only over https (or to this machine).
Addresses are shown without their query, which may be a signature.
"""

from __future__ import annotations

import ipaddress
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import urljoin, urlsplit

from plainfilm import __version__
from plainfilm.download.credentials import Credentials
from plainfilm.download.retry_policy import Retriable, RetryPolicy, requested_wait
from plainfilm.errors import DownloadError, UsageError
from plainfilm.io.optional import optional_import

if TYPE_CHECKING:
    import httpx2

AGENT = f"Wget/1.21 (compatible; plainfilm/{__version__})"
"""PhysioNet accepts user and password only if the client is named Wget; browsers get a login page."""

_MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_PASSING = (408, 425, 429, 500, 502, 503, 504)


class Refused(DownloadError):
    """The server refuses the request (400, 401, 403, or a login page)."""

    def __init__(self, status: int, url: str) -> None:
        super().__init__(f"{shown(url)}: refused ({status})")
        self.status = status
        self.url = url


class Client:
    """Connections to one origin, and without credentials to its redirects.

    `timeout_s` is the longest time without an answer. Safe to use from several threads.
    """

    def __init__(
        self,
        base: str,
        credentials: Credentials | None = None,
        *,
        retries: RetryPolicy | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        httpx2 = optional_import("httpx2", "download", "downloading")
        for name in ("httpx2", "httpcore2"):  # they log headers, and addresses with signatures
            logging.getLogger(name).setLevel(logging.WARNING)
        self.retries = retries or RetryPolicy()
        self._errors = (httpx2.TransportError, httpx2.DecodingError)
        self._origin = _origin(base)
        self._credentials = credentials
        self._http = httpx2.Client(
            follow_redirects=False,
            timeout=httpx2.Timeout(timeout_s, pool=None),
            headers={"User-Agent": AGENT, "Accept": "*/*", "Accept-Encoding": "identity"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    @contextmanager
    def request(
        self, url: str, headers: Mapping[str, str] | None = None, method: str = "GET"
    ) -> Iterator[httpx2.Response]:
        """The response to one request, with its body unread: status 200, 206 or 416.

        Raises:
            Retriable: no or a broken response, even within the body; too many requests; a server error.
            Refused: 400, 401, 403, or a login page.
            DownloadError: no such file, or any other response.
        """
        try:
            response = self._follow(method, url, dict(headers or {}))
            try:
                _judge(response)
                yield response
            finally:
                response.close()
        except self._errors as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise DownloadError(
                    f"{shown(url)}: its certificate cannot be trusted; behind a proxy of your own, set its "
                    "certificate in SSL_CERT_FILE"
                ) from None
            raise Retriable(f"{shown(url)}: {_reason(error)}") from None

    def read(self, url: str, most: int) -> bytes:
        """A whole file of at most `most` bytes, for lists; retried by the retry policy.

        Raises:
            DownloadError: as `request`, or the file is longer.
        """

        def attempt() -> bytes:
            with self.request(url) as response:
                return body_of(response, most)

        return self.retries.run(attempt, "the file could not be downloaded")

    def size(self, url: str) -> int | None:
        """The size of a file in bytes, if the server states it; downloading reports other problems."""

        def attempt() -> int | None:
            with self.request(url, method="HEAD") as response:
                return content_length(response)

        try:
            return self.retries.run(attempt, "the size could not be requested")
        except Refused:
            raise
        except DownloadError:
            return None

    def _follow(self, method: str, url: str, headers: dict[str, str]) -> httpx2.Response:
        for _ in range(_MOST_REDIRECTS):
            request = self._http.build_request(method, url, headers=headers | self._authorization(url))
            response = self._http.send(request, stream=True)
            if response.status_code not in _REDIRECTS:
                return response
            target = urljoin(url, response.headers.get("location", ""))
            response.close()
            if "login" in urlsplit(target).path.split("/"):
                raise Refused(401, url)
            if not is_safe(target):
                raise DownloadError(
                    f"{shown(url)}: redirects to {shown(target)}, which is not https; not followed"
                )
            url = target
        raise DownloadError(f"{shown(url)}: redirected more than {_MOST_REDIRECTS} times")

    def _authorization(self, url: str) -> dict[str, str]:
        if self._credentials is None or _origin(url) != self._origin or not is_safe(url):
            return {}
        return {"Authorization": self._credentials.authorization()}


def _judge(response: httpx2.Response) -> None:
    status, url = response.status_code, str(response.url)
    if status in (200, 206, 416):
        return
    if status in _PASSING:
        raise Retriable(
            f"{shown(url)}: answers {status}", requested_wait(response.headers.get("retry-after"))
        )
    if status in (400, 401, 403):
        raise Refused(status, url)
    if status in (404, 410):
        raise DownloadError(f"{shown(url)}: there is no such file ({status})")
    raise DownloadError(f"{shown(url)}: answers {status}, which is unexpected for a download")


def body_of(response: httpx2.Response, most: int) -> bytes:
    """The body of a response.

    Raises:
        DownloadError: it has more than `most` bytes; no more are held in memory.
    """
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > most:
            raise DownloadError(
                f"{shown(str(response.url))}: sends more than {most:,} bytes, which no such file has; refused"
            )
    return bytes(body)


def content_length(response: httpx2.Response) -> int | None:
    """The size in bytes of a response's body, as announced by its header."""
    announced = response.headers.get("content-length", "")
    return int(announced) if announced.isdigit() else None


def _reason(error: Exception) -> str:
    message = str(error).strip()
    return f"{message.splitlines()[0]} ({type(error).__name__})" if message else type(error).__name__


def shown(url: str) -> str:
    """An address without user, password, query and fragment."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def is_safe(url: str) -> bool:
    """True for https, and for plain http on this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(parts.hostname or ""))


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def base_address(variable: str, usual: str) -> str:
    """The address of a server: `usual`, or the value of the environment `variable` (a mirror).

    Raises:
        UsageError: the variable holds no https address, or one with a user or password in it.
    """
    base = os.environ.get(variable) or usual
    parts = urlsplit(base)
    if not parts.hostname or not is_safe(base):
        raise UsageError(f"{variable} is '{shown(base)}': give an https address (http only for this machine)")
    if parts.username or parts.password or parts.query:
        raise UsageError(f"{variable}: holds a user, password or query; give the bare address of the mirror")
    return base.rstrip("/")
