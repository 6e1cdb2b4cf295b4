"""Writing token by token: limits, repeats, beams against a search written out, rows that do not matter."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from plainfilm.nn.decoding import Decoding, Ends, allowed, write

PIECES, START, END = 7, 1, 2
ENDS = Ends(START, END, (0, START))
DEVICE = torch.device("cpu")


class Chain:
    """A writer whose next token depends on the last two tokens of a row and on its text."""

    def __init__(self, texts: int, beams: int = 1, seed: int = 0) -> None:
        tables = [
            torch.randn(PIECES, PIECES, PIECES, generator=torch.Generator().manual_seed(seed + text))
            for text in range(texts)
        ]
        self.tables = torch.stack(tables).mul(2).repeat_interleave(beams, dim=0)
        self.before = torch.zeros(texts * beams, dtype=torch.int64)
        self.last = self.before

    def next_logits(self, token_ids: Tensor) -> Tensor:
        self.before, self.last = self.last, token_ids
        return self.tables[torch.arange(len(token_ids)), self.before, self.last].clone()

    def reorder(self, rows: Tensor) -> None:
        self.before, self.last = self.before[rows], self.last[rows]


def written(texts: int = 3, seed: int = 0, **options: object) -> list[list[int]]:
    decoding = Decoding(**({"max_tokens": 6} | options))
    ids = write(Chain(texts, decoding.beams, seed), texts, ENDS, decoding, DEVICE)
    return [until_end(row) for row in ids.tolist()]


def until_end(row: list[int]) -> list[int]:
    return row[: row.index(END) + 1] if END in row else row


def every_text(seed: int, most: int, penalty: float) -> dict[tuple[int, ...], float]:
    """The score of every text of at most `most` tokens, by enumeration."""
    table = Chain(1, seed=seed).tables[0].clone()
    table[:, :, [0, START]] = -torch.inf
    chances = table.log_softmax(dim=-1)
    found: dict[tuple[int, ...], float] = {}
    going: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
    for step in range(1, most + 1):
        longer = []
        for tokens, total in going:
            before, last = ((0, START), *((0, START, *tokens)[-2:],))[-1]
            for token in range(2, PIECES):
                value = total + float(chances[before, last, token])
                if token == END or step == most:
                    found[*tokens, token] = value / step**penalty
                else:
                    longer.append(((*tokens, token), value))
        going = longer
    return found


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_with_enough_beams_the_best_text_of_all_is_found(seed: int, penalty: float) -> None:
    scores = every_text(seed, 4, penalty)
    best = max(scores, key=lambda text: scores[text])
    found = written(1, seed, use="beam", beams=64, length_penalty=penalty, max_tokens=4)
    assert found == [list(best)]


def test_one_beam_is_greedy() -> None:
    assert written(8, use="beam", beams=1, length_penalty=0.0) == written(8)


@pytest.mark.parametrize("options", [{}, {"use": "beam", "beams": 3}, {"use": "nucleus"}])
def test_a_text_does_not_depend_on_the_others(options: dict[str, object]) -> None:
    alone = [written(1, seed, **options)[0] for seed in range(4)]
    assert written(4, **options) == alone


@pytest.mark.parametrize("options", [{}, {"use": "beam", "beams": 4}, {"use": "nucleus", "top_p": 1.0}])
def test_limits_and_repeats_are_kept(options: dict[str, object]) -> None:
    for row in written(12, min_tokens=5, max_tokens=9, no_repeat=2, repeat_token=False, **options):
        words = row[:-1] if row[-1] == END else row
        pairs = list(pairwise(words))
        assert 5 <= len(row) <= 9
        assert len(set(pairs)) == len(pairs)
        assert all(first != second for first, second in pairs)
        assert not {0, START} & set(row)


def test_sequences_that_would_repeat_are_not_allowed() -> None:
    texts = torch.tensor([[START, 3, 4, 5, 3, 4], [START, 3, 4, 3, 3, 4]])
    left = allowed(torch.zeros(2, PIECES), texts, ENDS, Decoding(no_repeat=3))
    assert left.isinf().nonzero().tolist() == [[0, 0], [0, START], [0, 5], [1, 0], [1, START], [1, 3]]


def test_nucleus_draws_only_probable_tokens_in_proportion() -> None:
    chances = torch.tensor([0.0, 0.0, 0.0, 0.5, 0.3, 0.15, 0.05])

    class Fixed:
        def next_logits(self, token_ids: Tensor) -> Tensor:
            return chances.log().repeat(len(token_ids), 1)

        def reorder(self, rows: Tensor) -> None: ...

    counts = torch.zeros(PIECES)
    for seed in range(40):
        decoding = Decoding(use="nucleus", top_p=0.8, max_tokens=50, seed=seed)
        counts += torch.bincount(write(Fixed(), 1, ENDS, decoding, DEVICE)[0], minlength=PIECES)
    assert counts.nonzero().flatten().tolist() == [3, 4]
    assert float(counts[3] / counts.sum()) == pytest.approx(5 / 8, abs=4 * math.sqrt(0.24 / 2000))


def test_no_texts_are_written_too() -> None:
    for options in ({}, {"use": "beam", "beams": 2}):
        assert write(Chain(1), 0, ENDS, Decoding(**options), DEVICE).shape == (0, 0)


@pytest.mark.parametrize(
    "values", [{"beams": 3}, {"use": "beam", "beams": 0}, {"min_tokens": 7, "max_tokens": 6}, {"top_p": 0.0}]
)
def test_settings_that_contradict_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Decoding(**values)
