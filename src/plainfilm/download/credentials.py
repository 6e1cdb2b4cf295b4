"""Who asks: user names and secrets, from the environment, a file of the user's, or a prompt.

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
from plainfilm.progress import Progress

Ask = Callable[[str, str | None], tuple[str, str]]
"""Asks a person for (user, password); is given the host and the user's name where that is known."""


@dataclass(frozen=True, repr=False)
class Credentials:
    """What a server wants to see; `user` is empty for a bearer token."""

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
    """PhysioNet's user and password: PHYSIONET_USER and PHYSIONET_PW, then netrc, then a question.

    Raises:
        UsageError: there is none, and nobody to ask.
    """
    user = user or os.environ.get("PHYSIONET_USER") or None
    password = os.environ.get("PHYSIONET_PW")
    if user and password:
        return _checked(user, password)
    found = _from_netrc(host, user)
    if found is not None:
        return found
    if ask is None:
        raise UsageError(
            f"no user and password for {host}: set PHYSIONET_USER and PHYSIONET_PW, or write 'machine {host} "
            "login ... password ...' into ~/.netrc, or run this in a terminal, where you are asked"
        )
    return _checked(*ask(host, user))


def _checked(user: str, password: str) -> Credentials:
    if ":" in user or not password:
        raise UsageError("a user name holds no colon, and a password is not empty (RFC 7617)")
    return Credentials(user, password)


def _from_netrc(host: str, user: str | None) -> Credentials | None:
    path = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    if not path.is_file():
        return None
    try:
        found = netrc.netrc(str(path)).hosts.get(host)
    except netrc.NetrcParseError as error:  # its own text may quote the password
        raise UsageError(f"{path}: line {error.lineno} cannot be read; see man netrc") from None
    if found is None or not found[2] or (user and found[0] != user):
        return None
    return Credentials(found[0], found[2])


def kaggle(progress: Progress) -> Credentials:
    """Kaggle's token: KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY, or kaggle.json.

    The file is looked for in KAGGLE_CONFIG_DIR and in ~/.kaggle; one that others can read is complained of.

    Raises:
        UsageError: there is none, or the file is not what Kaggle writes.
    """
    if token := os.environ.get("KAGGLE_API_TOKEN"):
        return Credentials("", token)
    user, key = os.environ.get("KAGGLE_USERNAME"), os.environ.get("KAGGLE_KEY")
    if user and key:
        return Credentials(user, key)
    path = Path(os.environ.get("KAGGLE_CONFIG_DIR") or Path.home() / ".kaggle") / "kaggle.json"
    if not path.is_file():
        raise UsageError(
            f"no token for Kaggle: make one at https://www.kaggle.com/settings and set KAGGLE_USERNAME and "
            f"KAGGLE_KEY, or put its kaggle.json at {path}"
        )
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        progress.say(f"{path}: others on this machine can read your token; chmod 600 mends that")
    return _from_kaggle_json(path)


def _from_kaggle_json(path: Path) -> Credentials:
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
        return Credentials(str(entry["username"]), str(entry["key"]))
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{path}: not a token file of Kaggle; it holds a username and a key") from None
