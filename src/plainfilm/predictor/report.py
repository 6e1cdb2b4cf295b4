"""A report for the films of a study."""

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
    """A sentence a model wrote, and the boxes (K, 4) it belongs to, in pixels of the file as it was
    opened."""

    text: str
    boxes: Boxes


@dataclass(frozen=True)
class WrittenReport:
    """What a model wrote of a study."""

    text: str
    sentences: tuple[WrittenSentence, ...]


def write_report(
    core: Core, films: Sequence[EncodedFilm], views: Sequence[View | None] | None = None
) -> WrittenReport:
    """The report of the study that `films` belong to; `views` are their projections, where they are known.

    Raises:
        UsageError: the model writes no reports, or no film or another number of views is given.
    """
    model: WritesReports = core.able(WritesReports)
    stated = views or [None] * len(films)
    if not films or len(stated) != len(films):
        raise UsageError(f"write_report: {len(films)} films and {len(stated)} views; give one view a film")
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
