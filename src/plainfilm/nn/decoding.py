"""Writes texts token by token with any decoder: greedily, by beam search, or from the most probable tokens.

A decoder is a `Writer`: it takes the last token of every row and gives the logits of the next, and keeps what
it computed before (keys and values). An answer never depends on the other rows of a batch: beams are searched
row by row, and random numbers of "nucleus" (Holtzman et al. 2020, arXiv:1904.09751) are the same for every
row.

Axes: B texts, K beams of each, R = B K rows, V pieces of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from pydantic import Field, model_validator
from torch import Tensor

from plainfilm.config import Settings


class Decoding(Settings):
    """How a text is written.

    use: "greedy" takes the most probable token; "beam" keeps the `beams` most probable texts so far;
    "nucleus" draws from the most probable tokens that together have probability `top_p`, after division of
    the logits by `temperature`, with `seed`. Probabilities of texts are compared per token to the power of
    `length_penalty`. no_repeat: a sequence of so many tokens is written once; 0 allows all. repeat_token:
    whether a token may follow itself. min_tokens and max_tokens: limits of the length, with the end token.
    """

    use: Literal["greedy", "beam", "nucleus"] = "greedy"
    beams: int = Field(default=1, ge=1, le=64)
    length_penalty: float = Field(default=1.0, ge=0, le=5)
    top_p: float = Field(default=0.9, gt=0, le=1)
    temperature: float = Field(default=1.0, gt=0)
    seed: int = 0
    no_repeat: int = Field(default=0, ge=0)
    repeat_token: bool = True
    min_tokens: int = Field(default=0, ge=0)
    max_tokens: int = Field(default=100, ge=1)

    @model_validator(mode="after")
    def _fits(self) -> Decoding:
        if self.use != "beam" and self.beams != 1:
            raise ValueError(f"beams is {self.beams}, but use is '{self.use}': set use to beam")
        if self.min_tokens > self.max_tokens:
            raise ValueError(f"min_tokens is {self.min_tokens}, above max_tokens {self.max_tokens}")
        return self


class Writer(Protocol):
    """A decoder in the middle of R texts."""

    def next_logits(self, token_ids: Tensor) -> Tensor:
        """Logits (R, V) of the token after `token_ids` (R,), the last token of every row."""
        ...

    def reorder(self, rows: Tensor) -> None:
        """Continue with the texts `rows` (R,) of the present ones; they stay within the same text's beams."""
        ...


@dataclass(frozen=True)
class Ends:
    """The special tokens: texts start with `start` and end with `end`; `banned` are never written."""

    start: int
    end: int
    banned: tuple[int, ...] = ()


def write(writer: Writer, texts: int, ends: Ends, decoding: Decoding, device: torch.device) -> Tensor:
    """Token ids (B, L) of B `texts`, without the start token; after the end token of a row, more end tokens.

    `writer` has `decoding.beams` rows for each text, those of the first text first.
    """
    if not texts:
        return torch.zeros(0, 0, dtype=torch.int64, device=device)
    if decoding.use == "beam":
        return _beam(writer, texts, ends, decoding, device)
    choose = _nucleus(decoding) if decoding.use == "nucleus" else _most_probable
    written = torch.full((texts, 1), ends.start, dtype=torch.int64, device=device)
    done = torch.zeros(texts, dtype=torch.bool, device=device)
    for _ in range(decoding.max_tokens):
        logits = allowed(writer.next_logits(written[:, -1]), written, ends, decoding)
        token = torch.where(done, ends.end, choose(logits))
        written = torch.cat([written, token[:, None]], dim=1)
        done |= token == ends.end
        if bool(done.all()):
            break
    return written[:, 1:]


def allowed(logits: Tensor, written: Tensor, ends: Ends, decoding: Decoding) -> Tensor:
    """`logits` (R, V), float32, with minus infinity for tokens that must not follow `written` (R, T), the
    start token and what was written after it."""
    logits = logits.float()
    logits[:, list(ends.banned)] = -torch.inf
    length = written.shape[1] - 1
    if length + 1 < decoding.min_tokens:
        logits[:, ends.end] = -torch.inf
    if not decoding.repeat_token and length:
        logits.scatter_(1, written[:, -1:], -torch.inf)
    size = decoding.no_repeat
    if size and length >= size:
        windows = written[:, 1:].unfold(1, size, 1)
        suffix = written[:, written.shape[1] - size + 1 :]
        repeats = (windows[..., :-1] == suffix[:, None]).all(dim=-1) & (windows[..., -1] != ends.end)
        rows, places = repeats.nonzero(as_tuple=True)
        logits[rows, windows[rows, places, -1]] = -torch.inf
    return logits


