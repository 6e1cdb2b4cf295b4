"""What stands before every route: who may ask, how often and how much, and how a browser treats answers."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import time
from collections import OrderedDict, deque
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plainfilm.io import limits
from plainfilm.serve.problems import Problem, answer
from plainfilm.serve.settings import ServerSettings

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "manifest-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""The content security policy of the page: its own files only, no inline script or style, no other site."""

SECURITY_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}

OPEN = ("/", "/healthz")
"""Paths that need no token, beside the files of the page: they hold nothing of anybody."""

_MINUTE_S = 60.0
_MOST_ADDRESSES = 10_000


class Guard:
    """Refuses requests before they reach a route, and adds the security headers to every answer."""

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app, self._settings = app, settings
        self._asked: OrderedDict[str, deque[float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an allowed request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        body = _Body(receive, _largest(scope))

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SECURITY_HEADERS)
            await send(message)

        async def answering(message: Message) -> None:
            # A framework that reads the body makes another error of ours.
            if body.refusal is None:
                await sending(message)
            elif message["type"] == "http.response.start":
                await self._refuse(body.refusal, scope, receive, sending)

        try:
            self._check(scope, headers)
        except Problem as problem:
            await self._refuse(problem, scope, receive, sending)
            return
        await self._app(scope, body.receive, answering)

    @staticmethod
    async def _refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
        await answer(problem.code, problem.message, problem.seconds)(scope, receive, send)

    def _check(self, scope: Scope, headers: Headers) -> None:
        self._check_names(headers)
        path = scope["path"]
        if self._settings.token is not None and path not in OPEN and not path.startswith("/page/"):
            sent = headers.get("authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(sent.encode(), self._settings.token.encode()):
                raise Problem("token_missing", "send the server's token as 'Authorization: Bearer TOKEN'")
        self._check_rate((scope.get("client") or ("unknown",))[0])
        stated = headers.get("content-length", "0")
        if not stated.isdigit() or int(stated) > _largest(scope):
            raise _too_large(_largest(scope))

    def _check_names(self, headers: Headers) -> None:
        """A page of another site may not ask, even if a name of its own leads here (DNS rebinding)."""
        host = headers.get("host", "")
        if not self._is_own(host):
            raise Problem("refused", "this host name is not the server's; add it with --name")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            raise Problem("refused", "pages of other sites may not ask this server")

    def _is_own(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        try:
            return ipaddress.ip_address(name) is not None
        except ValueError:
            return name in {"localhost", self._settings.host, *self._settings.names}

    def _check_rate(self, address: str) -> None:
        now = time.monotonic()
        asked = self._asked.setdefault(address, deque())
        self._asked.move_to_end(address)
        while asked and asked[0] < now - _MINUTE_S:
            asked.popleft()
        if len(asked) >= limits.MOST_REQUESTS:
            raise Problem("too_many_requests", "more requests a minute than the server takes", 10)
        asked.append(now)
        while len(self._asked) > _MOST_ADDRESSES:
            self._asked.popitem(last=False)


def _largest(scope: Scope) -> int:
    is_film = scope["method"] == "POST" and scope["path"] == "/api/films"
    return limits.LARGEST_FILE if is_film else limits.LARGEST_QUESTION


def _too_large(most: int) -> Problem:
    return Problem("too_large", f"a request of more than {most:,} bytes is refused")


class _Body:
    """The body of a request, which is refused when it is too large or arrives too slowly."""

    def __init__(self, receive: Receive, most: int) -> None:
        self.refusal: Problem | None = None
        self._receive, self._most = receive, most
        self._until = time.monotonic() + limits.SECONDS_TO_RECEIVE
        self._got, self._is_whole = 0, False

    async def receive(self) -> Message:
        """The next part.

        Raises:
            Problem: the body is refused.
        """
        if self._is_whole:
            return await self._receive()  # waits for the client to leave
        try:
            message = await asyncio.wait_for(self._receive(), max(self._until - time.monotonic(), 0.0))
        except TimeoutError:
            seconds = limits.SECONDS_TO_RECEIVE
            raise self._refused(Problem("too_slow", f"the request took more than {seconds:g} s")) from None
        self._got += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        if self._got > self._most:
            raise self._refused(_too_large(self._most))
        return message

    def _refused(self, problem: Problem) -> Problem:
        self.refusal = problem
        return problem
