"""What a server tells about itself: metrics for Prometheus, and one line of JSON for each request.

Neither holds what was asked or answered, the name of a film or an address: a route is named by its template.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG = logging.getLogger("plainfilm.serve")

_SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


class Meters:
    """The metrics of one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter(
            "plainfilm_requests", "requests by route and status", labels, registry=self._registry
        )
        self._request_seconds = Histogram(
            *("plainfilm_request_seconds", "seconds from a request to the end of its answer", ("route",)),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._model_seconds = Histogram(
            *("plainfilm_model_seconds", "seconds of the model by kind of question", ("question",)),
            buckets=_SECONDS,
            registry=self._registry,
        )

    def watch(self, what: str, name: str, value: Callable[[], float]) -> None:
        """Offer `value` as a gauge."""
        Gauge(name, what, registry=self._registry).set_function(value)

    @contextmanager
    def answering(self, question: str) -> Iterator[None]:
        """Count the seconds of the model while open."""
        with self._model_seconds.labels(question).time():
            yield

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """All metrics in the text format of Prometheus."""
        return generate_latest(self._registry)


class Observed:
    """Counts and logs every request."""

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        self._app, self._meters = app, meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note how it ended."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            seconds = time.perf_counter() - began
            route = getattr(scope.get("route"), "path", "none")
            self._meters.request(scope["method"], route, status, seconds)
            facts = {"method": scope["method"], "route": route, "status": status}
            LOG.info("request", extra=facts | {"ms": round(1000 * seconds, 1)})


class JsonLines(logging.Formatter):
    """A record as one line of JSON: time, level, event and the facts that were given with it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        known = vars(logging.makeLogRecord({}))
        facts: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        return json.dumps(
            facts | {name: v for name, v in vars(record).items() if name not in {*known, "taskName"}}
        )
