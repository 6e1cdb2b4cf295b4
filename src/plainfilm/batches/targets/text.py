"""One text of every item: of its report, or made of its labels."""

from __future__ import annotations

from plainfilm.batches.targets.base import TargetSource
from plainfilm.batches.texts import TextReader, TextTarget, example_texts

REQUIRES, TOKENIZER = "text", "text"


def open_target(source: TargetSource) -> TextReader:
    """A reader of one text an item."""
    return TextReader(source, 1, source.tokenizers[TOKENIZER])


def example(items: int, source: TargetSource) -> TextTarget:
    """Texts of a few tokens."""
    return example_texts(items, 1)
