"""Encodes studies: the films of each are encoded once and fused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from plainfilm.errors import ImageError, UsageError
from plainfilm.models.base import ClassifiesStudies, EncodesStudies
from plainfilm.nn.base import ImageFeatures, StudyFeatures
from plainfilm.nn.ragged import Ragged
from plainfilm.predictor.core import Core, Vectors
from plainfilm.predictor.films import EncodedFilm, FilmEncoder, FilmLike, joined, view_of_film
from plainfilm.progress import SILENT, Progress
from plainfilm.types import View

BATCH_STUDIES = 16
_VIEWS = tuple(View)

EncodeStudies = Callable[[ImageFeatures, Ragged, Tensor], Tensor]
"""A function from the features of N films, their assignment to B studies and their view codes (N,) to any
output (B, ...)."""


@dataclass(frozen=True)
class StudyFilms:
    """The films of one study, and the view of each."""

    films: tuple[FilmLike, ...]
    views: tuple[View, ...]


def study_films(films: Sequence[FilmLike], views: Sequence[View | None] | None = None) -> StudyFilms:
    """A study of `films`; a view that is not stated is that of the film's DICOM header, else unknown.

    Raises:
        UsageError: there is no film, or the number of views differs.
    """
    stated = [None] * len(films) if views is None else views
    if not films or len(stated) != len(films):
        raise UsageError(f"a study of {len(films)} films with {len(stated)} views; give one view per film")
    known = (view or view_of_film(film) for film, view in zip(films, stated, strict=True))
    return StudyFilms(tuple(films), tuple(known))


def stream_studies(
    core: Core,
    films: FilmEncoder,
    studies: Sequence[StudyFilms],
    encode: EncodeStudies,
    progress: Progress = SILENT,
) -> Iterator[Tensor]:
    """The output of `encode` (b, ...) for batches of studies, in their order.

    Raises:
        UsageError: a study has more films than the model takes.
        ImageError: a film is not usable; the message has its name.
    """
    most = getattr(core.model, "most_films", None)
    for study in studies:
        if most is not None and len(study.films) > most:
            raise UsageError(
                f"{core.name}: a study of {len(study.films)} films, but this model takes at most {most}"
            )
    encoded = films.stream_films(film for study in studies for film in study.films)
    starts = range(0, len(studies), BATCH_STUDIES)
    for start in progress.track(starts, len(starts), "reading studies"):
        batch = studies[start : start + BATCH_STUDIES]
        own = [_usable(film) for study in batch for film in islice(encoded, len(study.films))]
        codes = [_VIEWS.index(view) for study in batch for view in study.views]
        counts = torch.tensor([len(study.films) for study in batch], device=core.device)
        with torch.inference_mode():
            features = joined([film.features for film in own])
            yield encode(features, Ragged(counts), torch.tensor(codes, device=core.device))


def fused(core: Core, make: Callable[[StudyFeatures], Tensor]) -> EncodeStudies:
    """A function that fuses the films of studies and passes them to `make`.

    Raises:
        UsageError: the model does not encode studies.
    """
    model: EncodesStudies = core.able(EncodesStudies)

    def encode(features: ImageFeatures, films: Ragged, projections: Tensor) -> Tensor:
        return make(model.study_features(features, films, projections))

    return encode


def study_vectors(core: Core) -> EncodeStudies:
    """A function from the films of studies to unit vectors (B, D).

    Raises:
        UsageError: the model does not encode studies.
    """
    model: EncodesStudies = core.able(EncodesStudies)
    return fused(core, model.study_vectors)


def stream_vectors(
    core: Core, films: FilmEncoder, studies: Sequence[StudyFilms], progress: Progress = SILENT
) -> Iterator[Vectors]:
    """Unit vectors of studies in blocks (b, D)."""
    for vectors in stream_studies(core, films, studies, study_vectors(core), progress):
        yield core.arrays(vectors)


def stream_logits(
    core: Core, films: FilmEncoder, studies: Sequence[StudyFilms], progress: Progress = SILENT
) -> Iterator[Vectors]:
    """Logits of studies in blocks (b, O).

    Raises:
        UsageError: the model does not classify studies.
    """
    model: ClassifiesStudies = core.able(ClassifiesStudies)
    for logits in stream_studies(core, films, studies, fused(core, model.study_logits), progress):
        yield core.arrays(logits)


def _usable(film: EncodedFilm | ImageError) -> EncodedFilm:
    if isinstance(film, ImageError):
        raise film
    return film
