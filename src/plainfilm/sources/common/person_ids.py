"""Identifiers of patients and studies as tables hold them, after whatever a spreadsheet did to them."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

from plainfilm.io.scratch import DiskDict

_WHOLE = re.compile(r"(\d+)[.,]0+")
_SCIENTIFIC = re.compile(r"\d(?:[.,](\d+))?[eE]\+(\d+)")
_FORMULA = re.compile(r'="?(.*?)"?')
_ZEROS = re.compile(r"^(\D*)0+(?=\d)")
_MET = 1024
"""Cells whose patient is remembered: rows of one patient often follow one another."""
_INVISIBLE = re.compile(r"[\u200b-\u200f\u2060\ufeff\x00]")


def identifier(cell: str) -> str:
    """An identifier in its one spelling: what a spreadsheet or a float column added is taken off.

    >>> identifier(" 10000.0 "), identifier("1.0001e+04"), identifier('="00123"'), identifier("P  7")
    ('10000', '10001', '00123', 'P 7')
    """
    text = " ".join(_INVISIBLE.sub("", unicodedata.normalize("NFKC", cell)).split())
    formula = _FORMULA.fullmatch(text)
    text = formula[1] if formula and text.startswith("=") else text.removeprefix("'")
    whole = _WHOLE.fullmatch(text)
    if whole:
        return whole[1]
    if _SCIENTIFIC.fullmatch(text) and not is_rounded(text):
        return str(int(Decimal(text.replace(",", "."))))
    return text


def is_rounded(cell: str) -> bool:
    """Whether a number has lost digits to the way it is shown: several people may share it.

    >>> is_rounded("1.23E+08"), is_rounded("1.0001e+04")
    (True, False)
    """
    found = _SCIENTIFIC.fullmatch(cell.strip())
    return found is not None and len(found[1] or "") < int(found[2])


def person_key(identifier_: str) -> str:
    """Equal for two identifiers that are one person's: case, white space and leading zeros do not matter.

    >>> person_key("P 007") == person_key("p7"), person_key("00010") == person_key("10.0")
    (True, True)
    """
    folded = "".join(identifier(identifier_).casefold().split())
    return _ZEROS.sub(r"\1", folded)


class People:
    """Patients by their keys, which are kept on disk: each is called as it was spelled first."""

    def __init__(self) -> None:
        self._first = DiskDict()
        self._respelled = DiskDict()
        self._met: dict[str, str] = {}
        self.other_spelling: tuple[str, str] | None = None
        """The first other spelling, and what it is called."""

    def __call__(self, cell: str) -> str:
        """The identifier of a patient; "" for a blank and for a number that was rounded."""
        if cell in self._met:
            return self._met[cell]
        stated = "" if is_rounded(cell) else identifier(cell)
        name = self._first.setdefault(person_key(stated), stated) if stated else ""
        if name != stated:
            self._respelled.setdefault(stated, name)
            self.other_spelling = self.other_spelling or (stated, name)
        if len(self._met) == _MET:
            self._met.clear()
        self._met[cell] = name
        return str(name)

    @property
    def respelled(self) -> int:
        """The number of other spellings."""
        return len(self._respelled)
