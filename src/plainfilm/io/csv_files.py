"""Tables of delimited text as they come: encoding, delimiter, compression, quotes and headers.

Every table that Plainfilm reads is opened here, so that all of them follow one set of rules:

    compression   gzip by its content, and members of archives; what grows to far more than a table is refused
    encoding      by a mark or by being UTF-8; UTF-16 also without a mark; Windows-1252 where the bytes make
                  words of a western language; anything else is named (`io.encodings`)
    delimiter     a comma, semicolon, tab or bar: the one that a first line `sep=;` states, or else the one
                  that cuts the header and the rows below it alike
    quotes        strict: text behind a closing quote, and a quote that is never closed, are errors
    headers       an exact header, or else the only one that has the same letters and digits

What is not plain CSV in UTF-8 is read all the same where there is one way to read it, with a warning in the
log (once a process for each file).
"""

from __future__ import annotations

import csv
import functools
import gzip
import logging
import re
import sys
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader, RawIOBase, TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any, TextIO, cast

from plainfilm.errors import DataError, nearest
from plainfilm.io import limits
from plainfilm.io.archives import open_binary, packed_size, stamp
from plainfilm.io.encodings import BLOCK, Encoding, find_encoding

logger = logging.getLogger(__name__)

_GZIP = b"\x1f\x8b"
_DELIMITERS = ",;\t|"
_SNIFFED_ROWS, _SNIFFED_CHARACTERS = 50, 1 << 18
_SEPARATOR_LINE = re.compile(r'\ufeff?"?sep=(.)"?[,;\t| ]*\r?\n?', re.IGNORECASE)
_JSON = re.compile(r'\ufeff?\s*(?:\{\s*"|\[\s*[\[{])')
_BLANK_LINE = re.compile(r"[\s,;\ufeff]*")
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
csv.field_size_limit(min(1 << 26, sys.maxsize))


@dataclass(frozen=True, slots=True)
class TableFormat:
    """How a table is written.

    `skipped` lines stand before the header; `quotes` is that of `Encoding`; with `is_spaced` a blank behind a
    delimiter is no part of the cell, which may be quoted.
    """

    encoding: str
    delimiter: str
    skipped: int
    quotes: str
    is_spaced: bool = False


def table_format(path: Path) -> TableFormat:
    """How the table in a file, or in a member of an archive, is written.

    Raises:
        DataError: no such file, empty, damaged, no text, in an encoding that is not read, or with a delimiter
            that cannot be determined.
    """
    with _readable(path):
        return _table_format(path, *stamp(path))


def encoding_of(path: Path) -> str:
    """The encoding of a file of text, as Python calls it; raises as `table_format`."""
    with _readable(path):
        return _encoding(path, *stamp(path)).name


@functools.lru_cache(maxsize=64)
def _encoding(path: Path, size: int, changed_ns: int) -> Encoding:
    with open_bytes(path) as stream:
        encoding = find_encoding(path, iter(lambda: stream.read(BLOCK), b""))
    if encoding.note:
        logger.warning("%s", encoding.note)
    return encoding


