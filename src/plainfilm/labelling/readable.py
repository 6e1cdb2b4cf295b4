"""Whether a sentence is one that the labeller can read: English in Latin letters.

What tells are words: those of English (`english.yaml`), those of other languages (`languages.yaml`), and
those that are neither. A sentence that cannot be read gets no label. It is better to leave out an English
sentence of odd words than to take "geen pneumothorax" for a pneumothorax.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from functools import cache
from pathlib import Path
from typing import NamedTuple

from plainfilm.config import read_yaml
from plainfilm.text.slips import is_one_slip

_FOLDER = Path(__file__).parent
_ENGLISH, _LANGUAGES = _FOLDER / "english.yaml", _FOLDER / "languages.yaml"
_NO_WORDS = ("english.yaml", "languages.yaml", "chinese.yaml")
_WORD = re.compile(r"[^\W\d_]+")
_PLAIN_WORD = re.compile(r"[a-z]+")
_CLAUSE = re.compile(r"[,;:()]|\bbut\b")
# "Non displaced fracture" is English, "non pneumothorax" is not; "PA chest" is a view.
_HYPHENED = re.compile(
    r"\s*(?:\w+-\w"
    r"|pa (?:and|or|chest|thorax|views?|films?|projections?|radio\w+|images?|x ?rays?|cxr|stud\w+|exam\w*"
    r"|lateral|frontal|erect|upright|supine|portable)\b"
    r"|non (?:specific|acute|focal|tension)\b"
    r"|non \w+(?:ed|ing|ive|ous|ent|ant|ory|ic|iac))"
)
_NON = re.compile(r"\bnon\b")
# Inside a word English has an apostrophe before these letters only; "yo'q" and "l'air" are other languages.
APOSTROPHE = re.compile(r"[^\W\d_]['\u2018\u2019`](?!(?:s|t|re|ve|ll|d|m|clock)\b)[^\W\d_]")
_PLACEHOLDER = re.compile(r"x{2,}")
_ENGLISH_ENDING = re.compile(r"[a-z]{3,}(?:ly|ness|ful|ity|ous|i[sz]ed|i[sz]ing|ology|wards?)")
_ROMANCE_ENDINGS = "aoiu"
_ABBREVIATION = re.compile(r"[^aeiouy]{1,5}|.")
_ENDINGS = ("s", "es", "d", "ed", "ing", "ly", "er", "est", "ness", "al", "ally", "like", "able", "less")
_BEGINNINGS = (
    *(
        "non",
        "un",
        "re",
        "sub",
        "peri",
        "para",
        "post",
        "pre",
        "mid",
        "multi",
        "bi",
        "infra",
        "supra",
        "retro",
    ),
    *(
        "intra",
        "inter",
        "extra",
        "over",
        "under",
        "hypo",
        "hyper",
        "cardio",
        "costo",
        "hemi",
        "micro",
        "tracheo",
    ),
)
_SHORTEST_SLIP, _SHORTEST_STEM = 6, 4
_SHORT_SENTENCE = 6
_ODD_IN_LONG = 0.25
_ODD_IN_ENGLISH = 0.5
_ODD_IN_CLAUSE = 0.5
_LEAST_RULE_WORD = 4
_REMEMBERED = 100_000


class _Kind(Enum):
    SURE = "a little word of English"
    KNOWN = "English, and perhaps of other languages"
    ODD = "no word that is known"
    FOREIGN = "of another language"
    ACCENTED = "not written in plain letters"
    DENIAL = "what another language denies with"


class _Words(NamedTuple):
    """The lists of words."""

    sure: frozenset[str]
    known: frozenset[str]
    foreign: frozenset[str]
    denials: frozenset[str]
    before_finding: frozenset[str]
    not_traditional: frozenset[str]
    by_ends: Mapping[tuple[str, str], Sequence[str]]


class Language:
    """Tells English from other languages; the words of the rules `phrases` are English as well."""

    def __init__(self, phrases: Iterable[str] = ()) -> None:
        self._words = _load_words()
        self._rule_words = frozenset(word for phrase in phrases for word in words_of_rules(phrase))
        self._kinds: dict[str, _Kind] = {}

    def is_english(self, text: str) -> bool:
        """Whether the sentence `text`, in small letters, is English as a whole.

        >>> [Language().is_english(text) for text in ("no pneumothorax", "pas de pneumothorax")]
        [True, False]
        """
        if not text.isascii() and any(map(_is_other_script, text)):
            return False
        kinds = self._kinds_of(text)
        if _Kind.DENIAL in kinds or (_Kind.SURE not in kinds and self._may_deny(text, 0)):
            return False
        if any(not _HYPHENED.match(text, found.start()) for found in _NON.finditer(text)):
            return False
        return _is_mostly_english(kinds)

    def is_plain(self, word: str) -> bool:
        """Whether a word, in small ASCII letters, is English wherever it stands."""
        if len(word) == 1 or not word.isalpha() or _PLACEHOLDER.fullmatch(word):
            return True
        return word not in self._words.before_finding and self._kind(word) in (_Kind.SURE, _Kind.KNOWN)

    def are_in_english(self, text: str, findings: Iterable[tuple[int, int]]) -> bool:
        """Whether each clause with one of `findings`, places in an English sentence, is English by itself."""
        return all(self._is_in_english(text, place) for place in dict.fromkeys(findings))

    def _is_in_english(self, text: str, finding: tuple[int, int]) -> bool:
        """Whether the clause of a finding is written in English."""
        start, end = finding
        breaks = [0, *(match.end() for match in _CLAUSE.finditer(text, 0, start))]
        after = _CLAUSE.search(text, end)
        kinds = self._kinds_of(text[breaks[-1] : after.start() if after else len(text)])
        if _Kind.SURE in kinds:
            return True
        if _Kind.FOREIGN in kinds or self._may_deny(text, breaks[-1]):
            return False
        return _oddness(kinds) < _ODD_IN_CLAUSE * max(len(kinds), 1)

    def _may_deny(self, text: str, place: int) -> bool:
        """Whether other languages deny with the word at a place of `text`, such as "non" or "be"."""
        word = _WORD.search(text, place)
        found = word is not None and word.group() in self._words.before_finding
        return found and not _HYPHENED.match(text, place)

    def _kinds_of(self, text: str) -> list[_Kind]:
        found = _PLAIN_WORD.findall(text) if text.isascii() else _WORD.findall(text.lower())
        kinds = [self._kind(word) for word in found if len(word) > 1 and not _PLACEHOLDER.fullmatch(word)]
        return kinds + [_Kind.FOREIGN for _ in APOSTROPHE.finditer(text)]

    def _kind(self, word: str) -> _Kind:
        kind = self._kinds.get(word)
        if kind is None:
            kind = self._looked_up(word)
            if len(self._kinds) < _REMEMBERED:
                self._kinds[word] = kind
        return kind

    def _looked_up(self, word: str) -> _Kind:
        plain, lists = _without_accents(word), self._words
        if plain in lists.denials:
            return _Kind.DENIAL
        if not word.isascii():
            return _Kind.ACCENTED
        if plain in lists.foreign:
            return _Kind.FOREIGN
        if plain in lists.sure:
            return _Kind.SURE
        if self._is_known(plain) or _is_like_english(plain) or self._is_slip(plain):
            return _Kind.KNOWN
        return _Kind.ODD

    def _is_known(self, word: str) -> bool:
        return any(
            one in self._words.known or one in self._rule_words
            for begun in (word, *_without_beginnings(word))
            for one in (begun, *_without_endings(begun))
        )

    def _is_slip(self, word: str) -> bool:
        if len(word) < _SHORTEST_SLIP - 1 or word[-1] in _ROMANCE_ENDINGS:
            return False
        near = self._words.by_ends.get((word[0], word[-1]), ())
        return any(is_one_slip(word, one) for one in near)


def _is_like_english(word: str) -> bool:
    """True for an ending that hardly any other language has, and for abbreviations without a vowel."""
    return _ENGLISH_ENDING.fullmatch(word) is not None or _ABBREVIATION.fullmatch(word) is not None


def _is_mostly_english(kinds: Sequence[_Kind]) -> bool:
    """True where few words are odd: few of a long sentence, none of a short one without a sure word."""
    odd = _oddness(kinds)
    if _Kind.SURE in kinds:
        accented = kinds.count(_Kind.ACCENTED)
        return odd < _ODD_IN_ENGLISH * len(kinds) and accented <= kinds.count(_Kind.SURE)
    return odd == 0 or (len(kinds) > _SHORT_SENTENCE and odd < _ODD_IN_LONG * len(kinds))


def _oddness(kinds: Sequence[_Kind]) -> int:
    """How many words are not English; letters with accents count twice."""
    return sum(kind in (_Kind.ODD, _Kind.FOREIGN) for kind in kinds) + 2 * kinds.count(_Kind.ACCENTED)


def _is_other_script(letter: str) -> bool:
    """True for letters of other scripts than Latin; a single sign such as µ or β is none."""
    if letter.isascii() or not letter.isalpha():
        return unicodedata.category(letter) == "Mn" and not letter.isascii()
    return letter not in "µμαβγδ" and not unicodedata.name(letter, "").startswith(
        ("LATIN", "FULLWIDTH LATIN")
    )


def _without_accents(word: str) -> str:
    if word.isascii():
        return word
    apart = unicodedata.normalize("NFKD", word)
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def _without_endings(word: str) -> Iterable[str]:
    for ending in _ENDINGS:
        stem = word[: -len(ending)]
        if word.endswith(ending) and len(stem) >= _SHORTEST_STEM - 1:
            yield from (stem, stem + "e")
            if len(stem) > _SHORTEST_STEM and stem[-1] == stem[-2]:
                yield stem[:-1]
    for ending in ("ies", "ied"):
        if word.endswith(ending):
            yield word[: -len(ending)] + "y"


def _without_beginnings(word: str) -> Iterable[str]:
    for beginning in _BEGINNINGS:
        if word.startswith(beginning) and len(word) - len(beginning) >= _SHORTEST_STEM:
            yield word[len(beginning) :]


@cache
def _load_words() -> _Words:
    english, languages = read_yaml(_ENGLISH), read_yaml(_LANGUAGES)
    lists = ("known", "medical", "names", "more", "looks")
    known = {word for name in lists for word in english[name].split()}
    known |= {part for word in known for part in word.split("-")}
    known |= set(read_yaml(_FOLDER / "spelling.yaml")["short_forms"])
    for file in _FOLDER.glob("*.yaml"):
        if file.name not in _NO_WORDS:
            known |= words_of_rules(file.read_text(encoding="utf-8"))
    by_ends: dict[tuple[str, str], list[str]] = {}
    for word in sorted(known):
        if len(word) >= _SHORTEST_SLIP:
            by_ends.setdefault((word[0], word[-1]), []).append(word)
    foreign = languages["other"].split() + languages["findings"].split()
    return _Words(
        frozenset(english["sure"].split()),
        frozenset(known),
        frozenset(foreign) - known,
        frozenset(languages["negation"].split()),
        frozenset(languages["before_finding"].split()),
        frozenset("".join(languages["not_traditional"].split())),
        by_ends,
    )


def words_of_rules(rules: str) -> set[str]:
    """The words that rules are written with."""
    return {word for word in _PLAIN_WORD.findall(rules.lower()) if len(word) >= _LEAST_RULE_WORD}


def is_traditional(text: str) -> bool:
    """False where `text` has a character that Traditional Chinese does not have."""
    return not _load_words().not_traditional & set(text)