def _most_probable(logits: Tensor) -> Tensor:
    return logits.argmax(dim=1)


def _nucleus(decoding: Decoding) -> Callable[[Tensor], Tensor]:
    draws = torch.Generator().manual_seed(decoding.seed)

    def choose(logits: Tensor) -> Tensor:
        chances = (logits / decoding.temperature).softmax(dim=1)
        ordered, places = chances.sort(dim=1, descending=True, stable=True)
        before = ordered.cumsum(dim=1) - ordered
        ordered = ordered * (before < decoding.top_p)
        sums = ordered.cumsum(dim=1)
        at = torch.rand((), generator=draws, dtype=torch.float64).item() * sums[:, -1:]
        last = (ordered > 0).sum(dim=1, keepdim=True) - 1
        chosen = (sums <= at).sum(dim=1, keepdim=True).minimum(last)
        return places.gather(1, chosen).squeeze(1)

    return choose


def _beam(writer: Writer, texts: int, ends: Ends, decoding: Decoding, device: torch.device) -> Tensor:
    beams = decoding.beams
    written = torch.full((texts * beams, 1), ends.start, dtype=torch.int64, device=device)
    scores = torch.full((texts, beams), -torch.inf, device=device)
    scores[:, 0] = 0.0
    searches = [_Search(text * beams, ends.end, decoding) for text in range(texts)]
    for step in range(1, decoding.max_tokens + 1):
        logits = allowed(writer.next_logits(written[:, -1]), written, ends, decoding)
        sums = scores[:, :, None] + logits.log_softmax(dim=1).view(texts, beams, -1)
        best, places = sums.flatten(1).topk(min(2 * beams, sums[0].numel()), dim=1)
        rows = places // sums.shape[2] + torch.arange(texts, device=device)[:, None] * beams
        candidates = torch.stack([rows, places % sums.shape[2]], dim=2).tolist()
        prefixes = written[:, 1:].tolist()
        kept = []
        for search, values, pairs in zip(searches, best.tolist(), candidates, strict=True):
            kept += search.advance(values, pairs, prefixes, step)
        if all(search.done for search in searches):
            break
        chosen, tokens, values = (torch.tensor(column, device=device) for column in zip(*kept, strict=True))
        writer.reorder(chosen)
        written = torch.cat([written[chosen], tokens[:, None]], dim=1)
        scores = values.view(texts, beams)
    found = [search.best() for search in searches]
    longest = max((len(one) for one in found), default=0)
    filled = [one + [ends.end] * (longest - len(one)) for one in found]
    return torch.tensor(filled, dtype=torch.int64, device=device).view(texts, longest)


class _Search:
    """The beam search of one text, whose beams are the rows from `first_row` on."""

    def __init__(self, first_row: int, end: int, decoding: Decoding) -> None:
        self.done = False
        self._first_row = first_row
        self._end = end
        self._decoding = decoding
        self._finished: list[tuple[float, list[int]]] = []

    def best(self) -> list[int]:
        """The tokens of the best finished text; the first found of equals."""
        return max(self._finished, key=lambda one: one[0])[1]

    def advance(
        self, values: list[float], pairs: list[list[int]], prefixes: list[list[int]], step: int
    ) -> list[tuple[int, int, float]]:
        """The (row, token, value) of every beam after `step` tokens, from candidates in order of their sums
        of log probabilities, `values`, with the row and token of each."""
        beams, last = self._decoding.beams, step == self._decoding.max_tokens
        going: list[tuple[int, int, float]] = []
        for rank, (value, (row, token)) in enumerate(zip(values, pairs, strict=True)):
            if self.done or value == -torch.inf:
                break
            if last or (token == self._end and rank < beams):
                score = value / step**self._decoding.length_penalty
                self._finished.append((score, [*prefixes[row], token]))
            elif token != self._end and len(going) < beams:
                going.append((row, token, value))
        self.done = self.done or last or self._cannot_improve(going)
        if self.done:
            going = []
        return going + [(self._first_row, self._end, -torch.inf)] * (beams - len(going))

    def _cannot_improve(self, going: list[tuple[int, int, float]]) -> bool:
        """Whether as many texts as beams are finished and no other can still be better than all of them: its
        score is at most its present sum divided by the greatest length."""
        if not going:
            return True
        if len(self._finished) < self._decoding.beams:
            return False
        longest = self._decoding.max_tokens**self._decoding.length_penalty
        best = max(score for score, _ in self._finished)
        return all(value / longest <= best for _, _, value in going)
