"""Whether a text is one that the labeller can read: English in Latin letters.

The little words of other languages are data (`languages.yaml`); what cannot be read gets no label.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from plainfilm.config import read_yaml

_FILE = Path(__file__).with_name("languages.yaml")


def is_english(words: frozenset[str]) -> bool:
    """False where the different `words` of a text, in small letters, are rather those of another language.

    >>> is_english(frozenset({"no", "pneumothorax"})), is_english(frozenset({"pas", "de", "pneumothorax"}))
    (True, False)
    """
    english, other, negation = _little_words()
    negating, foreign = len(words & negation), len(words & other)
    if negating + foreign > 1 or negating:
        return negating + foreign <= len(words & english)
    return True


@cache
def _little_words() -> tuple[frozenset[str], ...]:
    loaded = read_yaml(_FILE)
    return tuple(frozenset(loaded[name]) for name in ("english", "other", "negation"))
