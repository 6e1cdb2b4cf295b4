"""Writes reports of studies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from plainfilm.geometry import Boxes
from plainfilm.models.base import WritesReports
from plainfilm.nn.base import ImageFeatures
from plainfilm.nn.decoding import Decoding
from plainfilm.nn.ragged import Ragged
from plainfilm.predictor.core import Core, Vectors
from plainfilm.predictor.films import FilmEncoder
from plainfilm.predictor.locate import model_limit
from plainfilm.predictor.studies import StudyFilms, stream_studies
from plainfilm.progress import SILENT, Progress
from plainfilm.text.sentences import split_sentences


@dataclass(frozen=True)
class WrittenSentence:
    """A sentence written by a model, with its boxes (K, 4) in pixels of the file as opened.

    scores: (K,) of the boxes, 0 to 1, in a grounded report. prompt: what was asked, in a grounded report.
    """

    text: str
    boxes: Boxes
    scores: Vectors | None = None
    prompt: str | None = None

    @property
    def is_localised(self) -> bool:
        """Whether it has a box."""
        return len(self.boxes) > 0


@dataclass(frozen=True)
class WrittenReport:
    """A report written by a model."""

    text: str
    sentences: tuple[WrittenSentence, ...]


def write_reports(
    core: Core,
    films: FilmEncoder,
    studies: Sequence[StudyFilms],
    decoding: Decoding | None = None,
    progress: Progress = SILENT,
) -> Iterator[WrittenReport]:
    """Write a report for each study, as `decoding` says, or as the model's configuration does.

    Raises:
        UsageError: the model does not write reports, or a study has more films than it takes.
        ImageError: a film is not usable; the message has its name.
    """
    model: WritesReports = core.able(WritesReports)
    stated = decoding or getattr(core.model.config, "decoding", None)
    chosen = stated or Decoding(max_tokens=model_limit(core, model.writes_with))

    def encode(features: ImageFeatures, of: Ragged, projections: Tensor) -> Tensor:
        return model.write_reports(features, of, projections, chosen)

    for ids in stream_studies(core, films, studies, encode, progress):
        yield from map(_report, core.sentences(model.writes_with, ids))


def _report(text: str) -> WrittenReport:
    none = np.zeros((0, 4))
    return WrittenReport(text, tuple(WrittenSentence(one.text, none) for one in split_sentences(text)))