@functools.lru_cache(maxsize=64)
def _table_format(path: Path, size: int, changed_ns: int) -> TableFormat:
    encoding = _encoding(path, size, changed_ns)
    with open_bytes(path) as stream, TextIOWrapper(stream, encoding.name, "strict", newline="") as text:
        lines = _head_lines(path, text, encoding.name)
    skipped, stated = _skipped(lines)
    if _JSON.match(lines[skipped]):
        raise DataError(f"{path}: is no CSV but JSON; write its entries as rows of a CSV in UTF-8")
    delimiter = stated or _delimiter(path, lines[skipped:])
    if delimiter != ",":
        logger.warning("%s: its cells are separated by a %s", path, _NAMES.get(delimiter, f"'{delimiter}'"))
    is_spaced = encoding.quotes == "odd" and _is_spaced(lines[skipped:], delimiter)
    return TableFormat(encoding.name, delimiter, skipped, encoding.quotes, is_spaced)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turns what opening and unpacking a file may raise into a line for people."""
    if path.is_char_device():
        raise DataError(f"{path}: is a device, and no table")
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise DataError(f"{path}: the gzip data are damaged or cut short; fetch the file again") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None


def _head_lines(path: Path, text: TextIO, encoding: str) -> list[str]:
    """The first lines of a table, cut where they are very long."""
    try:
        head = text.read(_SNIFFED_CHARACTERS)
    except UnicodeError:
        raise DataError(f"{path}: is not text in {encoding}; save it as CSV UTF-8") from None
    if not head.strip("\ufeff \t\r\n"):
        raise DataError(f"{path}: is empty; expected a header row and data")
    lines = head.splitlines(keepends=True)
    return lines if len(head) < _SNIFFED_CHARACTERS or len(lines) == 1 else lines[:-1]


def _skipped(lines: Sequence[str]) -> tuple[int, str | None]:
    """How many lines stand before the header, and the delimiter that one of them states."""
    stated, skipped = None, 0
    for line in lines:
        found = _SEPARATOR_LINE.fullmatch(line) if stated is None else None
        stated = found[1] if found else stated
        if not found and not _BLANK_LINE.fullmatch(line):
            break
        skipped += 1
    return min(skipped, len(lines) - 1), stated


def _delimiter(path: Path, lines: Sequence[str]) -> str:
    """The delimiter that the header has; of several the one that cuts the rows below it alike.

    Raises:
        DataError: two do.
    """
    cut = {sign: [row for row in islice(_lenient(lines, sign), _SNIFFED_ROWS) if row] for sign in _DELIMITERS}
    widths = {sign: len(rows[0]) for sign, rows in cut.items() if len(rows[0]) > 1}
    if not widths:
        _refuse_quoted_lines(path, cut[","][0])
        return ","
    if len(widths) == 1:
        return next(iter(widths))
    alike = [sign for sign in widths if all(len(row) == widths[sign] for row in cut[sign])]
    most = [sign for sign in alike if widths[sign] == max(widths[other] for other in alike)]
    if len(most) > 1:
        names = " or a ".join(_NAMES[sign] for sign in most)
        raise DataError(
            f"{path}: the header may be cut at a {names}; "
            f"begin the file with a line sep={most[0]} to say which"
        )
    return most[0] if most else "," if "," in widths else max(widths, key=lambda sign: widths[sign])


def _is_spaced(lines: Sequence[str], delimiter: str) -> bool:
    """Whether quotes stand behind a delimiter and a blank, and the rows are of one length only so."""
    if not any(re.search(rf"{re.escape(delimiter)} +\"", line) for line in lines):
        return False
    plain, spaced = (
        {len(row) for row in _lenient(lines, delimiter, is_spaced) if row} for is_spaced in (False, True)
    )
    return len(spaced) == 1 < len(plain)


def _lenient(lines: Sequence[str], delimiter: str, is_spaced: bool = False) -> Iterator[list[str]]:
    """The rows as far as they can be read."""
    try:
        yield from csv.reader(lines, delimiter=delimiter, skipinitialspace=is_spaced)
    except csv.Error:
        return


def _refuse_quoted_lines(path: Path, header: Sequence[str]) -> None:
    """Checks that a header of one cell is not a whole row in quotes."""
    whole = header[0] if len(header) == 1 else ""
    if len(re.findall(r"[\w.]+[,;\t|]", whole)) > 1 and " " not in whole:
        raise DataError(
            f"{path}: the whole header is one quoted cell '{whole[:60]}'; remove the outer quotes"
        )


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """The text of a file, decoded and unpacked.

    Raises:
        DataError: as `table_format`, but for the delimiter, and where the data turn out to be damaged.
    """
    with (
        _readable(path),
        open_bytes(path) as stream,
        TextIOWrapper(stream, encoding_of(path), "strict", newline="") as text,
    ):
        yield cast(TextIO, text)


class CsvReader:
    """The rows of an open table. `headers` are without white space around them; blank lines are passed over.

    `first_line` is the line of the file on which the last row began, from 1.
    """

    def __init__(self, path: Path, text: TextIO, form: TableFormat) -> None:
        self._path = path
        self._reader = csv.reader(
            text, delimiter=form.delimiter, strict=True, skipinitialspace=form.is_spaced
        )
        self._skipped = form.skipped
        self.delimiter = form.delimiter
        self.first_line = form.skipped + 1
        self.headers = [clean_header(header) for header in self._next() or []]
        if len(self.headers) > limits.MOST_COLUMNS:
            raise DataError(
                f"{path}: has {len(self.headers):,} columns; at most {limits.MOST_COLUMNS:,} are read"
            )

    def __iter__(self) -> Iterator[list[str]]:
        """The cells of each row.

        Raises:
            DataError: a quote is not closed, or text stands behind one; or the bytes are no text.
        """
        while (row := self._next()) is not None:
            if row:
                yield row

    def _next(self) -> list[str] | None:
        line = self._skipped + self._reader.line_num + 1
        try:
            row = next(self._reader, None)
        except csv.Error as error:
            raise self._irregular(line, error) from None
        except UnicodeDecodeError:
            raise DataError(f"{self._path}: line {line}: is not text in its encoding") from None
        self.first_line = line
        return row

    def _irregular(self, line: int, error: csv.Error) -> DataError:
        here = self._skipped + self._reader.line_num
        if "limit" in str(error):
            reason = "a cell has no end: a quote is opened here that nothing closes"
        elif here > line or "end of data" in str(error):
            reason = (
                f"a quote is opened here that is not closed properly up to line {here}: close or double it"
            )
        else:
            reason = "text stands behind a closing quote; double the quotes inside a cell"
        return DataError(f"{self._path}: line {line}: not a regular CSV: {reason}")


@contextmanager
def open_csv(path: Path) -> Iterator[CsvReader]:
    """A table to read row by row: its `headers`, then the cells of each row.

    Raises:
        DataError: as `open_text`.
    """
    form = table_format(path)
    with open_text(path) as text:
        for _ in range(form.skipped):
            text.readline()
        yield CsvReader(path, text, form)


class _Unpacked(RawIOBase):
    """The bytes of a compressed file, until they are far more than any table packs.

    `packed` is its size in bytes; `stream` gives it unpacked, `others` are closed with it.
    """

    def __init__(self, path: Path, stream: Any, packed: int, others: tuple[Any, ...] = ()) -> None:
        self._path, self._stream, self._others = path, stream, others
        self._most_bytes = max(limits.UNPACKED_FREELY, limits.MOST_UNPACKED * packed)
        self._most_rows = limits.ROWS_FREELY + packed
        self._bytes = self._rows = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = int(self._stream.readinto(buffer))
        self._bytes += count
        self._rows += bytes(buffer[:count]).count(b"\n")
        if self._bytes > self._most_bytes or self._rows > self._most_rows:
            raise DataError(
                f"{self._path}: unpacks to far more than any table does (over {self._bytes:,} bytes in "
                f"{self._rows:,} lines); unpack it yourself if it is meant"
            )
        return count

    def close(self) -> None:
        for stream in (self._stream, *self._others):
            stream.close()
        super().close()


def open_bytes(path: Path) -> Any:
    """A file, or a member of an archive, as bytes, unpacked where its content is gzip.

    Reading raises `DataError` where compressed data grow beyond `limits.MOST_UNPACKED` or `ROWS_FREELY`.
    """
    stream = open_binary(path)
    is_gzip = stream.read(2) == _GZIP
    packed = packed_size(path)
    stream.seek(0)
    if not is_gzip and packed is None:
        return stream
    packed = stamp(path)[0] if packed is None else packed
    unpacked = gzip.GzipFile(fileobj=stream, mode="rb") if is_gzip else stream
    return BufferedReader(_Unpacked(path, unpacked, packed, (stream,)), BLOCK)


def clean_header(header: str) -> str:
    """A header without white space around it and without marks that nobody sees."""
    return header.strip("\ufeff\u200b\u00a0 \t\r\n")


@functools.lru_cache(maxsize=4096)
def folded_header(header: str) -> str:
    """The letters and digits of a header in lower case: headers are the same where these are.

    >>> folded_header("Patient ID"), folded_header("patient_id"), folded_header("PatientId")
    ('patientid', 'patientid', 'patientid')
    """
    wide = unicodedata.normalize("NFKC", header).casefold()
    return "".join(char for char in wide if char.isalnum()) or wide.strip()


def find_header(path: Path, name: str, headers: Sequence[str]) -> str | None:
    """The header that is `name`, or the only one that is so but for case, blanks and signs; or `None`.

    Raises:
        DataError: several headers could be meant.
    """
    if name in headers:
        return name
    folded = folded_header(name)
    found = list(dict.fromkeys(header for header in headers if folded_header(header) == folded))
    if len(found) > 1:
        listed = ", ".join(f"'{header}'" for header in found)
        raise DataError(f"{path}: column '{name}' may be any of {listed}; rename the others")
    return found[0] if found else None


def require_columns(path: Path, headers: Sequence[str], required: Sequence[str]) -> None:
    """Checks that every one of `required` is among `headers`, in any case; `path` is for the message.

    Raises:
        DataError: a header is missing, or several could be meant.
    """
    known = list(headers)
    for header in required:
        if find_header(path, header, known) is None:
            raise DataError(f"{path}: no column '{header}': {nearest(header, known)}")


def looks_like_rows(cells: Sequence[str], delimiter: str) -> bool:
    """Whether a cell of a row holds further rows, because a quote was left open.

    A line inside a cell is taken for a row where it has as many delimiters as a row, and begins as the row
    does: with a first cell of the same make (`scan12.png` and `scan3.png`).
    """
    several = [cell for cell in cells if "\n" in cell]
    make = _make(cells[0], len(cells)) if several else None
    return make is not None and any(
        line.count(delimiter) >= len(cells) - 1 and _make(line.partition(delimiter)[0], len(cells)) == make
        for cell in several
        for line in cell.splitlines()[1:]
    )


def _make(cell: str, width: int) -> str | None:
    """How a name is made: digits and, in tables of some width, letters stand for any of their kind."""
    made = re.sub(r"\d+", "9", cell.strip().strip('"'))
    if not re.search(r"[9./\\_]", made) or " " in made:
        return None
    return re.sub(r"[^\W\d_]+", "a", made) if width > 2 else made
