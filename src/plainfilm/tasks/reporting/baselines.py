"""The baselines of report generation: what the model writes without seeing the film, and training reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from plainfilm.bank.search import search
from plainfilm.nn.decoding import Decoding
from plainfilm.progress import SILENT, Progress
from plainfilm.seeding import generator
from plainfilm.tasks.reporting.scores import ReportReader
from plainfilm.tasks.reporting.studies import Studies
from plainfilm.text.rules import normalise
from plainfilm.types import View

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor

BASELINES = {
    "blank_film": "the model itself, with a black film in place of each film (text alone)",
    "most_frequent": "the commonest report of those with the commonest set of findings in the training split",
    "nearest": "the report of the training study, or film, with the vector most similar to that of the study",
    "random": "a random report of the training split",
}
"""The baselines, by name."""


def blank_reports(
    predictor: Predictor, views: Sequence[Sequence[View]], decoding: Decoding | None = None
) -> list[str]:
    """What the model writes if every film is black: one text per number of films and their projections."""
    blank = predictor.blank_film()
    distinct = list(dict.fromkeys(map(tuple, views)))
    written = predictor.write_reports([[blank] * len(own) for own in distinct], distinct, decoding)
    known = {own: report.text for own, report in zip(distinct, written, strict=True)}
    return [known[tuple(own)] for own in views]


def most_frequent_report(texts: Sequence[str], reader: ReportReader) -> str:
    """Of the commonest set of positive findings the commonest text; of equally common ones the first."""
    positives = [
        frozenset(name for name, state in one.findings.states.items() if state == 1)
        for one in reader.read(texts)
    ]
    commonest = Counter(positives).most_common(1)[0][0]
    having = [text for text, own in zip(texts, positives, strict=True) if own == commonest]
    counts = Counter(map(normalise, having))
    return max(having, key=lambda text: counts[normalise(text)])


def nearest_reports(
    predictor: Predictor, studies: Studies, training: Studies, progress: Progress = SILENT
) -> list[str]:
    """For each study the report of the most similar training study: by the vectors of studies, if the model
    has them, otherwise by the most similar pair of films."""
    if "encodes_studies" in predictor.abilities:
        known, asked = (
            predictor.encode_studies(one.images, one.views, progress) for one in (training, studies)
        )
        return [training.texts[place] for place in search(known, asked, 1)[1][:, 0].tolist()]
    of_training = np.repeat(np.arange(len(training)), [len(films) for films in training.images])
    owner = np.repeat(np.arange(len(studies)), [len(films) for films in studies.images])
    known = predictor.encode_images([film for films in training.images for film in films], progress)
    asked = predictor.encode_images([film for films in studies.images for film in films], progress)
    scores, indices = search(known, asked, 1)
    found = []
    for study in range(len(studies)):
        own = np.flatnonzero(owner == study)
        best = own[int(np.argmax(scores[own, 0]))]
        found.append(training.texts[of_training[indices[best, 0]]])
    return found


def random_reports(texts: Sequence[str], count: int, draws: int, seed: int) -> list[list[str]]:
    """`draws` times `count` reports of `texts`, with replacement."""
    return [
        [texts[place] for place in generator(seed, "random report", draw).integers(0, len(texts), count)]
        for draw in range(draws)
    ]
