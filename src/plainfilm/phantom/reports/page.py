"""The typed page of a report: margins, line breaks at about 80 columns, typing errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plainfilm.phantom.reports.statements import Statement
from plainfilm.phantom.truth import StatedSentence

_COLUMNS = 79
_SLIPS = {
    "there": "tehre",
    "There": "Ther",
    "and": "adn",
    "with": "wiht",
    "study": "sutdy",
    "prior": "piror",
    "compared": "comapred",
    "since": "sicne",
    "patient": "pateint",
    "seen": "seeen",
    "identified": "indentified",
    "approximately": "approximatly",
}
"""Typing errors that do not affect words with a statement."""


class Page:
    """Builds a report's text line by line and records the position of each sentence."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._text = ""
        self.sentences: list[StatedSentence] = []

    def text(self) -> str:
        """The report so far."""
        return self._text

    def title(self, words: str) -> None:
        """A centred headline."""
        self._text += " " * 33 + words + "\n"

    def line(self, words: str) -> None:
        """A line by itself."""
        self._text += f" {words}\n \n"

    def field(self, header: str, value: str) -> None:
        """A header with a short text beside it."""
        self._flow(f" {header}:  ", value)
        self._text += "\n \n"

    def paragraph(self, statements: Sequence[Statement], section: str) -> None:
        """Sentences one after another, without a header."""
        start = " "
        for statement in statements:
            self._sentence(start, statement, section)
            start = "  " if self._rng.random() < 0.5 else " "
        self._text += "\n"

    def section(
        self, header: str, statements: Sequence[Statement], name: str, numbered: bool = False
    ) -> None:
        """A header and its sentences: running on, below it, or as a numbered list."""
        self._text += f" {header}:"
        beside = not numbered and self._rng.random() < 0.5
        self._text += " " if beside else " \n \n"
        if numbered:
            for position, statement in enumerate(statements, 1):
                self._sentence(f" {position}.  ", statement, name)
                self._text += "\n"
        elif statements:
            self.paragraph(statements, name)
        self._text += " \n" if name == "findings" else ""

    def _sentence(self, before: str, statement: Statement, section: str) -> None:
        words = self._with_slip(statement.text)
        start, end = self._flow(before, words)
        self.sentences.append(StatedSentence(words, section, start, end, statement.states))

    def _with_slip(self, text: str) -> str:
        if self._rng.random() > 0.03:
            return text
        words = text.split(" ")
        places = [index for index, word in enumerate(words) if word in _SLIPS]
        if places:
            place = places[int(self._rng.integers(len(places)))]
            words[place] = _SLIPS[words[place]]
        return " ".join(words)

    def _flow(self, before: str, words: str) -> tuple[int, int]:
        """Type `words` after `before`, breaking lines at the margin; return their start and end."""
        self._text += before
        start = None
        for index, word in enumerate(words.split(" ")):
            column = len(self._text) - self._text.rfind("\n") - 1
            if index:
                self._text += "\n " if column + 1 + len(word) > _COLUMNS else " "
            elif column + len(word) > _COLUMNS:
                self._text = self._text.rstrip(" ") + "\n "
            start = len(self._text) if start is None else start
            self._text += word
        return (start or 0, len(self._text))
