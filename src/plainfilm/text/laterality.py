"""Swaps left and right in text, for mirrored films.

Only whole words are swapped ("bright" stays), in their letter case, and the Chinese characters. Parts of a
name count as words if no letter adjoins them ("left_lung", "right-sided").
"""

from __future__ import annotations

import re

_OPPOSITE = {"left": "right", "right": "left", "左": "右", "右": "左"}
_SIDE = re.compile(r"(?<![^\W\d_])(?:left|right)(?![^\W\d_])|[左右]", re.IGNORECASE)


def mirrored(text: str) -> str:
    """`text` with left and right swapped.

    >>> mirrored("Left effusion, bright right apex"), mirrored("RIGHT_LUNG"), mirrored("左側")
    ('Right effusion, bright left apex', 'LEFT_LUNG', '右側')
    """
    return _SIDE.sub(_exchange, text)


def _exchange(match: re.Match[str]) -> str:
    word = match.group()
    other = _OPPOSITE[word.lower()]
    if word.isupper():
        return other.upper()
    return other.capitalize() if word[0].isupper() else other


def sides_of(text: str) -> frozenset[str]:
    """The sides that `text` names.

    >>> sorted(sides_of("Left effusion, bright right apex")), sides_of("brightest")
    (['left', 'right'], frozenset())
    """
    named = (match.group().lower() for match in _SIDE.finditer(text))
    return frozenset({"左": "left", "右": "right"}.get(word, word) for word in named)
