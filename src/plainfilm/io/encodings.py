"""What the bytes of a text file are: its encoding, or the kind of file that it is instead of text.

A file says its encoding by a mark or by being valid UTF-8. Anything else is a guess, so only Windows-1252 is
read, where the bytes make words of a western language; other encodings are named, with the way out.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from plainfilm.errors import DataError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
WESTERN = "cp1252"
UTF8 = "utf-8-sig"
BLOCK = 1 << 20
_SAMPLE = 1 << 16
_ENDS = np.zeros(256, dtype=bool)
_ENDS[list(b',;\t|\r\n"')] = True
"""What may stand before an opening and behind a closing quote: a delimiter, a line's end, another quote."""

_SIGNATURES = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls); save it as CSV UTF-8 there"),
    (b"PAR1", "a Parquet file; write it as CSV (pandas.read_parquet(...).to_csv(...))"),
    (b"%PDF", "a PDF file; export the table as CSV UTF-8"),
    (b"SQLite format 3\0", "an SQLite database; export the table as CSV UTF-8"),
    (b"{\\rtf", "a document (RTF); save the table as CSV UTF-8"),
    (b"BZh", "packed with bzip2; unpack it (bunzip2)"),
    (b"\xfd7zXZ\0", "packed with xz; unpack it (unxz)"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd; unpack it (unzstd)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it"),
    (b"Rar!", "a RAR archive; unpack it"),
    (b"\x89PNG", "an image (PNG)"),
    (b"\xff\xd8\xff", "an image (JPEG)"),
    (b"\x1f\x8b", "packed with gzip twice; unpack it once (gunzip)"),
)
_ZIP = b"PK\x03\x04"
_OFFICE = (
    (b"xl/", "an Excel workbook (.xlsx)"),
    (b"opendocument", "an OpenDocument table (.ods)"),
    (b"word/", "a Word document (.docx)"),
    (b"Index/", "a Numbers table"),
    (b"[Content_Types].xml", "an Excel workbook (.xlsx)"),
)
_MARKUP = re.compile(rb"<(?:!doctype html|html|table|\?xml|\?mso|meta|workbook)", re.IGNORECASE)


def refuse_other_files(path: Path, head: bytes) -> None:
    """Checks that a file which begins with `head` (4 KiB) is no workbook, archive, web page or the like.

    Raises:
        DataError: it is one; says which, and the way out.
    """
    kind = _other_kind(head)
    if kind:
        raise DataError(f"{path}: is no CSV but {kind}")


def _other_kind(head: bytes) -> str | None:
    if head.startswith(_ZIP):
        office = next((name for sign, name in _OFFICE if sign in head), None)
        return f"{office}; save it as CSV UTF-8 there" if office else "a zip archive; unpack it"
    named = next((name for sign, name in _SIGNATURES if head.startswith(sign)), None)
    if named is None and _MARKUP.match(head.lstrip(codecs.BOM_UTF8 + b" \t\r\n")):
        return "a web page or XML (some programs call one .csv or .xls); save it as CSV UTF-8"
    return named


