"""The settings of a server; what it refuses is in `io.limits`."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from pydantic import Field

from plainfilm.config import Settings
from plainfilm.errors import UsageError


class ServerSettings(Settings):
    """Where a server listens, and what it may open.

    host, port: the address. token: what a request must send as `Authorization: Bearer TOKEN`; none is needed
    on this machine's own addresses. names: further names of the server that requests may state as their host.
    films: a folder whose films requests may open by path; without it, they can only upload. prompts: the pack
    that films are compared with, if the model has no operating points. dicomweb: the address of the one
    archive that requests may search and open studies from. work: a folder for the work that people save.
    keep_films: keep copies of its films there, too.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    token: str | None = Field(default=None, min_length=16)
    names: tuple[str, ...] = ()
    films: Path | None = None
    prompts: str | None = None
    dicomweb: str | None = None
    work: Path | None = None
    keep_films: bool = True

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the server."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def check(self) -> None:
        """Refuse an address that others reach without a token.

        Raises:
            UsageError: there is none.
        """
        if not self.is_local and self.token is None:
            raise UsageError(
                f"--host {self.host} is open to other machines: give a token of 16 characters or more in the "
                "environment variable PLAINFILM_TOKEN, or leave --host out"
            )
