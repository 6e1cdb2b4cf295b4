"""Writes a report for the images of a study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from plainfilm.errors import UsageError
from plainfilm.geometry import Boxes
from plainfilm.models.base import WritesReports
from plainfilm.nn.base import ImageFeatures
from plainfilm.nn.ragged import Ragged
from plainfilm.predictor.core import Core
from plainfilm.predictor.describe import model_limit
from plainfilm.predictor.films import EncodedFilm
from plainfilm.text.sentences import split_sentences
from plainfilm.types import View

_VIEWS = tuple(View)


@dataclass(frozen=True)
class WrittenSentence:
    """A sentence written by a model, with its boxes (K, 4) in pixels of the file as opened."""

    text: str
    boxes: Boxes


@dataclass(frozen=True)
class WrittenReport:
    """A report written by a model."""

    text: str
    sentences: tuple[WrittenSentence, ...]


def write_report(
    core: Core, films: Sequence[EncodedFilm], views: Sequence[View | None] | None = None
) -> WrittenReport:
    """Write a report for the study of `films`; `views` are their projections, if known.

    Raises:
        UsageError: the model does not write reports, there is no image, or the number of views differs.
    """
    model: WritesReports = core.able(WritesReports)
    stated = views or [None] * len(films)
    if not films or len(stated) != len(films):
        raise UsageError(f"write_report: {len(films)} films but {len(stated)} views; give one view per film")
    codes = [_VIEWS.index(view or View.UNKNOWN) for view in stated]
    features = ImageFeatures(
        torch.cat([film.features.pooled for film in films]),
        torch.cat([film.features.patches for film in films]),
    )
    of = Ragged(torch.tensor([len(films)], device=core.device))
    with torch.inference_mode():
        ids = model.write_reports(
            features, of, torch.tensor(codes, device=core.device), model_limit(core, model.writes_with)
        )
    text = core.sentences(model.writes_with, ids)[0]
    none = np.zeros((0, 4))
    return WrittenReport(text, tuple(WrittenSentence(one.text, none) for one in split_sentences(text)))
