"""The words of a text, as ROUGE-L, METEOR, CIDEr and the counts of words and repetitions take them.

Lower case, runs of letters and digits; punctuation is no word. For English this is the tokenizer of
rouge-score, which knows no other letters; here words may be of any script, and Chinese characters are words
of their own.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

Words = Sequence[str]
Ngram = tuple[str, ...]

TOKENISATION = "words-1"
"""The name of this tokenisation; another number if the rule changes."""

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_HAN}]|(?:(?![{_HAN}])[^\W_])+")


def words(text: str) -> list[str]:
    """The words of `text`.

    >>> words("No acute process; 2.5 cm nodule_A."), words("左側 PICC")
    (['no', 'acute', 'process', '2', '5', 'cm', 'nodule', 'a'], ['左', '側', 'picc'])
    """
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def ngrams(tokens: Words, size: int) -> Counter[Ngram]:
    """How often each run of `size` words occurs.

    >>> ngrams(["a", "b", "a", "b"], 2)
    Counter({('a', 'b'): 2, ('b', 'a'): 1})
    """
    return Counter(zip(*(tokens[place:] for place in range(size)), strict=False))


def stem(word: str) -> str:
    """The stem of an English word by Porter's algorithm (Porter 1980), with NLTK's extensions."""
    return _porter()(word)


@lru_cache(1)
def _porter():  # type: ignore[no-untyped-def]
    from nltk.stem.porter import PorterStemmer

    return lru_cache(65_536)(PorterStemmer().stem)
