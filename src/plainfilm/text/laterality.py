"""Left and right in words, for films that are mirrored.

Whole words change places and nothing else ("bright" stays), in the letter case they have; so do the Chinese
characters. Parts of a name count as words wherever no letter stands beside them ("left_lung", "right-sided").
"""

from __future__ import annotations

import re

_OPPOSITE = {"left": "right", "right": "left", "左": "右", "右": "左"}
_SIDE = re.compile(r"(?<![^\W\d_])(?:left|right)(?![^\W\d_])|[左右]", re.IGNORECASE)


def mirrored(text: str) -> str:
    """`text` with left and right in each other's place.

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
