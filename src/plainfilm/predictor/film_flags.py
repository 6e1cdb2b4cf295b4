"""What tells a film apart from those a model was trained on, as far as pixels and header show it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from plainfilm.errors import ImageError
from plainfilm.image_analysis import appearance
from plainfilm.image_analysis.perceptual_hash import spectrum
from plainfilm.image_analysis.view_prediction import contradiction
from plainfilm.io.images import Pixels, read_image
from plainfilm.model_folder import ModelConfig
from plainfilm.predictor.documents import Answers
from plainfilm.sources.common.film_header import view_in
from plainfilm.types import View

LOOKED_FOR = "contrast, inversion, burned-in text, view"
"""What `film_flags` looks for."""


def film_flags(file: Path, config: ModelConfig) -> tuple[str, ...]:
    """What a person should look at in the film in `file`, in words: what `prepare` flags as well, and a view
    that the model was not trained on.

    Raises:
        ImageError: the film is not usable.
    """
    film = read_image(file, appearance.LOOKED_AT)
    found = [*film.flags, *appearance.flags(film.array)]
    views = config.training_facts.views
    if views is not None:
        shown = _other_view(view_in(file), views) or _contradicted(views, film)
        found += [f"{shown}; trained on {', '.join(views)}"] if shown else []
    return tuple(found)


def with_flags(answers: Answers, config: ModelConfig) -> Answers:
    """The answers with the flags of their film, or of each film of their study, as far as it can be read."""
    if answers.films:
        films = [replace(one, flags=_flags_or_none(one.file, config)) for one in answers.films]
        return replace(answers, films=films)
    return replace(answers, flags=_flags_or_none(answers.file, config))


def _flags_or_none(file: str, config: ModelConfig) -> tuple[str, ...] | None:
    try:
        return film_flags(Path(file), config)
    except ImageError:
        return None


def _other_view(view: View, trained: tuple[View, ...]) -> str | None:
    is_known = view is not View.UNKNOWN
    return f"view {view} by its header" if is_known and view not in trained else None


def _contradicted(trained: tuple[View, ...], film: Pixels) -> str | None:
    known = [view for view in trained if view is not View.UNKNOWN]
    is_one_kind = len({view.is_frontal for view in known}) == 1
    return contradiction(spectrum(film.array), known[0]) if is_one_kind else None
