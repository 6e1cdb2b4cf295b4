"""Cuts report text into sentences: a rule-based splitter for dictated radiology prose.

It survives abbreviations, decimals, times of day, numbered and dashed lists, de-identification marks
(`XXXX`, `___`), missing spaces after a full stop and line breaks inside a sentence. The abbreviations
are data (`abbreviations.yaml`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import yaml

from plainfilm.text.sections import parse_sections
from plainfilm.types import Report, Sentence

LONGEST = 1_000
"""Characters of the longest sentence."""

_ABBREVIATIONS_FILE = Path(__file__).with_name("abbreviations.yaml")

# Where a line break ends a sentence: a blank line, a ruled line, or on the next line an item of a list or of
# a form ("Heart: normal").
_BLOCK_BREAK = re.compile(
    r"\n[ \t\r\f\v]*\n"
    r"|^[ \t]*[_=*-]{4,}[ \t]*\r?$"
    r"|\n(?=[ \t]*(?:\(?\d{1,2}[.)]|[-*\u2022\u2013\u25cf])[ \t]+\S)"
    r"|\n(?=[ \t]*[A-Z][A-Za-z/&' -]{1,40}(?::[ \t]|[ \t]?\||\t))",
    re.MULTILINE,
)
_LIST_MARK = re.compile(r"\s*(?:\(?\d{1,2}[.)](?!\d)|[-*\u2022\u2013\u25cf>]+(?=[\sA-Z]))[ \t]*")
_STOP = re.compile(r"[.!?。！？]+[\"')\]」』）]*")
_ANSWER = re.compile(r"(?:no|none|nil|yes)\b", re.IGNORECASE)
_SHORT_QUESTION = re.compile(r"(?:\A|[.;:\n]\s*)(?:[\w-]+\s)?[\w-]+\Z")
_CHINESE_STOPS = "。！？"
_WORD_BACKWARDS = re.compile(r"[^\s(\[\"'/,;:]*")
_FIRST_ITEM = re.compile(r"\s*\(?(?P<label>1|[aA](?=\)))(?P<sign>[.)-])\s*(?=[^\W\d_])")
_MAY_BEGIN_LIST = re.compile(r"\s*[-*(1aA]")
_FIRST_BULLET = re.compile(r"\s*(?P<sign>[-*])\s*[A-Z]")
_BULLETS = {"-": re.compile(r"(?<=[\s.])-\s?(?=[A-Z])"), "*": re.compile(r"\*\s?(?=[^\W\d_])")}
_GLUED_ITEM = re.compile(r"\d{1,2}[.)]\s*[A-Z]")
# A word that is no mark of something removed: most sentences have one, and need no closer look.
_WORD = re.compile(r"(?!X{3})[^\W\d_]{3}")
_LONGEST_WORD = 40
_BEFORE_CAPITAL = re.compile(r"(?P<gap>\r?\n)[ \t]*(?P<word>[A-Z][a-z]+)")
_ROOM, _SHORT_LINE = 12, 40
# Marks of what was removed, and what may be left of a time of day.
_PLACEHOLDER = re.compile(r"X{3,}|_+|\b[AaPp]\.?[Mm]\b")
_NEXT_WORD = re.compile(r"[\s\"'(\[]*(\S{0,40})")


def report_sentences(report: Report) -> list[Sentence]:
    """The sentences of a report, section by section; positions count over the report."""
    sections = report.sections
    if sections is None:
        sections = parse_sections(report.text, report.header_rules)
    found = [
        sentence
        for section in sorted(sections, key=lambda section: section.start)
        for sentence in split_sentences(section.text, section.start, section.name)
    ]
    return [
        Sentence(sentence.text, sentence.start, sentence.end, sentence.section, position)
        for position, sentence in enumerate(found)
    ]


def split_sentences(text: str, start: int = 0, section: str = "other") -> list[Sentence]:
    """The sentences of `text`, which begins at character `start` of its report.

    No sentence is longer than `LONGEST` characters: text without an end is cut at white space.
    A piece without a letter is not a sentence: a list number, a ruled line, only `XXXX` or `___`, a time of
    day. List marks are left out of the sentence they announce.
    """
    return [
        Sentence(words, start + low, start + high, section, position)
        for position, (words, low, high) in enumerate(sentence_spans(text))
    ]


def sentence_spans(text: str) -> list[tuple[str, int, int]]:
    """The sentences of `text` as (words, start, end), which `split_sentences` makes records of."""
    found: list[tuple[str, int, int]] = []
    for low, high in _pieces(text):
        for first, last in _short_enough(text, low, high) if high - low > LONGEST else ((low, high),):
            first, last = _trim(text, first, last)
            words = " ".join(text[first:last].split())
            if _WORD.search(words) or any(letter.isalpha() for letter in _PLACEHOLDER.sub("", words)):
                found.append((words, first, last))
    return found


def _short_enough(text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    while high - low > LONGEST:
        space = max(text.rfind(" ", low, low + LONGEST), text.rfind("\n", low, low + LONGEST))
        cut = space if space > low else low + LONGEST
        yield low, cut
        low = cut
    yield low, high


def _trim(text: str, low: int, high: int) -> tuple[int, int]:
    mark = _LIST_MARK.match(text, low, high)
    low = mark.end() if mark else low
    piece = text[low:high]
    first = len(piece) - len(piece.lstrip())
    return low + first, low + max(first, len(piece.rstrip()))


def _pieces(text: str) -> list[tuple[int, int]]:
    if "\n" not in text:
        return _cut_block(text, 0, len(text))
    found: list[tuple[int, int]] = []
    low = 0
    for start, end in sorted([*(gap.span() for gap in _BLOCK_BREAK.finditer(text)), *_early_breaks(text)]):
        if start >= low:
            found += _cut_block(text, low, start)
            low = end
    return found + _cut_block(text, low, len(text))


def _early_breaks(text: str) -> Iterator[tuple[int, int]]:
    """Line breaks before a capital where the next word would have fitted well into the line."""
    longest = max(map(len, text.split("\n")))
    for gap in _BEFORE_CAPITAL.finditer(text):
        start = text.rfind("\n", 0, gap.start()) + 1
        line = text[start : gap.start()]
        room = longest - len(line) - len(gap["word"])
        if (room > _ROOM or len(line) < _SHORT_LINE) and not _PLACEHOLDER.search(line):
            yield gap.span("gap")


def _cut_block(text: str, low: int, high: int) -> list[tuple[int, int]]:
    cuts = [
        stop.end()
        for stop in _STOP.finditer(text, low, high)
        if stop.end() == high or _plainly_ends(text, stop.start()) or _ends_sentence(text, low, high, stop)
    ]
    if _MAY_BEGIN_LIST.match(text, low, high):
        cuts = sorted({*cuts, *_list_cuts(text, low, high)})
    if not cuts or cuts[-1] < high:
        cuts.append(high)
    return list(zip([low, *cuts], cuts, strict=False))


def _list_cuts(text: str, low: int, high: int) -> Iterator[int]:
    """Where items 2, 3, ... of a list written in one line begin; the block begins with item 1 or a bullet."""
    bullet = _FIRST_BULLET.match(text, low, high)
    if bullet:
        yield from (found.start() for found in _BULLETS[bullet["sign"]].finditer(text, bullet.end(), high))
    first = _FIRST_ITEM.match(text, low, high)
    label, sign = (first["label"], re.escape(first["sign"])) if first else ("", "")
    while label:
        label = str(int(label) + 1) if label.isdigit() else chr(ord(label) + 1)
        mark = re.compile(rf"(?<![\w.-])\(?{label}{sign}\s*(?=[^\W\d_])").search(text, low, high)
        if not mark:
            return
        yield mark.start()
        low = mark.end()


def _plainly_ends(text: str, stop: int) -> bool:
    """True for a full stop between a word, which is no abbreviation, and a capitalised one: most are."""
    if text[stop] != "." or text[stop + 1 : stop + 2] != " " or not text[stop + 2 : stop + 3].isupper():
        return False
    before = text[stop - 4 : stop] if stop >= 4 else ""
    return before[-1:] == ")" or (
        before.isascii() and before.isalpha() and before.lower() not in _ends_of_abbreviations()
    )


def _ends_sentence(text: str, low: int, high: int, stop: re.Match[str]) -> bool:
    if _is_between_letters(text, low, stop):
        return False
    before = text[max(low, stop.start() - _LONGEST_WORD) : stop.start()]
    found = _WORD_BACKWARDS.match(before[::-1])
    word = found.group()[::-1] if found else ""
    after = _NEXT_WORD.match(text, stop.end(), high)
    following = after[1] if after else ""
    if not following:
        return True
    if stop.group()[0] in _CHINESE_STOPS:
        return True
    if after and stop.end() == after.start(1):
        glued = word[-1:].isalpha() and _GLUED_ITEM.match(text, stop.end(), high) is not None
        return glued or _lacks_space(word, following)
    mark = stop.group()[0]
    if mark == "?":
        answered = _ANSWER.match(following) and _SHORT_QUESTION.search(
            text[max(low, stop.start() - 60) : stop.start()]
        )
        return bool(word) and not following[0].islower() and not answered
    if len(stop.group().rstrip("\"')]")) > 1:
        return following[0].isupper()
    return not (mark == "." and _is_abbreviation(word, following))


def _is_between_letters(text: str, low: int, stop: re.Match[str]) -> bool:
    """True for the second stop of "a.b.c": letters stand on both sides of it, and before it only one."""
    first, last = stop.start(), stop.end()
    alone = first - 2 < low or not (text[first - 2].isalnum() or text[first - 2] in "_)%-")
    return (
        last - first == 1 and alone and text[first - 1 : first].isalnum() and text[last : last + 1].isalpha()
    )


def _lacks_space(word: str, following: str) -> bool:
    """True for "apex.There" and "noted.no": words, not initials, numbers, or "e.g."."""
    letters = re.match(r"[A-Za-z]+", following)
    if not letters or not word or not (word[-1].isalnum() or word[-1] in "_)%"):
        return False
    if "." in word and not re.search(r"[a-z]{3}$", word):
        return False
    if following[0].isupper():
        return len(word) >= 2 and (len(letters.group()) >= 2 or following == letters.group())
    return word[-4:].isalpha() and len(word) >= 4 and len(letters.group()) >= 2 and word.islower()


def _is_abbreviation(word: str, following: str) -> bool:
    groups = _abbreviations().get(word.lower(), ())
    if "always" in groups or ("before_number" in groups and following[0].isdigit()):
        return True
    if following[0].isupper():
        return len(word) == 1 and "A" <= word <= "Z" and word != "I"
    return "unless_capital" in groups


@cache
def _abbreviations() -> dict[str, tuple[str, ...]]:
    """Abbreviation → the groups of the file that it is in."""
    loaded = yaml.safe_load(_ABBREVIATIONS_FILE.read_text(encoding="utf-8"))
    words = {word for group in loaded.values() for word in group}
    return {word: tuple(group for group, members in loaded.items() if word in members) for word in words}


@cache
def _ends_of_abbreviations() -> frozenset[str]:
    """The last four letters of abbreviations that have as many."""
    return frozenset(word[-4:] for word in _abbreviations() if len(word) >= 4)
