"""Transfers one file from a server to the disk: resumable, and verified before it gets its name.

`NAME.part` holds the received bytes and `NAME.part.tag` the server's version of the file (its ETag or date),
so that an interrupted transfer resumes only if the file is unchanged (RFC 9110, If-Range).
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from plainfilm.download.client import Client, Refused, content_length
from plainfilm.download.item import Item
from plainfilm.download.remote_zip import extract
from plainfilm.download.retry_policy import Retriable, Stopped
from plainfilm.errors import DownloadError
from plainfilm.io import limits
from plainfilm.io.files import move

if TYPE_CHECKING:
    import httpx2

Notify = Callable[[int], None]
"""Called with the number of bytes just received."""

_BLOCK = 1 << 20
_ARCHIVES = (".zip", ".tgz", ".tar", ".tar.gz")
_WORTH_A_TAG_BYTES = 8_000_000
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")


class Partial:
    """The unfinished part of a file; a context that closes it."""

    def __init__(self, final: Path) -> None:
        self.path = final.with_name(f"{final.name}.part")
        self._tag = final.with_name(f"{final.name}.part.tag")
        self.received = 0

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = self.path.open("a+b")
        self._stream.seek(0)
        self._digest = hashlib.sha256()
        while block := self._stream.read(_BLOCK):
            self._digest.update(block)
        self.length = self.longest = self._stream.tell()
        self.validator = self._tag.read_text(encoding="latin-1") if self._tag.is_file() else None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    @property
    def sha256(self) -> str:
        """The checksum of the received bytes."""
        return self._digest.hexdigest()

    def restart(self, validator: str | None, length: int | None = None) -> None:
        """Discard the received bytes; the next ones are of the version `validator`.

        The version is stored only for a file large enough to resume in another run: `length` is in bytes.
        """
        self._stream.truncate(0)
        self._stream.seek(0)
        self._digest = hashlib.sha256()
        self.length, self.validator = 0, validator
        if validator is None or (length is not None and length < _WORTH_A_TAG_BYTES):
            self._tag.unlink(missing_ok=True)
        else:
            self._tag.write_text(validator, encoding="latin-1")

    def write(self, chunk: bytes) -> None:
        """Append bytes; they are on disk (as far as the operating system guarantees) on return."""
        self._stream.write(chunk)
        self._stream.flush()
        self._digest.update(chunk)
        self.received += len(chunk)
        self.length += len(chunk)
        self.longest = max(self.longest, self.length)

    def remove(self) -> None:
        """Remove all files of the transfer."""
        self.path.unlink(missing_ok=True)
        self._tag.unlink(missing_ok=True)

    def become(self, final: Path) -> None:
        """Rename the part to the finished file."""
        move(self.path, final)
        self._tag.unlink(missing_ok=True)


class TooLong(DownloadError):
    """A server sends more than the file can have."""


def fetch(client: Client, item: Item, root: Path, notify: Notify, most_bytes: int | None = None) -> int:
    """Download a file below `root`; return the number of bytes received over the network.

    An existing incorrect file of that name is treated as the beginning of the correct one. `most_bytes` is
    what the whole corpus may have; a file is no longer than that, than its own size where that is known, and,
    unless it is an archive, than `limits.LARGEST_FILE`.

    Raises:
        DownloadError: no file, no access, no answer, more than the file can have, or twice a content with a
            wrong checksum.
        Stopped: the run has ended.
    """
    final = root / item.path
    partial = Partial(final)
    if final.is_file() and item.sha256 and not partial.path.exists():
        final.replace(partial.path)
    complete_and_wrong, most = 0, _longest(item, most_bytes)
    while complete_and_wrong < 2:
        began, actual = _complete(client, item, partial, notify, most)
        if _finish(item, partial, final):
            return partial.received
        partial.remove()
        complete_and_wrong += began == 0
    expected = item.sha256 or f"CRC-32 {item.crc32:08x}" if item.is_checked else f"{item.size} bytes"
    raise DownloadError(
        f"{item.path}: arrived twice with wrong content (published {expected}, got SHA-256 {actual}); it was "
        "removed, so try again later, or report it to its publisher"
    )


def _longest(item: Item, most_bytes: int | None) -> int:
    """The most bytes that may arrive for a file."""
    if item.member is not None:
        return item.member.end - item.member.start
    is_archive = item.path.lower().endswith(_ARCHIVES)
    bounds = (item.size, most_bytes, None if is_archive else limits.LARGEST_FILE)
    return min((bound for bound in bounds if bound is not None), default=sys.maxsize)


def _complete(client: Client, item: Item, partial: Partial, notify: Notify, most: int) -> tuple[int, str]:
    """Receive what is missing; return with how many bytes it began, and the checksum of all."""
    try:
        with partial:
            began = partial.length
            client.retries.run(
                lambda: _once(client, item, partial, notify, most), item.path, lambda: partial.longest
            )
            return began, partial.sha256
    except TooLong:
        partial.remove()
        raise


def _finish(item: Item, partial: Partial, final: Path) -> bool:
    """Give a complete file its name if it is correct."""
    if item.member is not None:
        right = extract(partial.path, item, final)
        if right:
            partial.remove()
        return right
    if item.sha256 is not None:
        right = partial.sha256 == item.sha256
    else:
        right = item.size is None or item.size == partial.length
    if right:
        partial.become(final)
    return right


def _once(client: Client, item: Item, partial: Partial, notify: Notify, most: int) -> None:
    """Make one request for the missing bytes."""
    if partial.length and partial.validator is None and not item.is_checked:
        partial.restart(None)  # without a validator, the rest may belong to another version
    start, end = (item.member.start, item.member.end) if item.member else (0, None)
    offset = start + partial.length
    if end is not None and offset >= end:
        return
    headers = {}
    if partial.length or item.member:
        headers["Range"] = f"bytes={offset}-{'' if end is None else end - 1}"
        validator = item.member.etag if item.member else partial.validator
        if validator:
            headers["If-Range"] = validator
    url = item.address.url()
    try:
        with client.request(url, headers) as response:
            if _begin(item, partial, response, offset):
                _refuse_longer(item, partial.length + (content_length(response) or 0), most)
                _receive(client, item, partial, response, notify, most)
    except Refused:
        if not item.address.renew(url):
            raise
        raise Retriable("the signed address has expired") from None


def _begin(item: Item, partial: Partial, response: httpx2.Response, offset: int) -> bool:
    """Check the headers of a response; False if no bytes are missing."""
    content_range = _CONTENT_RANGE.match(response.headers.get("content-range", ""))
    first, total = content_range.groups() if content_range else (None, None)
    if response.status_code == 200:
        if item.member is not None:
            raise DownloadError(
                f"{item.path}: the server sends the whole archive instead of a part of it; the archive has "
                "changed (repeat the command) or a proxy ignores ranges"
            )
        partial.restart(_validator(response), content_length(response))
    elif response.status_code == 416:
        if total == str(partial.length) or (total is None and item.is_checked):
            return False
        partial.restart(None)
        raise Retriable("the length of the file has changed")
    elif first != str(offset):
        partial.restart(None)
        raise Retriable("the server sent another range than requested")
    return True


def _refuse_longer(item: Item, length: int, most: int) -> None:
    if length > most:
        raise TooLong(
            f"{item.path}: the server sends {length:,} bytes or more, and the file can have {most:,}; it was "
            "removed, so report it to its publisher"
        )


def _receive(
    client: Client, item: Item, partial: Partial, response: httpx2.Response, notify: Notify, most: int
) -> None:
    for chunk in response.iter_raw():  # of any size: collecting them would lose some on an interruption
        partial.write(chunk)
        notify(len(chunk))
        _refuse_longer(item, partial.length, most)
        if client.retries.stop.is_set():
            raise Stopped


def _validator(response: httpx2.Response) -> str | None:
    """The value for If-Range: a strong ETag, otherwise the modification date."""
    etag = response.headers.get("etag", "")
    return etag if etag.startswith('"') else response.headers.get("last-modified")
