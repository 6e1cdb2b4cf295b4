"""The files of a zip archive on a server: listed and downloaded one by one.

A zip archive ends with a directory of its members (APPNOTE.TXT section 4.3.12), so two or three requests for
its last bytes give every name, size and CRC-32; each member is then one request for a range of bytes.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from plainfilm.download.client import Client, body_of, shown
from plainfilm.download.item import Address, Item, Member, safe_path
from plainfilm.errors import DownloadError
from plainfilm.io import limits
from plainfilm.io.files import move

_BUFFER_BYTES = 1 << 16
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_ENCRYPTED = 0x1


class RemoteFile(io.RawIOBase):
    """A file on a server, readable at any position."""

    def __init__(self, client: Client, address: Address, size: int) -> None:
        super().__init__()
        self._client = client
        self._address = address
        self._size = size
        self._place = self._read = 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position, as in any file."""
        self._place = offset + (0, self._place, self._size)[whence]
        return self._place

    def tell(self) -> int:
        """The position."""
        return self._place

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read the next bytes, in one request."""
        wanted = min(len(buffer), self._size - self._place)
        if wanted <= 0:
            return 0
        bounds = {"Range": f"bytes={self._place}-{self._place + wanted - 1}"}

        self._read += wanted
        if self._read > limits.LARGEST_DIRECTORY:
            raise DownloadError(
                f"{shown(self._address.url())}: the directory of the archive has more than "
                f"{limits.LARGEST_DIRECTORY:,} bytes; refused"
            )

        def attempt() -> bytes:
            with self._client.request(self._address.url(), bounds) as response:
                if response.status_code != 206:
                    raise DownloadError(
                        f"{shown(self._address.url())}: the server does not support byte ranges"
                    )
                return body_of(response, wanted)

        content = self._client.retries.run(attempt, "the directory of the archive could not be downloaded")
        buffer[: len(content)] = content
        self._place += len(content)
        return len(content)


def members(client: Client, address: Address, size: int, etag: str | None) -> list[Item]:
    """The files inside the archive at `address`.

    Raises:
        DownloadError: it is no zip archive, or its members cannot be downloaded separately.
    """
    where = shown(address.url())
    try:
        with zipfile.ZipFile(io.BufferedReader(RemoteFile(client, address, size), _BUFFER_BYTES)) as archive:
            entries = sorted(archive.infolist(), key=lambda entry: entry.header_offset)
            ends = [*(entry.header_offset for entry in entries[1:]), archive.start_dir]
            _refuse_many(len(entries), where)
    except zipfile.BadZipFile as error:
        raise DownloadError(f"{where}: is no zip archive ({error})") from None
    return [
        _item(entry, end, address, etag, where)
        for entry, end in zip(entries, ends, strict=True)
        if not entry.is_dir()
    ]


def _refuse_many(count: int, where: str) -> None:
    if count > limits.MOST_MEMBERS:
        raise DownloadError(f"{where}: lists more than {limits.MOST_MEMBERS:,} files; refused")


def _item(entry: zipfile.ZipInfo, end: int, address: Address, etag: str | None, where: str) -> Item:
    known = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    if entry.compress_type not in known or entry.flag_bits & _ENCRYPTED:
        raise DownloadError(f"{where}: {entry.filename} is encrypted, or compressed in an unusual way")
    return Item(
        safe_path(entry.filename, where),
        address,
        crc32=entry.CRC,
        size=entry.file_size,
        member=Member(entry.header_offset, end, entry.compress_type, etag),
    )


def extract(part: Path, item: Item, final: Path) -> bool:
    """Write the file whose local header and data are in `part`; False if its size or CRC-32 is wrong."""
    crc32 = size = 0
    unpacked = part.with_name(f"{part.name}.file")
    with part.open("rb") as stream, unpacked.open("wb") as out:
        for block in _contents(stream, item):
            crc32 = zlib.crc32(block, crc32)
            size += len(block)
            if size > (item.size or 0):
                break
            out.write(block)
    if (crc32, size) != (item.crc32, item.size):
        unpacked.unlink()
        return False
    move(unpacked, final)
    return True


def _contents(stream: BinaryIO, item: Item) -> Iterator[bytes]:
    """The blocks of a member; none, or too few, if it is damaged."""
    head = stream.read(_LOCAL_HEADER.size)
    if len(head) < _LOCAL_HEADER.size or head[:4] != b"PK\x03\x04":
        return
    _, name, extra = _LOCAL_HEADER.unpack(head)
    stream.seek(name + extra, io.SEEK_CUR)
    if item.member is None or item.member.method == zipfile.ZIP_STORED:
        yield stream.read(item.size or 0)
        return
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    while not inflate.eof and (block := stream.read(_BUFFER_BYTES)):
        try:
            yield inflate.decompress(block)
        except zlib.error:
            return
