"""What the report says of every finding, to be written when the finding is asked for.

A report is written from what is found for the names of findings, whether or not they are there; the labels
of sentences (`plainfilm label`) say which sentence states which finding. Of several sentences that state one,
the first that affirms it is read. A finding that the report does not mention is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from plainfilm.batches.padded_texts import texts_of, written_texts
from plainfilm.batches.prompted_boxes import prompt_of
from plainfilm.batches.report_sentences import everything
from plainfilm.batches.targets.base import Encodes, ItemFilms, RaggedTarget, TargetSource
from plainfilm.collection import Collection
from plainfilm.collection.sentence_labels import sentence_states
from plainfilm.nn.ragged import Ragged
from plainfilm.text.laterality import mirrored
from plainfilm.types import State

REQUIRES, TOKENIZER = "text", ("text", "sentence")
MOST_WRITTEN = 4
"""Findings of an image in training; see `batches.targets.region_descriptions`."""
_STATED = (State.POSITIVE, State.UNCERTAIN, State.NEGATIVE)
"""The states that a sentence gives a finding, in the order in which sentences are chosen."""


@dataclass(frozen=True)
class FindingSentences(RaggedTarget):
    """token_ids, token_mask: (E, L), the finding in words. written_ids, written_mask: (E, L), the sentence
    from its start to its end token. complete: (E,) bool, whether it was short enough to be kept whole."""

    token_ids: Tensor
    token_mask: Tensor
    written_ids: Tensor
    written_mask: Tensor
    complete: Tensor


class FindingSentenceReader:
    """Reads the sentences that state findings."""

    def __init__(self, source: TargetSource) -> None:
        self._rows = source.rows
        self._texts = [one.table("sentences")["text"].combine_chunks() for one in source.collections]
        self._states = [_states_of(one) for one in source.collections]
        self._tokenizers: Mapping[str, Encodes] = source.tokenizers
        self._most = source.most("finding_sentences", MOST_WRITTEN)

    def read(self, item: int, rng: np.random.Generator | None) -> list[tuple[str, str]]:
        """Findings in words, each with its sentence."""
        source, rows = int(self._rows.source[item]), self._rows.sentences_of(item)
        names, states = self._states[source]
        stated = {name: _first(states[rows, column]) for column, name in enumerate(names)}
        found = [(name, rows[place]) for name, place in sorted(stated.items()) if place is not None]
        if rng is not None:
            found = [found[place] for place in sorted(rng.permutation(len(found))[: self._most])]
        return [(name, str(self._texts[source][int(row)].as_py())) for name, row in found]

    def move(self, value: list[tuple[str, str]], films: ItemFilms) -> list[tuple[str, str]]:
        """Swap the words left and right on mirrored images."""
        if not films.mirrored:
            return value
        return [(mirrored(name), mirrored(sentence)) for name, sentence in value]

    def collate(self, values: Sequence[list[tuple[str, str]]]) -> FindingSentences:
        """The findings of B items with their sentences."""
        counts = torch.tensor([len(one) for one in values], dtype=torch.int64)
        flat = [pair for one in values for pair in one]
        read = texts_of(self._tokenizers["text"], [name for name, _ in flat])
        written = written_texts(self._tokenizers["sentence"], [sentence for _, sentence in flat])
        return FindingSentences(counts > 0, Ragged(counts), *read, *written)


def _states_of(collection: Collection) -> tuple[list[str], NDArray[Any]]:
    """Findings in words, and the states (S, C) that each of the S sentences gives them."""
    names, states = sentence_states(collection)
    return [prompt_of(name) for name in names], states


def _first(states: NDArray[Any]) -> int | None:
    """The place of the sentence that is read, of the states (S,) that sentences give one finding."""
    for state in _STATED:
        places = np.flatnonzero(states == state)
        if len(places):
            return int(places[0])
    return None


def open_target(source: TargetSource) -> FindingSentenceReader:
    """A reader of the sentences about the findings of every item."""
    return FindingSentenceReader(source)


def texts(source: TargetSource) -> Iterator[str]:
    """Every sentence of every item, and every finding, for training tokenizers."""
    for collection in source.collections:
        yield from _states_of(collection)[0]
    yield from everything(source)


def example(items: int, source: TargetSource) -> FindingSentences:
    """Two findings with a sentence each."""
    of = Ragged.even(items, 2)
    ids = torch.full((of.entries, 4), 4)
    complete = torch.ones(of.entries, dtype=torch.bool)
    return FindingSentences(torch.ones(items, dtype=torch.bool), of, ids, ids > 0, ids + 1, ids > 0, complete)
