"""Finds names of persons in text, however they are written: by their letters, in every script.

Names of a DICOM header (PS3.5, 6.2.1.2: up to three groups of family name, given name, middle name, prefix
and suffix) and the words of a text are compared by folded letters: without accents, case, width and variant
forms, Katakana as Hiragana, digits as 0 to 9. Between the letters of a name a hyphen or an apostrophe may
stand or be missing, and white space where the script or the name allows it. Scripts without spaces between
words (Han, Kana, Thai and others) have no word boundaries; a name of one letter there, and a name that is
an ordinary word, counts beside a title or another part of the name only.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import yaml

_DATA: dict[str, Any] = yaml.safe_load(
    Path(__file__).with_name("name_letters.yaml").read_text(encoding="utf-8")
)
_FORMS = {form: line.split()[0] for line in _DATA["forms"] for form in line.split()[1:]}
_LETTERS: dict[str, str] = _DATA["letters"]
_DIGRAPHS: dict[str, str] = _DATA["digraphs"]
_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf-\u05c7\u064b-\u065f\u0670\u1ab0-\u1aff\u20d0-\u20ff]"
)
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufe00-\ufe0f\ufeff]")
_APOSTROPHES, _HYPHENS = "’‘ʼʹ′`´ʾʿ‛＇ʻ", "‐‑‒–—―−﹣－⁃"
_DOTS = "・･·‧•=＝^"
_SIGNS = str.maketrans(
    {**dict.fromkeys(_APOSTROPHES, "'"), **dict.fromkeys(_HYPHENS, "-"), **dict.fromkeys(_DOTS, "·")}
)
_JOINED = "[\\s'\\-·.,_]*"
_CLOSE, _APART = "['\\-]?", "[\\s'\\-·]?"

_SCRIPTS = (
    ("latin", "a-z0-9\u00df-\u024f"),
    ("greek", "\u0370-\u03ff"),
    ("cyrillic", "\u0400-\u052f"),
    ("armenian", "\u0530-\u058f"),
    ("hebrew", "\u0590-\u05ff"),
    ("arabic", "\u0600-\u06ff\u0750-\u077f"),
    ("indic", "\u0900-\u0dff"),
    ("unspaced", "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff"),
    ("georgian", "\u10a0-\u10ff"),
    ("kana", "\u3041-\u30ff"),
    ("han", "\u3005\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"),
    ("hangul", "\u1100-\u11ff\uac00-\ud7af"),
)
_SCRIPT_OF = tuple((name, re.compile(f"[{letters}]")) for name, letters in _SCRIPTS)
_LETTERS_OF = dict(_SCRIPTS)
_EAST_ASIAN = ("han", "hangul", "kana")
_PREFIXES = {"arabic": "[وفبلك]?(?:ال)?", "hebrew": "[והבלמשכ]?"}
"""What is written as one word with a name that follows it."""

_LONGEST_ENDING = 3
"""So many letters may stand behind a Cyrillic name: it is declined."""


def fold(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The folded letters of a text, and for each of them where it stands there: `text[start:end]`."""
    letters: list[str] = []
    places: list[tuple[int, int]] = []
    start = 0
    while start < len(text):
        end = start + 1
        while end < len(text) and _continues(text[end]):
            end += 1
        folded = _folded(text[start:end])
        letters.append(folded)
        places += [(start, end)] * len(folded)
        start = end
    return "".join(letters), places


@functools.lru_cache(maxsize=4096)
def _continues(char: str) -> bool:
    """Whether a character belongs to the letter before it: an accent, a vowel of a decomposed syllable."""
    is_mark = unicodedata.category(char).startswith("M")
    return bool(is_mark or "\u1160" <= char <= "\u11ff" or char in "ﾞﾟ゛゜" or _UNSEEN.match(char))


@functools.lru_cache(maxsize=1 << 16)
def _folded(cluster: str) -> str:
    parts = unicodedata.normalize("NFKD", _UNSEEN.sub("", cluster).translate(_SIGNS))
    plain = unicodedata.normalize("NFC", _MARKS.sub("", parts)).casefold()
    return "".join(_letter(char) for char in plain)


def _letter(char: str) -> str:
    if "ァ" <= char <= "ヶ":
        return chr(ord(char) - 0x60)
    if char.isspace():
        return " "
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    return _FORMS.get(char) or _LETTERS.get(char, char)


def _plain(text: str) -> str:
    return fold(text)[0]


_BEFORE = frozenset(map(_plain, _DATA["titles"]["before"]))
_AFTER = frozenset(map(_plain, _DATA["titles"]["after"]))
_ORDINARY = frozenset(map(_plain, _DATA["ordinary"]))


def script_of(letters: str) -> str:
    """The script of the first letter that has one of `_SCRIPTS`, "latin" otherwise."""
    return next((name for char in letters for name, known in _SCRIPT_OF if known.match(char)), "latin")


def name_patterns(value: str) -> Iterator[str]:
    """Regular expressions, for folded text, of every way to write a name of a DICOM header."""
    for group in re.split(r"[=\\]", value):
        for spelling in dict.fromkeys(_spellings(group)):
            parts = [words for part in spelling.split("^")[:3] if (words := _words(part))]
            yield from _of_parts(parts)


def _spellings(name: str) -> Iterator[str]:
    """A name as it is, with `ae` for `ä`, and with `a` for `ae`."""
    composed = unicodedata.normalize("NFC", name).casefold()
    yield composed
    yield "".join(_DIGRAPHS.get(char, char) for char in composed)
    for letter, two in (("a", "ae"), ("o", "oe"), ("u", "ue"), ("a", "aa")):
        if two in composed:
            yield composed.replace(two, letter)


