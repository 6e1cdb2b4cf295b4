"""A small grammar: sentence patterns with slots, expanded in a fixed order.

`{name}` in a pattern stands for each entry of the list of words of that name in turn; an entry may have slots
itself. A slot that occurs twice in a pattern is filled with the same words both times.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from plainfilm.errors import ConfigError, nearest

LIMIT = 5_000
"""Largest number of sentences per pattern."""

_SLOT = re.compile(r"\{(\w+)\}")

Words = Mapping[str, Sequence[str]]


def expand(pattern: str, words: Words) -> tuple[str, ...]:
    """Every sentence of a pattern, in the order of the words, with single spaces and a capital letter.

    >>> expand("{size} effusion.", {"size": ["", "small"]})
    ('Effusion.', 'Small effusion.')

    Raises:
        ConfigError: a slot without words, words that contain themselves, a bracket outside a slot, or more
            than `LIMIT` sentences.
    """
    return tuple(dict.fromkeys(_sentence(text) for text in _filled(pattern, words, ())))


def _filled(pattern: str, words: Words, inside: tuple[str, ...]) -> list[str]:
    """`pattern` with its slots filled; `inside` holds the enclosing slots."""
    results = [pattern]
    for name in dict.fromkeys(_SLOT.findall(pattern)):
        if name in inside:
            raise ConfigError(f"the words of '{name}' contain {{{name}}} again")
        if name not in words:
            raise ConfigError(f"no words for {{{name}}}: {nearest(name, words)}")
        choices = [text for entry in words[name] for text in _filled(entry, words, (*inside, name))]
        if len(results) * len(choices) > LIMIT:
            raise ConfigError(f"'{pattern}' expands to more than {LIMIT} sentences")
        results = [text.replace(f"{{{name}}}", choice) for text in results for choice in choices]
    for text in results:
        if "{" in text or "}" in text:
            raise ConfigError(f"'{text}' has a bracket that belongs to no slot such as {{finding}}")
    return results


def _sentence(text: str) -> str:
    squeezed = re.sub(r"\s+([.,;])", r"\1", " ".join(text.split()))
    return squeezed[:1].upper() + squeezed[1:]
