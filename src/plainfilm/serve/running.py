"""Runs the application with uvicorn until it is asked to stop."""

from __future__ import annotations

import errno
import logging
import socket
import sys
from collections.abc import Callable

from fastapi import FastAPI

from plainfilm.errors import UsageError
from plainfilm.io.optional import optional_import
from plainfilm.serve.observing import JsonLines
from plainfilm.serve.settings import ServerSettings

_CONNECTIONS = 200
_BACKLOG = 128
_IDLE_S = 20
_FAREWELL_S = 10


def run(app: FastAPI, settings: ServerSettings, say: Callable[[str], object]) -> None:
    """Listen until SIGINT or SIGTERM; answers on their way are sent, then films are removed.

    `say` gets the address as one line once the server listens.

    Raises:
        UsageError: the address cannot be taken.
        MissingDependency: uvicorn is not installed.
    """
    uvicorn = optional_import("uvicorn", "serve", "plainfilm serve")
    from plainfilm.serve.connections import Connection

    taken = listening(settings)
    log = logging.getLogger("plainfilm.serve")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    say(f"http://{host}:{taken.getsockname()[1]}/\n")
    sys.stdout.flush()
    config = uvicorn.Config(
        app,
        http=Connection,
        access_log=False,
        log_level="warning",
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=_FAREWELL_S,
    )
    try:
        uvicorn.Server(config).run(sockets=[taken])
    finally:
        app.state.service.close()
        log.removeHandler(handler)


def listening(settings: ServerSettings) -> socket.socket:
    """A socket that listens at the address of the settings.

    Raises:
        UsageError: the address cannot be taken.
    """
    taken = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        taken = socket.socket(family, kind, protocol)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
        taken.listen(_BACKLOG)
    except OSError as error:
        if taken is not None:
            taken.close()
        reason = f"cannot be used ({error.strerror or error})"
        if error.errno == errno.EADDRINUSE:
            reason = "is taken: choose another --port"
        raise UsageError(f"serve: {settings.host} port {settings.port} {reason}") from None
    return taken
