"""What a model can be asked about a film, each as scores of films by observation, higher for present.

Every film is shown alone and its view is not said: a model that fuses films gets a study of one film.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from plainfilm.predictor.zero_shot import PromptsOf
from plainfilm.prompts import PromptPack, Prompts
from plainfilm.prompts.paraphrase import paraphrase
from plainfilm.seeding import generator
from plainfilm.tasks.reporting.scores import ReportReader, TextSettings
from plainfilm.types import State

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor

Floats = NDArray[np.float64]

CLASSIFIES, ZERO_SHOT, LOCATES, WRITES = "classification", "zero_shot", "locating", "reports"
_TOGETHER = 32
"""Films that are located on, or that a report is written of, at a time."""
_SAID = {State.POSITIVE: 1.0, State.UNCERTAIN: 0.5}


class Ask(Protocol):
    """Scores (N, C) of N films."""

    def __call__(self, films: Iterable[Any]) -> Floats:
        """The scores of the films."""
        ...


@dataclass(frozen=True)
class Question:
    """A way to ask a model about its `observations` (C). says: what it is, for readers. called_from: the
    score from which an observation is called positive, if that is fixed. in_other_words: the same question
    with paraphrased prompts, if some can be paraphrased."""

    name: str
    says: str
    observations: tuple[str, ...]
    ask: Ask
    called_from: float | None = None
    in_other_words: Ask | None = None


def questions(predictor: Predictor, pack: PromptPack, labelled: Sequence[str]) -> list[Question]:
    """All that the model can be asked of the `labelled` observations."""
    able, found = predictor.abilities, []
    if "classifies" in able and (names := tuple(one for one in labelled if one in predictor.observations)):
        found.append(Question(CLASSIFIES, "its outputs", names, _logits(predictor, names)))
    prompts = prompts_of(pack, labelled)
    if ({"encodes_images", "encodes_texts"} <= able or "scores_pairs" in able) and prompts:
        says = f"the prompts of the pack {pack.name}"
        again = paraphrased(prompts)
        found.append(
            Question(
                ZERO_SHOT,
                says,
                tuple(prompts),
                _margins(predictor, prompts),
                in_other_words=None if again == prompts else _margins(predictor, again),
            )
        )
    if "locates" in able:
        names = tuple(labelled)
        found.append(Question(LOCATES, "the score of its best box", names, _best_boxes(predictor, names)))
    if "writes_reports" in able:
        reader = ReportReader(TextSettings())
        if names := tuple(one for one in labelled if one in reader.observations):
            ask = _stated(predictor, names, reader)
            found.append(Question(WRITES, "what its reports state", names, ask, 1.0))
    return found


def prompts_of(pack: PromptPack, names: Sequence[str]) -> dict[str, Prompts]:
    """The prompts of the observations that the pack has prompts for and against."""
    known = {name: pack.zero_shot(name) for name in names if pack.knows(name)}
    return {name: one for name, one in known.items() if one.positive and one.negative}


def paraphrased(prompts: Mapping[str, Prompts]) -> dict[str, Prompts]:
    """The prompts in other words with the same labels (`prompts.paraphrase`); as they are without any."""
    rng = generator(0, "reliance", "other words")
    return {
        name: Prompts(
            tuple(paraphrase(text, rng) for text in one.positive),
            tuple(paraphrase(text, rng) for text in one.negative),
        )
        for name, one in prompts.items()
    }


def _logits(predictor: Predictor, names: Sequence[str]) -> Ask:
    places = [predictor.observations.index(name) for name in names]
    return lambda films: predictor.classify(films).logits[:, places].astype(np.float64)


def _margins(predictor: Predictor, prompts: PromptsOf) -> Ask:
    vectors = predictor.prompt_vectors(prompts)
    return lambda films: predictor.compare_images(films, vectors).margin


def _best_boxes(predictor: Predictor, names: Sequence[str]) -> Ask:
    def ask(films: Iterable[Any]) -> Floats:
        remaining, scores = iter(films), []
        while some := list(islice(remaining, _TOGETHER)):
            # Films are ranked: also by scores too low for a box to be shown.
            for _, found in predictor.stream_located(some, [names] * len(some)):
                scores.append([float(one.scores[0]) if len(one.scores) else 0.0 for one in found])
        return np.array(scores, dtype=np.float64).reshape(-1, len(names))

    return ask


def _stated(predictor: Predictor, names: Sequence[str], reader: ReportReader) -> Ask:
    def ask(films: Iterable[Any]) -> Floats:
        rows = []
        for text in written(predictor, films):
            states: Mapping[str, State] = reader.read([text])[0].findings.states
            rows.append([_SAID.get(states[name], 0.0) if name in states else 0.0 for name in names])
        return np.array(rows, dtype=np.float64).reshape(-1, len(names))

    return ask


def written(predictor: Predictor, films: Iterable[Any]) -> Iterator[str]:
    """The report of each film."""
    remaining = iter(films)
    while some := list(islice(remaining, _TOGETHER)):
        yield from (one.text for one in predictor.write_reports([[film] for film in some]))
