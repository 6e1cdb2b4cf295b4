"""Writing reports: with kept keys and values against reading all tokens again at every step.

    python benchmarks/decoding.py [--rounds 5]

The decoder of `refers-tiny` with random weights writes 60 tokens for 16 studies of three films. Greedily both
ways write the same tokens; beam search of 5 beams is timed with kept keys only. Median seconds of rounds in
turns.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from plainfilm.models.base import Facts, TokenizerFacts, build_model
from plainfilm.models.study_encoder import StudyEncoder, ends_of
from plainfilm.nn.base import StudyFeatures
from plainfilm.nn.decoding import Decoding, write
from plainfilm.nn.ragged import Ragged
from plainfilm.nn.report_decoder import ReportDecoder
from plainfilm.training.recipe import load_recipe

STUDIES, FILMS, TOKENS, BEAMS = 16, 3, 60, 5


class WithoutCache:
    """A writer that reads all tokens so far at every step."""

    def __init__(self, decoder: ReportDecoder, study: StudyFeatures) -> None:
        self._decoder, self._study = decoder, study
        self._ids = torch.zeros(len(study), 0, dtype=torch.int64)

    def next_logits(self, token_ids: Tensor) -> Tensor:
        """Logits of the next token."""
        self._ids = torch.cat([self._ids, token_ids[:, None]], dim=1)
        study = self._study
        hidden = self._decoder(study.memory, study.mask, self._ids, vectors=study.pooled)
        return self._decoder.logits(hidden[:, -1])

    def reorder(self, rows: Tensor) -> None:
        """Continue with other rows."""
        self._ids = self._ids[rows]


def made() -> StudyEncoder:
    """The model of `refers-tiny` with random weights."""
    facts = TokenizerFacts(vocabulary_size=2000, max_tokens=96, start=2, end=3)
    known = Facts(tokenizers={"text": facts, "report": facts})
    torch.manual_seed(0)
    model = build_model(load_recipe("refers-tiny").architecture, known)
    return model.eval()  # type: ignore[return-value]


def seconds(function: Callable[[], Tensor]) -> tuple[float, Tensor]:
    """The time of one call and its value."""
    begin = time.perf_counter()
    value = function()
    return time.perf_counter() - begin, value


@torch.inference_mode()
def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    model = made()
    films = model.film_features(torch.randn(STUDIES * FILMS, 1, 128, 128))
    study = model.study_features(films, Ragged.even(STUDIES, FILMS), torch.zeros(STUDIES * FILMS).long())
    ends, device = ends_of(model.facts, "report"), torch.device("cpu")
    greedy = Decoding(min_tokens=TOKENS, max_tokens=TOKENS)
    beam = greedy.model_copy(update={"use": "beam", "beams": BEAMS})
    decoder = model.report

    def kept(decoding: Decoding) -> Tensor:
        return write(
            decoder.writer(study.memory, study.mask, TOKENS, study.pooled), STUDIES, ends, decoding, device
        )

    ways = {
        "greedy, kept keys": lambda: kept(greedy),
        "greedy, all tokens again": lambda: write(
            WithoutCache(decoder, study), STUDIES, ends, greedy, device
        ),
        f"beam {BEAMS}, kept keys": lambda: kept(beam),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        found = {}
        for name, function in ways.items():
            taken, found[name] = seconds(function)
            times[name].append(taken)
        assert torch.equal(found["greedy, kept keys"], found["greedy, all tokens again"])
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, value in medians.items():
        print(f"{name:26} {value:.3f} s")
    ratio = medians["greedy, all tokens again"] / medians["greedy, kept keys"]
    print(f"kept keys are {ratio:.1f} times as fast at {TOKENS} tokens, {STUDIES} studies")


if __name__ == "__main__":
    main()
