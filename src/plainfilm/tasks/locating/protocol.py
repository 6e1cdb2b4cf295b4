"""The options that all tasks of locating share, and the data that they start from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import Field, field_validator

from plainfilm.collection import Collection
from plainfilm.config import Settings
from plainfilm.errors import NothingToEvaluate
from plainfilm.tasks.locating.baselines import BoxPrior
from plainfilm.tasks.locating.films import PHRASE, REGION, REGION_PHRASE, BoxedFilms, gather_boxed_films
from plainfilm.tasks.scoring.measure import check_no_leak, known_split, views_of_films
from plainfilm.types import View

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor

KINDS_DESCRIBED = (PHRASE, REGION, REGION_PHRASE)
"""The kinds of boxes that texts are about."""
OWN_THRESHOLD = 0.3
"""From which score on something is found, where a model is not tuned; as published."""


class AsksFilms(Protocol):
    """The options that choose films."""

    @property
    def split(self) -> str:
        """Of the films."""
        ...

    @property
    def views(self) -> tuple[View, ...] | None:
        """Of the films; by default those of the model's training and unknown ones."""
        ...


class LocatingConfig(Settings):
    """The shared options.

    split: of the films. views: films of other views are left out; by default those of the model's training
    and unknown views are used. baseline_splits: the first of these that has boxes is where baselines come
    from; the evaluated one is passed over. max_films: at most this many films, the first ones.
    threshold: from which score on a box is found; by default that of the tuned model, or 0.3. examples:
    number of films of each kind in the gallery.
    """

    split: str = "test"
    views: tuple[View, ...] | None = None
    baseline_splits: tuple[str, ...] = ("train", "validation")
    max_films: int | None = Field(default=None, ge=1)
    threshold: float | None = Field(default=None, ge=0, le=1)
    examples: int = Field(default=4, ge=0)
    resamples: int = Field(default=1000, ge=100)
    seed: int = 0

    @field_validator("split")
    @classmethod
    def _known_split(cls, value: str) -> str:
        return known_split(value)

    @field_validator("baseline_splits")
    @classmethod
    def _known_splits(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(known_split(value) for value in values)


def films_to_ask(
    predictor: Predictor,
    collections: Sequence[Collection],
    config: AsksFilms,
    kinds: Sequence[str],
    every: bool = False,
) -> BoxedFilms:
    """The films of the split, with their boxes of these kinds.

    Raises:
        LeakageError: patients of the films are among those of the training split.
        NothingToEvaluate: no film of the split has such a box.
    """
    check_no_leak(predictor, collections, config.split)
    views = views_of_films(predictor, config.views)
    films = gather_boxed_films(collections, config.split, views, every).of_kind(*kinds)
    if films.boxes.empty:
        where = ", ".join(str(collection.path) for collection in collections)
        raise NothingToEvaluate(
            f"{where}: no film of split '{config.split}'{_of_views(views)} has a box of a "
            f"{' or '.join(kind for kind in kinds if kind != REGION_PHRASE)}"
        )
    return films


def _of_views(views: Sequence[str] | None) -> str:
    return f" and of the views {', '.join(views)}" if views else ""


def prior_of(
    predictor: Predictor, collections: Sequence[Collection], config: LocatingConfig, kinds: Sequence[str]
) -> tuple[BoxPrior, str | None]:
    """The boxes that baselines come from, and their split; none where no split has any."""
    views = views_of_films(predictor, config.views)
    for split in config.baseline_splits:
        if split != config.split:
            training = gather_boxed_films(collections, split, views, every=True).of_kind(*kinds)
            if not training.boxes.empty:
                return BoxPrior.of(training), split
    return BoxPrior({}, {}, 0), None


def threshold_of(predictor: Predictor, config: LocatingConfig) -> float:
    """The score from which on a box is found."""
    if config.threshold is not None:
        return config.threshold
    tuned = predictor.box_tuning.threshold if predictor.box_tuning else None
    return OWN_THRESHOLD if tuned is None else tuned


def shared_protocol(
    config: Settings, predictor: Predictor, prior: BoxPrior, split: str | None
) -> dict[str, Any]:
    """What decides the scores of every task of locating."""
    views = getattr(config, "views", None)
    return {
        **config.model_dump(mode="json"),
        "views": views_of_films(predictor, views),
        "box_tuning": _tuning_of(predictor),
        "baselines_from": f"{prior.films} films of split '{split}'" if split else "no split has boxes",
    }


def _tuning_of(predictor: Predictor) -> dict[str, Any] | str:
    """How the model's boxes were tuned, without the films."""
    tuning = predictor.box_tuning
    return "none" if tuning is None else tuning.model_dump(mode="json", exclude={"protocol"})
