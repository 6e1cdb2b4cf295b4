"""Credentials: user names and secrets from the environment, a file of the user, or a prompt.

A secret is never an argument of a command, and `Credentials` shows neither in its `repr` nor in an error.
"""

from __future__ import annotations

import json
import netrc
import os
import stat
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from plainfilm.errors import UsageError
from plainfilm.io.folders import expanded
from plainfilm.progress import Progress

Ask = Callable[[str, str | None], tuple[str, str]]
"""Asks a person for (user, password), given the host and the user's name, if known."""


@dataclass(frozen=True, repr=False)
class Credentials:
    """The credentials for a server; `user` is empty for a bearer token."""

    user: str
    secret: str = field(repr=False)

    def __repr__(self) -> str:
        return "Credentials(...)"

    def authorization(self) -> str:
        """The value of the `Authorization` header (RFC 7617, RFC 6750)."""
        if not self.user:
            return f"Bearer {self.secret}"
        return "Basic " + b64encode(f"{self.user}:{self.secret}".encode()).decode("ascii")


def physionet(host: str, user: str | None, ask: Ask | None) -> Credentials:
    """PhysioNet's user and password: PHYSIONET_USER and PHYSIONET_PW, then netrc, then a prompt.

    Raises:
        UsageError: there are none, and no terminal for a prompt.
    """
    user = user or os.environ.get("PHYSIONET_USER") or None
    password = os.environ.get("PHYSIONET_PW")
    if user and password:
        return _checked(user, password)
    credentials = _from_netrc(host, user)
    if credentials is not None:
        return credentials
    if ask is None:
        raise UsageError(
            f"no user and password for {host}: set PHYSIONET_USER and PHYSIONET_PW, or write 'machine {host} "
            "login ... password ...' into ~/.netrc, or run this in a terminal, which prompts for them"
        )
    return _checked(*ask(host, user))


def _checked(user: str, password: str) -> Credentials:
    if ":" in user or not password:
        raise UsageError("a user name must not contain a colon, and a password must not be empty (RFC 7617)")
    return Credentials(user, password)


def _from_netrc(host: str, user: str | None) -> Credentials | None:
    path = expanded(os.environ.get("NETRC") or "~/.netrc")
    if not path.is_file():
        return None
    try:
        entry = netrc.netrc(str(path)).hosts.get(host)
    except netrc.NetrcParseError as error:  # its own text may quote the password
        raise UsageError(f"{path}: line {error.lineno} cannot be read; see man netrc") from None
    if entry is None or not entry[2] or (user and entry[0] != user):
        return None
    return Credentials(entry[0], entry[2])


def kaggle(progress: Progress) -> Credentials:
    """Kaggle's token: KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY, or kaggle.json.

    The file is searched in KAGGLE_CONFIG_DIR and in ~/.kaggle; one that others can read gives a warning.

    Raises:
        UsageError: there is none, or the file is no Kaggle token file.
    """
    if token := os.environ.get("KAGGLE_API_TOKEN"):
        return Credentials("", token)
    user, key = os.environ.get("KAGGLE_USERNAME"), os.environ.get("KAGGLE_KEY")
    if user and key:
        return Credentials(user, key)
    path = expanded(os.environ.get("KAGGLE_CONFIG_DIR") or "~/.kaggle") / "kaggle.json"
    if not path.is_file():
        raise UsageError(
            f"no token for Kaggle: make one at https://www.kaggle.com/settings and set KAGGLE_USERNAME and "
            f"KAGGLE_KEY, or put its kaggle.json at {path}"
        )
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        progress.log(f"{path}: others on this machine can read your token; chmod 600 fixes that")
    return _from_kaggle_json(path)


def _from_kaggle_json(path: Path) -> Credentials:
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
        return Credentials(str(entry["username"]), str(entry["key"]))
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{path}: not a Kaggle token file, which has a username and a key") from None
