"""Two texts of every item, as CXR-CLIP wants them (arXiv:2310.13292): two sections, two draws or a
paraphrase."""

from __future__ import annotations

from collections.abc import Iterator

from plainfilm.batches.targets.base import TargetSource
from plainfilm.batches.texts import TextReader, Texts, TextTarget, example_texts

REQUIRES, TOKENIZER = "text", "text"


def open_target(source: TargetSource) -> TextReader:
    """A reader of two texts an item."""
    return TextReader(source, 2, source.tokenizers[TOKENIZER])


def texts(source: TargetSource) -> Iterator[str]:
    """Every sentence of every item, for training a tokenizer."""
    return Texts(source.rows, source.collections, source.config).everything()


def example(items: int, source: TargetSource) -> TextTarget:
    """Texts of a few tokens."""
    return example_texts(items, 2)
