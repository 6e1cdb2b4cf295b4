"""One file to download, and its verification."""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import quote

from plainfilm.errors import DownloadError

_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]")
_BLOCK = 1 << 20
RESERVED = ".plainfilm-download"
"""The name of the journal in a raw folder; no downloaded file may start with it."""


class Address(Protocol):
    """The location of a file; a signed address expires and can be renewed."""

    def url(self) -> str:
        """The present address."""
        ...

    def renew(self, refused: str) -> bool:
        """True if there is a new address to try after the refusal of `refused`."""
        ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """An address that does not change."""

    place: str

    def url(self) -> str:
        """The address."""
        return self.place

    def renew(self, refused: str) -> bool:
        """False: there is no other."""
        return False


@dataclass(frozen=True, slots=True)
class Member:
    """The position of a file in a remote zip archive: bytes `start` to `end`, its local header and data."""

    start: int
    end: int
    method: int
    etag: str | None


@dataclass(frozen=True, slots=True)
class Item:
    """A file below the raw folder: its location, size and checksums.

    `path` has forward slashes, `size` is in bytes of the finished file; unknown values are `None`.
    """

    path: str
    address: Address
    sha256: str | None = None
    crc32: int | None = None
    size: int | None = None
    member: Member | None = None

    @property
    def identity(self) -> str:
        """Identifies the content by everything known before the download."""
        if self.sha256:
            return f"sha256:{self.sha256}"
        if self.crc32 is not None:
            return f"crc32:{self.crc32:08x}"
        return "unchecked"

    @property
    def is_checked(self) -> bool:
        """True if a checksum is known."""
        return self.sha256 is not None or self.crc32 is not None

    def describes(self, file: Path) -> bool:
        """True if `file` has this size and this checksum, as far as they are known."""
        size = file.stat().st_size
        if self.size is not None and size != self.size:
            return False
        if self.sha256:
            with file.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest() == self.sha256
        return self.crc32 is None or _crc32(file) == self.crc32


def _crc32(file: Path) -> int:
    value = 0
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            value = zlib.crc32(block, value)
    return value


def safe_path(name: str, where: str) -> str:
    """`name` as a plain relative path; `where` names the list that it is from.

    Raises:
        DownloadError: it is absolute, leads out of the folder, or is not a portable file name.
    """
    path = PurePosixPath(name.removeprefix("./"))
    bad = path.is_absolute() or ".." in path.parts or not path.parts or name.endswith("/")
    if bad or path.parts[0].startswith(RESERVED) or _UNSAFE.search(name) or re.match(r"^[A-Za-z]:", name):
        raise DownloadError(
            f"{where}: lists the path {name!r}, which leads out of the folder or is no file name; report it "
            "to the publisher of the list"
        )
    return str(path)


def join(base: str, path: str) -> str:
    """The address of a file below a folder's address."""
    return f"{base.rstrip('/')}/{quote(path)}"
