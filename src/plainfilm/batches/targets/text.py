"""One text of every item: of its report, or made of its labels."""

from __future__ import annotations

from collections.abc import Iterator

from plainfilm.batches.targets.base import TargetSource
from plainfilm.batches.texts import TextReader, Texts, TextTarget, example_texts

REQUIRES, TOKENIZER = "text", "text"


def open_target(source: TargetSource) -> TextReader:
    """A reader of one text an item."""
    return TextReader(source, 1, source.tokenizers[TOKENIZER])


def texts(source: TargetSource) -> Iterator[str]:
    """Every sentence of every item, for training a tokenizer."""
    return Texts(source.rows, source.collections, source.config).everything()


def example(items: int, source: TargetSource) -> TextTarget:
    """Texts of a few tokens."""
    return example_texts(items, 1)
