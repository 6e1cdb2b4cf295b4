"""Report generation: the reports that a model writes against those of the radiologists.

For every study with a report the model is shown all films of the study, with their projections. The
reference is the text that the model's text rule takes of the report. Scores are BLEU, ROUGE-L, METEOR and
CIDEr, the agreement of findings as Plainfilm's labeller reads both texts, of their sides, and length and
repetition; every score states its identity. Baselines are what the model writes of black films, and reports
of the training split: the commonest, that of the most similar film, a random one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from plainfilm.bank.items import sections_by_study
from plainfilm.collection import Collection
from plainfilm.errors import NothingToEvaluate, nearest
from plainfilm.io.paths import resolved
from plainfilm.nn.decoding import Decoding
from plainfilm.progress import SILENT, Progress
from plainfilm.tasks.base import Results, ShownImage
from plainfilm.tasks.reporting.baselines import (
    BASELINES,
    blank_reports,
    most_frequent_report,
    nearest_reports,
    random_reports,
)
from plainfilm.tasks.reporting.examples import INTRODUCTION, LEGEND, examples
from plainfilm.tasks.reporting.pairs import ReportPairs, ScoredReports, score_pairs
from plainfilm.tasks.reporting.scores import ReportReader, TextSettings
from plainfilm.tasks.reporting.studies import Studies, gather_studies
from plainfilm.tasks.reporting.text_files import REXRANK_FILE, RexrankStudy, rexrank_json
from plainfilm.tasks.scoring.measure import (
    check_no_leak,
    facts_of,
    identity,
    known_split,
    subgroups,
    views_of_films,
)
from plainfilm.text.rules import TextRule, report_text
from plainfilm.types import Section, View

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor

NEEDS = ("writes_reports",)
DEFAULT_RULE = "findings_impression"


class Config(TextSettings):
    """The protocol, see also `reporting.scores.TextSettings`.

    split: of the studies. text_rule: the rule for the reference; by default that of the model's training.
    views: films of other views are not shown; by default those of the model's training and unknown views are.
    baseline_split: of the reports for baselines; `None` leaves those baselines out. baselines: which of
    `reporting.baselines.BASELINES`. random_draws: number of draws that the random baseline is the mean of.
    decoding: how reports are written, by default as the model's configuration says. max_studies: at most this
    many studies, the first ones of the collections.
    """

    split: str = "test"
    text_rule: TextRule | None = None
    views: tuple[View, ...] | None = None
    baseline_split: str | None = "train"
    baselines: tuple[str, ...] = tuple(BASELINES)
    random_draws: int = Field(default=3, ge=1)
    decoding: Decoding | None = None
    max_studies: int | None = Field(default=None, ge=1)

    @field_validator("split", "baseline_split")
    @classmethod
    def _known_split(cls, value: str | None) -> str | None:
        return None if value is None else known_split(value)

    @field_validator("baselines")
    @classmethod
    def _known_baselines(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in BASELINES:
                raise ValueError(f"unknown baseline '{name}': {nearest(name, BASELINES)}")
        return value


def run(
    predictor: Predictor, collections: Sequence[Collection], config: Config, progress: Progress = SILENT
) -> Results:
    """Let the model write a report for every study, and score it; see the module.

    Raises:
        UsageError: the model does not write reports.
        LeakageError: patients of the studies are among those of the training split.
        NothingToEvaluate: no study with a film and a report.
    """
    check_no_leak(predictor, collections, config.split)
    rule = config.text_rule or predictor.config.training_facts.text_rule or DEFAULT_RULE
    views = views_of_films(predictor, config.views)
    studies = gather_studies(collections, config.split, rule, views).first(config.max_studies)
    studies = studies.limited(predictor.most_films)
    if not len(studies):
        where = ", ".join(str(collection.path) for collection in collections)
        raise NothingToEvaluate(
            f"{where}: no study in split '{config.split}' with a film of the views {views} and a report "
            f"({studies.without_text} without text by rule {rule}, {studies.without_film} without film)"
        )
    written = predictor.write_reports(studies.images, studies.views, config.decoding, progress)
    candidates = [report.text for report in written]
    baselines, training = _baselines(predictor, collections, studies, rule, config, progress)
    pairs = ReportPairs(studies.ids, studies.patients, studies.texts, candidates, rule, baselines)
    parts = subgroups(facts_of(collections, studies.keys, None))
    scored = score_pairs(pairs, _text_settings(config), parts, progress)
    return Results(
        task="report_generation",
        question="Are the reports that the model writes like those of the radiologists?",
        model=predictor.name,
        collection="+".join(collection.name for collection in collections),
        split=config.split,
        n=len(studies),
        protocol=_protocol(predictor, collections, studies, training, scored, config, views),
        metrics=scored.metrics,
        predictions=scored.predictions,
        items=scored.items,
        counted="studies",
        must_match=("references",),
        tables=scored.tables,
        figures=scored.figures,
        examples=tuple(examples(scored, _shown(studies))),
        introduction=INTRODUCTION,
        legend=LEGEND,
        attachments={REXRANK_FILE: _rexrank(collections, studies, scored, config.split)},
    )


def _text_settings(config: Config) -> TextSettings:
    return TextSettings(**{name: getattr(config, name) for name in TextSettings.model_fields})


def _baselines(
    predictor: Predictor,
    collections: Sequence[Collection],
    studies: Studies,
    rule: str,
    config: Config,
    progress: Progress,
) -> tuple[dict[str, list[list[str]]], Studies | None]:
    """The baselines that can be had, and the studies that they come from."""
    found: dict[str, list[list[str]]] = {}
    if "blank_film" in config.baselines:
        found["blank_film"] = [blank_reports(predictor, studies.views, config.decoding)]
    training = None
    if config.baseline_split not in (None, config.split):
        views = views_of_films(predictor, config.views)
        training = gather_studies(collections, str(config.baseline_split), rule, views)
    if training is None or not len(training):
        progress.log(f"no reports of split '{config.baseline_split}': only the baseline of blank films")
        return found, None
    if "most_frequent" in config.baselines:
        commonest = most_frequent_report(training.texts, ReportReader(_text_settings(config)))
        found["most_frequent"] = [[commonest] * len(studies)]
    if "nearest" in config.baselines and predictor.abilities & {"encodes_images", "encodes_studies"}:
        known = training.limited(predictor.most_films)
        found["nearest"] = [nearest_reports(predictor, studies, known, progress)]
    if "random" in config.baselines:
        found["random"] = random_reports(training.texts, len(studies), config.random_draws, config.seed)
    return found, training


def _protocol(
    predictor: Predictor,
    collections: Sequence[Collection],
    studies: Studies,
    training: Studies | None,
    scored: ScoredReports,
    config: Config,
    views: Sequence[str] | None,
) -> dict[str, Any]:
    """The settings and data that determine the scores."""
    described = {name: BASELINES[name] for name in scored.pairs.baselines}
    if "random" in described:
        described["random"] += f", mean of {config.random_draws} draws"
    return {
        **config.model_dump(mode="json"),
        **identity(predictor, collections, config.resamples),
        **scored.protocol,
        "text_rule": scored.pairs.sections,
        "views": views,
        "decoding": _decoding(predictor, config),
        "films_per_study": round(sum(map(len, studies.images)) / len(studies), 2),
        "baselines": described,
        "baseline_studies": len(training) if training else 0,
        "left_out": {
            "studies without a reference": studies.without_text,
            "studies without a film": studies.without_film,
            "films beyond the number that the model takes": studies.beyond,
        },
    }


def _decoding(predictor: Predictor, config: Config) -> Any:
    """How reports were written, as far as it is stated."""
    chosen = config.decoding or getattr(predictor.config.architecture, "decoding", None)
    return chosen.model_dump(mode="json") if isinstance(chosen, Decoding) else "the model's own"


def _shown(studies: Studies) -> list[list[ShownImage]]:
    """The films of each study, frontal ones first."""
    shown = []
    for ids, paths, views in zip(studies.image_ids, studies.images, studies.views, strict=True):
        films = sorted(zip(ids, paths, views, strict=True), key=lambda film: not film[2].is_frontal)
        shown.append([ShownImage(image_id, path) for image_id, path, _ in films])
    return shown


def _context(sections: Sequence[Section]) -> str:
    """What was known before the film, as ReXrank writes it."""
    named = {
        name: " ".join(one.text.strip() for one in sections if one.name == name)
        for name in ("indication", "comparison")
    }
    return " ".join(f"{name.capitalize()}: {text}" for name, text in named.items() if text)


def _rexrank(collections: Sequence[Collection], studies: Studies, scored: ScoredReports, split: str) -> str:
    """References and candidates as ReXrank's JSON, with paths of images in the collection."""
    entries = {}
    for place, collection in enumerate(collections):
        own = studies.frame["place"] == place
        patients = dict(studies.frame.loc[own, ["study_id", "patient_id"]].to_numpy())
        sections = sections_by_study(collection, patients)
        root = f"{resolved(collection.path)}/"
        for row in own.to_numpy().nonzero()[0].tolist():
            study = studies.frame["study_id"].iloc[row]
            parts = sections.get(study, [])
            entries[studies.ids[row]] = RexrankStudy(
                reference=scored.pairs.references[row],
                candidate=scored.pairs.candidates[row],
                findings=report_text(parts, "findings") or None,
                impression=report_text(parts, "impression") or None,
                context=_context(parts) or None,
                images=[path.removeprefix(root) for path in studies.images[row]],
                is_frontal=[view != View.LATERAL for view in studies.views[row]],
                patient=str(patients[study]),
                split=split,
            )
    return rexrank_json(entries)