def _words(part: str) -> list[str]:
    """The words of a part of a name in folded letters, titles taken off."""
    words = ["".join(filter(_is_letter, word)) for word in re.split(r"[\s\-·.,]+", _plain(part))]
    bare = [_without_title(word) for word in words if word and word not in _BEFORE and word not in _AFTER]
    return [word for word in bare if word]


def _is_letter(char: str) -> bool:
    return char.isalnum() or unicodedata.category(char).startswith("M")


def _without_title(word: str) -> str:
    """A word of a script without spaces, without a title that is written as one with it."""
    if script_of(word) not in ("unspaced", *_EAST_ASIAN):
        return word
    for title in sorted(_BEFORE, key=len, reverse=True):
        if len(title) > 1 and word.startswith(title) and len(word) > len(title) + 1:
            word = word.removeprefix(title)
            break
    for title in _AFTER:
        if word.endswith(title) and len(word) > len(title) + 1 and title not in ("양", "군", "君", "某"):
            return word.removesuffix(title)
    return word


def _of_parts(parts: Sequence[list[str]]) -> Iterator[str]:
    """The whole name in any order, then every word of it alone where that is enough to know it by."""
    whole = ["".join(words) for words in parts]
    for count in range(min(len(parts), 3), 1, -1):
        for order in permutations(range(len(parts)), count):
            words = [word for place in order for word in parts[place]]
            yield _bounded([_spread(word) for word in words], "".join(words))
    for words in parts:
        if len(words) > 1:
            yield _bounded([_spread(word) for word in words], "".join(words))
    for word in dict.fromkeys((*whole, *(word for words in parts for word in words))):
        yield from _alone(word)
    if len(parts) == 1 and len(parts[0]) == 1:
        yield from _cut(parts[0][0])


def _cut(word: str) -> Iterator[str]:
    """Family and given name of an East Asian name that is written as one word."""
    if script_of(word) in ("han", "hangul") and 3 <= len(word) <= 5:
        for place in (1, 2):
            yield from _titled(word[:place])
            if len(word) - place > 1:
                yield from _alone(word[place:]) if place == (len(word) - 2 or 1) else _titled(word[place:])


def _alone(word: str) -> Iterator[str]:
    script = script_of(word)
    least = {"unspaced": 3, "kana": 3}.get(script, 2)
    if len(word) < least or word in _ORDINARY:
        yield from _titled(word)
    else:
        yield _bounded([_spread(word)], word)


def _titled(word: str) -> Iterator[str]:
    """A word that is no name unless a title stands beside it; the title is left."""
    if len(word) == 1 and script_of(word) not in ("unspaced", *_EAST_ASIAN):
        return
    before = "|".join(
        f"(?<={re.escape(title)})|(?<={re.escape(title)}[ .])|(?<={re.escape(title)}[.] )"
        for title in _BEFORE
    )
    after = "|".join(map(re.escape, sorted(_AFTER, key=len, reverse=True)))
    spread = _spread(word)
    yield rf"{spread}(?=\s?(?:{after}))"
    yield rf"(?:{before}){spread}(?![{_LETTERS_OF[script_of(word)]}])"


def _spread(word: str) -> str:
    """The letters of a word with what may stand between them."""
    is_spaced = script_of(word) in (*_EAST_ASIAN, "unspaced") or len(word) > 4
    return (_APART if is_spaced else _CLOSE).join(map(re.escape, word))


def _bounded(words: Sequence[str], letters: str) -> str:
    """Words in their order, where they begin and end as words of their script do."""
    pattern, script = _JOINED.join(words), script_of(letters)
    same = _LETTERS_OF[script]
    if script == "hangul":
        return pattern if len(letters) > 2 else f"(?<![{same}]){pattern}"
    if script in ("unspaced", *_EAST_ASIAN):
        return pattern
    if script == "cyrillic" and len(letters) > 4:
        stem = re.sub(r"[аеиоуыэюяьй]+$", "", letters) if len(words) == 1 else ""
        pattern = _spread(stem) if len(stem) > 2 else pattern
        return f"(?<![{same}]){pattern}[{same}]{{0,{_LONGEST_ENDING}}}(?![{same}])"
    return f"(?<![{same}]){_PREFIXES.get(script, '')}{pattern}(?![{same}])"


def word_pattern(word: str) -> str | None:
    """A regular expression, for folded text, of a number, place or date; `None` for what is too short."""
    words = _plain(word).split()
    if len("".join(words)) < 2:
        return None
    pattern = r"\s+".join(
        _CLOSE.join(re.escape(char) for char in part) if part.isalpha() else re.escape(part) for part in words
    )
    return f"(?<![a-z0-9]){pattern}(?![a-z0-9])"


@functools.lru_cache(maxsize=256)
def _pattern(names: frozenset[str], words: frozenset[str]) -> re.Pattern[str] | None:
    found = [*(pattern for name in sorted(names) for pattern in name_patterns(name))]
    found += [pattern for word in sorted(words) if (pattern := word_pattern(word))]
    # The longest first, and last those that look for a title, which are long for another reason.
    ordered = sorted(
        dict.fromkeys(found), key=lambda pattern: ("(?=" in pattern or "(?<=" in pattern, -len(pattern))
    )
    return re.compile("|".join(ordered)) if ordered else None


def spans(text: str, names: Iterable[str], words: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Where a text holds one of `names` (values of a header) or `words`: `text[start:end]`, in order."""
    pattern = _pattern(frozenset(names), frozenset(words))
    if pattern is None:
        return
    folded, places = fold(text)
    for match in pattern.finditer(folded):
        if match.end() > match.start():
            yield places[match.start()][0], places[match.end() - 1][1]
