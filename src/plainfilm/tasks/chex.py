"""All evaluations of a model that locates and describes, after ChEX (arXiv:2404.15770).

Each is run on every collection that has what it needs: grounding of phrases, detection of
classes, classification and explanation of boxes about findings and about regions of anatomy, and report
generation. The results sum up the headline scores; each evaluation has its own
folder, and what could not be run is listed with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import Field, field_validator

from plainfilm.collection import Collection
from plainfilm.config import Settings
from plainfilm.errors import DataError, NothingToEvaluate
from plainfilm.progress import SILENT, Progress
from plainfilm.tasks import (
    detection,
    grounding,
    region_classification,
    region_explanation,
    report_generation,
)
from plainfilm.tasks.base import Metric, Results
from plainfilm.tasks.detection import Config as DetectionConfig
from plainfilm.tasks.grounding import Config as GroundingConfig
from plainfilm.tasks.locating.answers import ways_of
from plainfilm.tasks.region_classification import Config as ClassificationConfig
from plainfilm.tasks.region_explanation import Config as ExplanationConfig
from plainfilm.tasks.report_generation import Config as ReportConfig
from plainfilm.tasks.scoring.measure import identity, known_split

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor

NEEDS = ("encodes_texts",)


class Config(Settings):
    """split, resamples, seed and max_films (the first studies for reports) hold for all evaluations; the
    options of each are keys of its name, such as `detection.wording=chex`."""

    split: str = "test"
    resamples: int = Field(default=1000, ge=100)
    seed: int = 0
    max_films: int | None = Field(default=None, ge=1)
    grounding: GroundingConfig = GroundingConfig()
    detection: DetectionConfig = DetectionConfig()
    region_classification: ClassificationConfig = ClassificationConfig()
    region_explanation: ExplanationConfig = ExplanationConfig()
    report_generation: ReportConfig = ReportConfig()

    @field_validator("split")
    @classmethod
    def _known_split(cls, value: str) -> str:
        return known_split(value)


def run(
    predictor: Predictor, collections: Sequence[Collection], config: Config, progress: Progress = SILENT
) -> Results:
    """Run everything that the model and the collections allow; see the module.

    Raises:
        LeakageError: patients of the films are among those of the training split.
        DataError: nothing could be run.
    """
    parts: dict[str, Results] = {}
    not_run: dict[str, str] = {}
    for collection in collections:
        for name, module, own in _evaluations(config):
            title = f"{name}-{collection.name}"
            progress.log(title)
            found = _part(predictor, collection, name, partial(module.run, config=own, progress=progress))
            if isinstance(found, Results):
                parts[title] = found
            else:
                not_run[title] = found
                progress.log(f"{title}: not run: {found}")
    if not parts:
        raise DataError(f"nothing could be evaluated: {'; '.join(dict.fromkeys(not_run.values()))}")
    return Results(
        task="chex",
        question="Does the model find, name and describe what is on a film, task by task?",
        model=predictor.name,
        collection="+".join(collection.name for collection in collections),
        split=config.split,
        n=len(parts),
        protocol={
            **config.model_dump(mode="json", include={"split", "resamples", "seed", "max_films"}),
            **identity(predictor, collections, config.resamples),
            "parts": list(parts),
        },
        metrics=tuple(metric for name, part in parts.items() for metric in _summed_up(name, part)),
        predictions=_predictions(parts),
        counted="evaluations",
        parts=parts,
        not_run=not_run,
    )


def _part(
    predictor: Predictor, collection: Collection, name: str, evaluate: Callable[..., Results]
) -> Results | str:
    """The results of one evaluation of one collection, or why it could not be run."""
    reason = _inability(predictor, name)
    if reason is not None:
        return reason
    try:
        return evaluate(predictor, [collection])
    except NothingToEvaluate as error:
        return str(error)


def _evaluations(config: Config) -> Iterator[tuple[str, Any, Any]]:
    """Name, task and options of every evaluation of one collection."""
    shared = {"split": config.split, "resamples": config.resamples, "seed": config.seed}
    for module, own in (
        (grounding, config.grounding),
        (detection, config.detection),
        (region_classification, config.region_classification),
        (region_explanation, config.region_explanation),
    ):
        options = own.model_copy(update={**shared, "max_films": config.max_films or own.max_films})
        name = module.__name__.rpartition(".")[2]
        if not hasattr(own, "about"):
            yield name, module, options
            continue
        for about in ("findings", "regions"):
            if own.about in ("auto", about):
                yield f"{name}-{about}", module, options.model_copy(update={"about": about})
    reports = config.report_generation
    most = config.max_films or reports.max_studies
    yield "report_generation", report_generation, reports.model_copy(update={**shared, "max_studies": most})


def _inability(predictor: Predictor, name: str) -> str | None:
    """Why the model cannot take part in an evaluation."""
    able = predictor.abilities
    if name in ("grounding", "detection") and not ways_of(predictor):
        return "the model finds no boxes and compares no patches with texts"
    if name.startswith("region_classification") and not able & {"encodes_regions", "locates_by_patches"}:
        return "the model encodes neither boxes nor patches"
    if name.startswith("region_explanation") and "describes" not in able:
        return "the model does not describe boxes"
    if name == "report_generation" and "writes_reports" not in able:
        return "the model does not write reports"
    return None


def _summed_up(name: str, part: Results) -> Iterator[Metric]:
    """The headline scores of a part; they are compared in its own folder."""
    for metric in part.headline:
        heading = f"{name}: {metric.heading or metric.group}"
        yield replace(
            metric,
            name=f"{name}/{metric.name}",
            group=name,
            heading=heading,
            title=metric.title,
            aggregation=None,
            parts=(),
            headline=True,
        )


def _predictions(parts: dict[str, Results]) -> pd.DataFrame:
    """The evaluation of every item; what was predicted stands in the folder of each."""
    columns = ["query_id", "patient_id"]
    return pd.concat(
        [part.predictions[columns].assign(evaluation=name) for name, part in parts.items()], ignore_index=True
    )
