"""The small language that vocabularies and context cues are written in, compiled to regular expressions.

A phrase is a regular expression with two additions and one change: a space stands for any run of white
space and hyphens, `<n>` for up to n words of the same clause, and a plain "(" does not capture.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable

from plainfilm.errors import ConfigError

# The words of a phrase are never this far apart: another clause begins here.
_OTHER_CLAUSE = "but|however|although|though|except|with|without|no|nor|there|which|while|whereas|otherwise"
# Where a phrase states normality, neither do doubt, denial or abnormality stand between its words.
_ABNORMAL = (
    "not|may|might|could|possibl[ey]|likely|enlarged|large|increased|prominent|borderline|mild|mildly|moderate|"
    "moderately|severe|severely|marked|markedly|cardiomegaly"
)
_SPACE = r"(?:[\s-]+)"
_PUNCTUATION = (",", ";", ":", r"\?", r"\(")
# Signs that mean the same as one of ASCII: typographic quotes and dashes, and the wide letters of Chinese
# text. The wide comma stays: it may end a statement.
_WIDE = {0xFF01 + place: chr(0x21 + place).lower() for place in range(94) if 0x21 + place != ord(",")}
_SIGNS = {
    "\u2018": "'",
    "\u2019": "'",
    "\u02bc": "'",
    "\u201c": '"',
    "\u201d": '"',
    "\xa0": " ",
    "\u3000": " ",
}
_DASHES = dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-")
_ASCII_LOWER = (
    str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
    | str.maketrans({**_SIGNS, **_DASHES})
    | _WIDE
)
_GAP = re.compile(r" ?<(\d+)> ?")
_ESCAPE_OR_CAPITAL = re.compile(r"\\.|[A-Z]", re.DOTALL)
_PLAIN_GROUP = re.compile(r"(?<!\\)\((?!\?)")


def expand(phrase: str, *, strict: bool = False) -> str:
    """`phrase` as the source of a regular expression without capturing groups.

    With `strict`, gaps do not cross words of doubt, denial or abnormality.

    >>> bool(re.fullmatch(expand("heart <2> enlarged"), "heart is mildly enlarged"))
    True
    """
    forbidden = f"{_OTHER_CLAUSE}|{_ABNORMAL}" if strict else _OTHER_CLAUSE
    gap_word = rf"(?!(?:{forbidden})\b)[\w%'/.]*[\w%']"
    small = _ESCAPE_OR_CAPITAL.sub(
        lambda match: match[0] if match[0][0] == "\\" else match[0].lower(), phrase
    )
    pieces = _GAP.split(small.strip())
    words = [_PLAIN_GROUP.sub("(?:", piece).replace(" ", _SPACE) for piece in pieces[::2]]
    gaps = [rf"(?:[\s,/:|-]+{gap_word}){{0,{count}}}?[\s,/:|-]+" for count in pieces[1::2]]
    return "".join(word + gap for word, gap in zip(words, [*gaps, ""], strict=True))


def compile_phrases(
    phrases: Iterable[str], where: str, *, strict: bool = False, anywhere: bool = False
) -> re.Pattern[str]:
    """One pattern that finds any of `phrases` as whole words in text made `lower`; `strict` as in `expand`.

    With `anywhere`, a match may begin inside a word, which the caller must look after: regular expressions
    that begin with letters are found in half the time.

    Raises:
        ConfigError: a phrase is not a regular expression; `where` names the file and part.
    """
    sources = [_checked(phrase, expand(phrase, strict=strict), where) for phrase in phrases]
    sources.sort(key=len, reverse=True)
    marks = [source for source in sources if source.startswith(_PUNCTUATION)]
    words = "|".join(source for source in sources if source not in marks)
    # Punctuation may follow a word at once, and a word a "?".
    word_begins = "" if anywhere else "(?<![a-z0-9])"
    if words or not marks:
        marks.append(rf"{word_begins}(?:{words or '(?!)'})")
    either = "|".join(marks)
    return re.compile(rf"(?:{either})(?:(?![a-z0-9])|(?<=[?)]))")


def _checked(phrase: str, source: str, where: str) -> str:
    try:
        matches_nothing = re.fullmatch(source, "") is not None
    except re.error as error:
        raise ConfigError(f"{where}: phrase '{phrase}' cannot be read ({error.msg})") from None
    if matches_nothing:
        raise ConfigError(
            f"{where}: phrase '{phrase}' would match everywhere; give it a word that must occur"
        )
    return source


def lower(text: str) -> str:
    """`text` in small letters and signs of ASCII, character for character, as patterns see it."""
    return text.lower() if text.isascii() else text.translate(_ASCII_LOWER)