@dataclass
class _Scan:
    """What a file's bytes are, block by block: whether they are UTF-8, and how regular their quotes are."""

    bad_line: int | None = None
    lines: int = 0
    has_quotes: bool = False
    odd_quotes: bool = False
    sample: list[bytes] = field(default_factory=list)
    _decoder: Any = field(default_factory=codecs.getincrementaldecoder("utf-8"))
    _is_open: bool = False
    _last: int = ord("\n")
    _closes: bool = False
    _sampled: int = 0

    def add(self, block: bytes) -> None:
        """Takes the next block."""
        self._look_at_quotes(block)
        if not block.isascii():
            self._look_at_letters(block)
        self.lines += block.count(b"\n")

    def _look_at_letters(self, block: bytes) -> None:
        if self._sampled < _SAMPLE:
            found = [line for line in block.splitlines() if not line.isascii()]
            kept = b"\n".join(found)[: _SAMPLE - self._sampled]
            self.sample.append(kept)
            self._sampled += len(kept)
        if self.bad_line is None:
            try:
                self._decoder.decode(block)
            except UnicodeDecodeError as error:
                self.bad_line = self.lines + error.object.count(b"\n", 0, error.start) + 1

    def _look_at_quotes(self, block: bytes) -> None:
        if self._closes and block:
            self.odd_quotes |= not _ENDS[block[0]]
            self._closes = False
        if b'"' in block:
            self.has_quotes = True
            data = np.frombuffer(block, np.uint8)
            self._check(data, np.flatnonzero(data == ord('"')))
        elif self._is_open and b"\n" in block:
            self.odd_quotes = True
        self._last = block[-1] if block else self._last

    def _check(self, data: NDArray[np.uint8], quotes: NDArray[np.intp]) -> None:
        first = 1 if self._is_open else 0
        lines = np.flatnonzero(data == ord("\n"))
        self.odd_quotes |= bool(((np.searchsorted(quotes, lines) + first) % 2).any())
        opening, closing = quotes[first::2], quotes[1 - first :: 2]
        if len(opening) and opening[0] == 0:
            self.odd_quotes |= not _ENDS[self._last]
            opening = opening[1:]
        if len(closing) and closing[-1] == len(data) - 1:
            self._closes = True
            closing = closing[:-1]
        self.odd_quotes |= not (_ENDS[data[opening - 1]].all() and _ENDS[data[closing + 1]].all())
        self._is_open ^= bool(len(quotes) % 2)

    def end(self) -> None:
        """Says that there are no more blocks."""
        self.odd_quotes |= self._is_open
        if self.bad_line is None:
            try:
                self._decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                self.bad_line = self.lines + 1


@dataclass(frozen=True)
class Encoding:
    """The encoding of a file as Python calls it.

    `quotes` is "none", "regular" (every quote opens, closes or is doubled as it should be, on one line) or
    "odd" (some may not be); `note` is what a person should know of how the encoding was found.
    """

    name: str
    quotes: str
    note: str | None = None


def find_encoding(path: Path, blocks: Iterable[bytes]) -> Encoding:
    """The encoding of a text file, from all of its bytes (`blocks` of any size); `path` is for messages.

    Raises:
        DataError: the file is empty, is no text, or is in an encoding that is not read.
    """
    stream = iter(blocks)
    head = next(stream, b"")
    if not head:
        raise DataError(f"{path}: is empty; expected a header row and data")
    refuse_other_files(path, head[:4096])
    wide = _wide(head[:4096], path)
    if wide:
        return Encoding(wide, "odd")
    scan = _Scan()
    for block in _prepended(head, stream):
        scan.add(block)
    scan.end()
    quotes = "odd" if scan.odd_quotes else "regular" if scan.has_quotes else "none"
    if scan.bad_line is None:
        return Encoding(UTF8, quotes)
    return Encoding(WESTERN, quotes, _western_or_refused(path, scan))


def _prepended(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from rest


def _wide(head: bytes, path: Path) -> str | None:
    """UTF-16 or UTF-32 by its mark, or by where its NUL bytes stand; `None` for encodings without them."""
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), None)
    if marked:
        return None if marked == UTF8 else marked
    if b"\0" not in head:
        return None
    zeros = np.flatnonzero(np.frombuffer(head, np.uint8) == 0)
    if len(zeros) > len(head) * 0.6:
        return "utf-32-le" if head[:1] != b"\0" else "utf-32-be"
    odd = int((zeros % 2).sum())
    if len(zeros) >= 4 and max(odd, len(zeros) - odd) >= 0.95 * len(zeros):
        return "utf-16-le" if odd > len(zeros) / 2 else "utf-16-be"
    raise DataError(f"{path}: holds NUL bytes, so it is no text; export the table as CSV UTF-8")


