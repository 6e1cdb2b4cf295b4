"""What a data set gives of an item, without a tokenizer."""

from __future__ import annotations

from plainfilm.batches.dataset import Dataset, ItemNeeds


class NoTokenizer:
    """Stands where texts are read and never encoded."""

    def encode(self, texts: object) -> None:
        raise AssertionError("these texts are not to be encoded")


def texts_of(data: Dataset, index: int, epoch: int, count: int = 2) -> tuple[str, ...]:
    """The `count` texts of an item."""
    return tuple(_read(data, index, epoch, count)[0])


def label_hash_of(data: Dataset, index: int, epoch: int) -> int:
    """The hash of what the labels say of an item."""
    return _read(data, index, epoch, 2)[1]


def _read(data: Dataset, index: int, epoch: int, count: int) -> tuple[list[str], int]:
    name = {1: "text", 2: "text_pair"}[count]
    readers = data.readers(ItemNeeds(targets=(name,)), {"text": NoTokenizer()})
    found: tuple[list[str], int] = data.item(index, epoch, readers).values[name]
    return found
