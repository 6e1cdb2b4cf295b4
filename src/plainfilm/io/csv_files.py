"""CSV files as they come: encodings, compression and headers, before anything is parsed."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

from plainfilm.errors import DataError, nearest
from plainfilm.io.archives import open_binary, split_path

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_GZIP = b"\x1f\x8b"


def require_columns(path: Path, headers: Sequence[str], required: Sequence[str]) -> None:
    """Checks that every one of `required` is among `headers`; `path` is for the message.

    Raises:
        DataError: a header is missing.
    """
    known = list(headers)
    for header in required:
        if header not in known:
            raise DataError(f"{path}: no column '{header}': {nearest(header, known)}")


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """A CSV file to read line by line, in the encodings and compressions that `read_csv` takes.

    Raises:
        DataError: no such file, empty, or damaged.
    """
    encoding = encoding_of(path)
    errors = "replace" if encoding == "cp1252" else "strict"
    with open_bytes(path) as stream, TextIOWrapper(stream, encoding, errors, newline="") as text:
        yield text


def encoding_of(path: Path) -> str:
    """The encoding of a CSV file, from its first bytes and, for UTF-8, a look at all of them."""
    try:
        with open_bytes(path) as stream:
            head = stream.read(4)
            if not head:
                raise DataError(f"{path}: is empty; expected a header row and data")
            if head[:2] in _UTF16:
                return "utf-16"
            return "utf-8-sig" if _is_utf8(head, stream) else "cp1252"
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise DataError(f"{path}: the gzip data are damaged or cut short; fetch the file again") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None


def open_bytes(path: Path) -> Any:
    """A file, or a member of an archive, as bytes, unpacked where its content is gzip."""
    stream = open_binary(path)
    if stream.read(2) != _GZIP:
        stream.seek(0)
        return stream
    stream.close()
    return gzip.open(path if split_path(path) is None else open_binary(path), "rb")


def _is_utf8(head: bytes, stream: Any) -> bool:
    rest = head
    while block := stream.read(1 << 20):
        rest += block
        # A character may straddle two blocks: all but the last three bytes must decode now.
        keep = max(len(rest) - 3, 0)
        while keep and rest[keep] & 0xC0 == 0x80:
            keep -= 1
        if not _decodes(rest[:keep]):
            return False
        rest = rest[keep:]
    return _decodes(rest)


def _decodes(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