def _western_or_refused(path: Path, scan: _Scan) -> str:
    """A note that the file is read as Windows-1252.

    Raises:
        DataError: its bytes make no words of a western language, or most of the file is UTF-8.
    """
    sample = b"\n".join(scan.sample)
    text = sample.decode("utf-8", errors="replace")
    good, bad = len(_STRANGER.sub("", text)), text.count("\ufffd")
    good = len(text) - good - bad
    if good and good >= 4 * bad:
        raise DataError(
            f"{path}: line {scan.bad_line} is not UTF-8, though what stands before it is; "
            "mend that line, or save the whole file as UTF-8"
        )
    if _is_western(sample):
        return f"{path}: is not UTF-8; read as Windows-1252 (if letters are wrong, save it as UTF-8)"
    names = [_spelled(name) for name in likely_encodings(sample)[:3]]
    said = " or ".join(names) if names else "an encoding that is not known"
    remedy = f", or convert it (iconv -f {names[0]} -t UTF-8)" if names else ""
    raise DataError(
        f"{path}: line {scan.bad_line} is not UTF-8: the text looks like {said}; save it as CSV UTF-8{remedy}"
    )


def _spelled(name: str) -> str:
    """An encoding as people and `iconv` call it."""
    return "Big5" if name == "big5" else name.upper().replace("_", "-")


_LETTER = "A-Za-zÀ-ÖØ-öø-ÿŠšŽžŒœŸƒªº"
_STRANGER = re.compile(r"[^\x00-\x7f]+")
_INNER = frozenset("’‘'–—-·°µ")
"""Signs that may stand between two letters."""
_HIGH_CAPITALS = frozenset("ŠŽŸŒ")


def _is_western(sample: bytes) -> bool:
    """Whether bytes read as Windows-1252 make words: accents among letters, and signs where signs stand."""
    try:
        text = sample.decode(WESTERN)
    except UnicodeDecodeError:
        return False
    wrong = sum(_wrong(text, match.start(), match.end()) for match in _STRANGER.finditer(text))
    return wrong * 20 <= sum(len(run) for run in _STRANGER.findall(text))


_IS_LETTER = re.compile(f"[{_LETTER}]")


def _wrong(text: str, start: int, end: int) -> int:
    """How many characters of a run beyond ASCII a western text would not have there."""
    run, before, after = text[start:end], text[start - 1 : start], text[end : end + 1]
    letters = sum(bool(_IS_LETTER.fullmatch(char)) for char in run)
    if end - start > 3 or (letters > 1 and not (before.isalpha() or after.isalpha())):
        return end - start
    inside = before.isalpha() and after.isalpha()
    odd = sum(not _IS_LETTER.fullmatch(char) and char not in _INNER for char in run)
    capitals = sum(char in _HIGH_CAPITALS for char in run) if before.islower() else 0
    unusual = sum(char in "¤¦¨¬¯¸\xad" for char in run)
    return max(odd if inside else 0, capitals, unusual)


@cache
def _everyday() -> dict[str, frozenset[str]]:
    stated = yaml.safe_load(Path(__file__).with_name("encodings.yaml").read_text(encoding="utf-8"))
    return {name: frozenset("".join(letters.split())) for name, letters in stated.items()}


def likely_encodings(sample: bytes) -> list[str]:
    """The encodings that make everyday characters of their scripts of the bytes, the likeliest first.

    More than one where they fit about as well; none where none fits.
    """
    scores = {name: _score(sample, name) for name in _everyday()}
    best = max(scores.values())
    if best < 0.5:
        return []
    return sorted((name for name in scores if scores[name] > 0.85 * best), key=lambda name: -scores[name])


def _score(sample: bytes, name: str) -> float:
    """The share of the bytes beyond ASCII that an encoding makes everyday characters of."""
    text = sample.decode(name, errors="replace")
    strangers = [char for char in text if char > "\x7f"]
    if not strangers or text.count("\ufffd") > 0.02 * len(strangers) + 1:
        return 0.0
    return sum(char in _everyday()[name] for char in strangers) / len(strangers)
