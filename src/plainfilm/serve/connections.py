"""Connections that do not wait for ever: uvicorn has no limit of time for the head of a request."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from plainfilm.io import limits


class Connection(H11Protocol):
    """A connection that is closed where the head of a request takes longer than `limits.SECONDS_FOR_A_HEAD`.

    Otherwise clients that send nothing, or one byte now and then, could hold all connections of a server.
    """

    _head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect the head of a request."""
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Take what arrived; a head that is whole ends the wait, and the part of a new one begins another."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._forget()
        elif self._head is None:
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the wait with the connection."""
        self._forget()
        super().connection_lost(exc)

    def _expect(self) -> None:
        self._head = self.loop.call_later(limits.SECONDS_FOR_A_HEAD, self.transport.close)

    def _forget(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None
