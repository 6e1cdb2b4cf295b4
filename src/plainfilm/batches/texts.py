"""The texts of an item: from its report, or from its labels if it has no report.

Both give strings for the tokenizer. Drawn texts depend on the given random generator; fixed texts, for
validation, depend on the item only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from torch import Tensor

from plainfilm.batches.batch import RowWise
from plainfilm.batches.data_config import DataConfig
from plainfilm.batches.rows import Rows
from plainfilm.batches.targets.base import Encodes, ItemFilms, TargetSource
from plainfilm.collection import Collection
from plainfilm.errors import DataError
from plainfilm.metrics.findings import NOT_MENTIONED
from plainfilm.prompts import PromptPack, load_pack
from plainfilm.prompts.paraphrase import paraphrase
from plainfilm.seeding import generator, stable_hash
from plainfilm.text.laterality import mirrored
from plainfilm.text.rules import normalise
from plainfilm.types import State

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class TextTarget(RowWise):
    """T texts of every item.

    token_ids: (B, T, L) int64. token_mask: (B, T, L) bool, False on padding. keys: (B, T) int64, hashes of
    the texts with case and white space folded. label_hash: (B,) int64, see `Texts.label_hash`.
    """

    token_ids: Tensor
    token_mask: Tensor
    keys: Tensor
    label_hash: Tensor


class TextReader:
    """Reads `count` texts of every item and tokenizes them."""

    def __init__(self, source: TargetSource, count: int, tokenizer: Encodes) -> None:
        self._texts = Texts(source.rows, source.collections, source.config)
        self._count = count
        self._tokenizer = tokenizer

    def read(self, item: int, rng: np.random.Generator | None) -> tuple[list[str], int]:
        """The texts of an item, and the hash of its labels."""
        texts = self._texts
        drawn = texts.fixed(item, self._count) if rng is None else texts.drawn(item, self._count, rng)
        return drawn, texts.label_hash(item)

    def move(self, value: tuple[list[str], int], films: ItemFilms) -> tuple[list[str], int]:
        """Swap the words left and right on mirrored images."""
        texts, label_hash = value
        return ([mirrored(text) for text in texts] if films.mirrored else texts), label_hash

    def collate(self, values: Sequence[tuple[list[str], int]]) -> TextTarget:
        """The texts of B items, padded to the longest."""
        texts = [text for one, _ in values for text in one]
        ids, mask = self._tokenizer.encode(texts)
        shape = (len(values), self._count)
        keys = [stable_hash(normalise(text)) for text in texts]
        return TextTarget(
            present=torch.tensor([any(one) for one, _ in values], dtype=torch.bool),
            token_ids=torch.from_numpy(ids).reshape(*shape, ids.shape[1]),
            token_mask=torch.from_numpy(mask).reshape(*shape, ids.shape[1]),
            keys=torch.tensor(keys, dtype=torch.int64).reshape(shape),
            label_hash=torch.tensor([number for _, number in values], dtype=torch.int64),
        )


def example_texts(items: int, count: int, tokens: int = 8) -> TextTarget:
    """Made-up texts with different wording."""
    numbers = torch.arange(items)
    shape = (items, count, tokens)
    return TextTarget(
        present=torch.ones(items, dtype=torch.bool),
        token_ids=torch.zeros(shape, dtype=torch.int64),
        token_mask=torch.ones(shape, dtype=torch.bool),
        keys=numbers[:, None].expand(-1, count),
        label_hash=numbers,
    )


class Texts:
    """The texts of the items of `rows`, as configured by `config`."""

    def __init__(self, rows: Rows, collections: Sequence[Collection], config: DataConfig) -> None:
        self._rows = rows
        self._config = config
        self._sentences = [c.table("sentences")["text"].combine_chunks() for c in collections]
        self._sections = [c.table("sentences")["section"].combine_chunks() for c in collections]
        self._prompts = LabelTexts(rows, load_pack(config.prompts), config) if config.prompts else None
        self._variants = _variants(collections) if "table" in config.paraphrase_by else ()

    def drawn(self, index: int, count: int, rng: np.random.Generator) -> list[str]:
        """`count` texts of item `index`, drawn anew."""
        if self._is_made(index):
            return self._of_labels(index, [rng] * count)
        parts = self._parts(index)
        order = rng.permutation(len(parts)) if len(parts) > 1 else np.arange(1)
        chosen = [parts[place] for place in np.resize(order, count)]
        return [self._drawn(index, rows, rng, number >= len(parts)) for number, rows in enumerate(chosen)]

    def fixed(self, index: int, count: int) -> list[str]:
        """`count` texts of item `index`, the same every time."""
        draws = [generator("fixed text", self._rows.ids[index], number) for number in range(count)]
        if self._is_made(index):
            return self._of_labels(index, draws)
        parts = self._parts(index)
        chosen = [parts[place][: self._config.sentences] for place in np.resize(np.arange(len(parts)), count)]
        again = [number >= len(parts) and self._config.paraphrase > 0 for number in range(count)]
        return [self._joined(index, *options) for options in zip(chosen, draws, again, strict=True)]

    def label_hash(self, index: int) -> int:
        """A hash of the labels of item `index` if its text is made from them; otherwise of the item."""
        if self._prompts is not None and self._is_made(index):
            return self._prompts.label_hash(index)
        return stable_hash("item", int(self._rows.source[index]), self._rows.ids[index])

    def everything(self) -> Iterator[str]:
        """Every sentence of every item, with its paraphrases, for training a tokenizer; each prompt once."""
        for index in range(len(self._rows)):
            source = int(self._rows.source[index])
            for row in self._rows.sentences_of(index):
                yield self._sentences[source][int(row)].as_py()
                yield from self._variants[source].of(int(row)) if self._variants else ()
        if self._prompts is not None:
            yield from self._prompts.everything()

    def _of_labels(self, index: int, draws: Sequence[np.random.Generator]) -> list[str]:
        """Texts made from labels; empty for an item kept for another target, without text and labels."""
        if self._prompts is None:
            return [""] * len(draws)
        return [self._prompts.text(index, rng) for rng in draws]

    def _is_made(self, index: int) -> bool:
        return not len(self._rows.sentences_of(index))

    def _parts(self, index: int) -> list[Ints]:
        """The rows of sentences that a text is drawn from: all, or those of each section."""
        rows = self._rows.sentences_of(index)
        if self._config.text_pairs == "whole":
            return [rows]
        column = self._sections[int(self._rows.source[index])]
        names = np.array([column[int(row)].as_py() for row in rows])
        return [rows[names == name] for name in dict.fromkeys(names.tolist())]

    def _drawn(self, index: int, rows: Ints, rng: np.random.Generator, again: bool) -> str:
        if self._config.sentences is not None or self._config.shuffle:
            rows = rng.permutation(rows)[: self._config.sentences]
        share = self._config.paraphrase
        return self._joined(index, rows, rng, share > 0 and (again or rng.random() < share))

    def _joined(self, index: int, rows: Ints, rng: np.random.Generator, in_other_words: bool) -> str:
        source = int(self._rows.source[index])
        if in_other_words:
            return " ".join(self._in_other_words(source, int(row), rng) for row in rows)
        return " ".join(self._sentences[source][int(row)].as_py() for row in rows)

    def _in_other_words(self, source: int, row: int, rng: np.random.Generator) -> str:
        """A paraphrase of a sentence by the first of `paraphrase_by` that has one; otherwise the sentence."""
        text = str(self._sentences[source][row].as_py())
        for way in self._config.paraphrase_by:
            if way == "rules":
                paraphrased = paraphrase(text, rng)
            else:
                variants = self._variants[source].of(row)
                paraphrased = variants[int(rng.integers(len(variants)))] if variants else text
            if paraphrased != text:
                return paraphrased
        return text


class Variants:
    """The table `text_variants` of a collection, by rows of its table of sentences; it may be missing."""

    def __init__(self, collection: Collection) -> None:
        self._rows, self._texts = np.zeros(0, dtype=np.int64), None
        if collection.has_table("text_variants"):
            table = collection.table("text_variants")
            sentences = collection.table("sentences")["sentence_id"].combine_chunks()
            places = pc.index_in(table["sentence_id"].combine_chunks(), value_set=sentences)
            rows = places.to_numpy(zero_copy_only=False).astype(np.int64)
            order = np.argsort(rows, kind="stable")
            self._rows, self._texts = rows[order], table["text"].combine_chunks().take(order)

    def __len__(self) -> int:
        return len(self._rows)

    def of(self, row: int) -> list[str]:
        """All paraphrases of the sentence of that row in the table."""
        start, stop = np.searchsorted(self._rows, [row, row + 1])
        return self._texts.slice(start, stop - start).to_pylist() if self._texts is not None else []


def _variants(collections: Sequence[Collection]) -> tuple[Variants, ...]:
    variants = tuple(Variants(collection) for collection in collections)
    if not any(variants):
        raise DataError(
            f"{', '.join(str(collection.path) for collection in collections)}: no table text_variants for "
            "data.paraphrase_by=[table]; make it with `plainfilm augment`, or use [rules]"
        )
    return variants


class LabelTexts:
    """Sentences of a prompt pack for the states of an item."""

    def __init__(self, rows: Rows, pack: PromptPack, config: DataConfig) -> None:
        self._rows = rows
        self._pack = pack
        self._config = config

    def text(self, index: int, rng: np.random.Generator) -> str:
        """A sentence for each state of item `index` to be stated, or the configured number of them."""
        stated, missing = states_of(self._rows, index)
        wanted = self._config.negatives
        if self._config.not_mentioned == "absent":
            denied = [*(name for name, state in stated.items() if state == State.NEGATIVE), *missing]
            affirmed = {name: state for name, state in stated.items() if state != State.NEGATIVE}
            count = len(denied) if wanted is None else wanted
            return self._pack.report(affirmed, rng, count, denied, self._config.sentences)
        if not missing and wanted is not None:
            stated = self._fewer(stated, wanted, rng)
        return self._pack.report(stated, rng, sentences=self._config.sentences)

    def label_hash(self, index: int) -> int:
        """A hash of the states of item `index`: equal if only wording and drawn denials can differ."""
        stated, missing = states_of(self._rows, index)
        if self._config.not_mentioned == "absent":
            stated |= dict.fromkeys(missing, State.NEGATIVE)
        named = {(self._pack.observation(name), int(state)) for name, state in stated.items()}
        return stable_hash("labels", *sorted(named))

    def everything(self) -> Iterator[str]:
        """Every sentence about every observation with a state in any item."""
        for column, name in enumerate(self._rows.observations):
            if np.isin(self._rows.states[:, column], list(State)).any():
                for state in State:
                    yield from self._pack.sentences(name, state)

    def _fewer(self, stated: Mapping[str, State], wanted: int, rng: np.random.Generator) -> dict[str, State]:
        """`stated` with at most `wanted` negative states; at least one if there are no others."""
        covered = {name: state for name, state in stated.items() if self._pack.sentences(name, state)}
        kept = {name: state for name, state in covered.items() if state != State.NEGATIVE}
        denied = [name for name in covered if name not in kept]
        drawn = rng.permutation(len(denied))[: wanted if kept else max(1, wanted)]
        return kept | {denied[place]: State.NEGATIVE for place in drawn}


def states_of(rows: Rows, index: int) -> tuple[dict[str, State], list[str]]:
    """The states of item `index`, and the observations mentioned for other items but not for this one."""
    codes = dict(zip(rows.observations, rows.states[index].tolist(), strict=True))
    stated = {name: State(code) for name, code in codes.items() if code > NOT_MENTIONED}
    return stated, [name for name, code in codes.items() if code == NOT_MENTIONED]
