"""Reliance: do a model's answers depend on the film, and on the finding in it?

The model is asked all that it can answer (outputs, prompts, boxes, reports, retrieval) about films as they
are and as they are not: blank, another patient's with the same or with other labels, mirrored, brighter or
darker, without letters in the margins, with the finding or an equal area elsewhere occluded. Models that read
texts also choose between prompts that differ in one word. Every change has its loss of AUROC, paired and with
an interval by patient, and the share of answers that change; baselines know the frequencies of observations,
or the view, and no film. Verdicts in words come first.

Audits of this kind found medical models that hardly look: arXiv:2606.17710 and arXiv:2603.20985.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import AliasChoices, Field, field_validator

from plainfilm.batches.labels import Absent, Uncertain
from plainfilm.collection import Collection
from plainfilm.config import Settings
from plainfilm.errors import DataError, UsageError, nearest
from plainfilm.progress import SILENT, Progress
from plainfilm.prompts import load_pack
from plainfilm.tasks.auditing import pointing, prompt_pairs, retrieving
from plainfilm.tasks.auditing.asking import Question, questions
from plainfilm.tasks.auditing.audited_films import AS_IT_IS, TITLES, AuditedFilms, audited_films
from plainfilm.tasks.auditing.changed_answers import Part, audit, loss_figure
from plainfilm.tasks.auditing.prior import PRIOR_SPLITS, Prior, prior_of, usual_places
from plainfilm.tasks.auditing.verdicts import Verdict, verdicts
from plainfilm.tasks.base import Agreement, Example, Metric, Results, ShownSentence
from plainfilm.tasks.film_classification.films import Films, gather_films
from plainfilm.tasks.film_classification.thresholds import number_of_films
from plainfilm.tasks.film_classification.view_prior import views_of
from plainfilm.tasks.reporting.scores import ReportReader, TextSettings
from plainfilm.tasks.scoring.label_choice import choose_labels, label_facts
from plainfilm.tasks.scoring.measure import Resampling, check_no_leak, identity, known_split, views_of_films
from plainfilm.text.rules import TextRule
from plainfilm.types import View

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor

NEEDS = ("encodes_images",)
INSTEAD = ("scores_pairs",)

INTRODUCTION = "Each check passes, fails, or stays open, when more films are needed to decide it."
LEGEND: dict[Agreement, str] = {"agrees": "passes", "contradicts": "fails", "open": "open or not tested"}
_AGREEMENT: dict[str, Agreement] = {"passes": "agrees", "fails": "contradicts"}


class Config(Settings):
    """The protocol.

    films: at most this many films, drawn from the labelled ones. prompts: the pack of zero-shot prompts.
    observations: by default all that labels and model share. labels: by default those of
    `scoring.label_choice`. tolerance: the largest loss of AUROC (or of another share) that does not matter.
    text_rule: of the reports that are retrieved; by default that of the model's training. views: films of
    other views are left out; by default those of the model's training and unknown ones are kept.
    """

    films: int = Field(default=300, ge=2)
    prompts: str = "cxr"
    observations: tuple[str, ...] | None = None
    labels: str | None = Field(default=None, validation_alias=AliasChoices("labels", "label_origin"))
    uncertain: Uncertain = "ignore"
    absent: Absent = "negative"
    tolerance: float = Field(default=0.03, ge=0, le=0.5)
    text_rule: TextRule | None = None
    split: str = "test"
    views: tuple[View, ...] | None = None
    resamples: int = Field(default=1000, ge=100)
    seed: int = 0

    @field_validator("split")
    @classmethod
    def _known_split(cls, value: str) -> str:
        return known_split(value)


def run(
    predictor: Predictor, collections: Sequence[Collection], config: Config, progress: Progress = SILENT
) -> Results:
    """Audit a model; see the module.

    Raises:
        UsageError: the model answers nothing about observations.
        LeakageError: patients of the films are among those of the training split.
        DataError: no labelled films, films of one patient alone, or no observation that labels and model
            share.
    """
    check_no_leak(predictor, collections, config.split)
    asked = _Audit(predictor, collections, config, progress)
    metrics, parts = asked.questions()
    metrics += asked.pointing() + asked.retrieval() + asked.prompt_pairs()
    items = pd.concat([part.items for part in parts.values()], ignore_index=True)
    metrics = [_comparable(one, set(items["group"])) for one in metrics]
    found = verdicts(metrics, list(parts), config.tolerance)
    for one in found:
        progress.log(f"{one.outcome}: {one.check}. {one.sentence}")
    return Results(
        task="reliance",
        question="Do the model's answers depend on the film, and on the finding in it?",
        model=predictor.name,
        collection=asked.where,
        split=config.split,
        n=len(asked.audited),
        protocol=asked.protocol(found),
        metrics=tuple(metrics),
        predictions=asked.predictions(parts),
        items=items,
        counted="films",
        must_match=("films", "uncertain", "absent"),
        tables=tuple(part.table for part in parts.values()),
        figures=(loss_figure(metrics, list(parts)),),
        examples=_shown(found),
        introduction=INTRODUCTION,
        legend=LEGEND,
        warnings=tuple(f"fails: {one.check}. {one.sentence}" for one in found if one.outcome == "fails"),
    )


class _Audit:
    """The films, what is known before, and what the model can be asked."""

    def __init__(
        self,
        predictor: Predictor,
        collections: Sequence[Collection],
        config: Config,
        progress: Progress,
    ) -> None:
        self.predictor, self.collections, self.config, self.progress = (
            predictor,
            collections,
            config,
            progress,
        )
        self.where = "+".join(collection.name for collection in collections)
        splits = (config.split, *(one for one in PRIOR_SPLITS if one != config.split))
        self.labels = choose_labels(predictor, collections, ("images",), splits, config.labels, progress)
        self.resampling = Resampling(number_of_films, config.resamples, config.seed)
        self.pack = load_pack(config.prompts)
        names = self._observations()
        self.asked: list[Question] = questions(predictor, self.pack, names)
        if not self.asked:
            raise UsageError(
                f"{predictor.name} answers nothing about {', '.join(names)}: choose other prompts= or labels="
            )
        self.audited = self._audited(names)
        self.prior, self.prior_split = self._prior(names)

    def _observations(self) -> tuple[str, ...]:
        labels, wanted = self.labels, self.config.observations
        for name in wanted or ():
            if name not in labels.stated:
                raise DataError(f"no labels of '{name}' from {labels.origin}: {nearest(name, labels.stated)}")
        return tuple(wanted or (name for name in labels.observations if name in labels.stated))

    def _films(self, split: str, names: tuple[str, ...]) -> Films:
        config = self.config
        views = views_of_films(self.predictor, config.views)
        return gather_films(
            self.collections, split, views, self.labels, names, config.uncertain, config.absent
        )

    def _audited(self, names: tuple[str, ...]) -> AuditedFilms:
        films = self._films(self.config.split, names)
        patients = len(set(films.patients.tolist()))
        if patients < 2:
            raise DataError(
                f"{self.where}: labelled films of {patients} patients in split '{self.config.split}', but "
                "films are exchanged between patients; choose another with --split"
            )
        return audited_films(self.predictor, self.collections, films, self.config.films, self.config.seed)

    def _prior(self, names: tuple[str, ...]) -> tuple[Prior, str]:
        """From the first split of `PRIOR_SPLITS` with labelled films; without any, from the audited films."""
        for split in PRIOR_SPLITS:
            if split != self.config.split and len(known := self._films(split, names)):
                views = views_of(self.collections, known)
                return prior_of(self.audited, known, views, f"films of split {split}"), split
        films = self.audited.films
        return prior_of(self.audited, films, self.audited.views, "the audited films themselves"), ""

    def questions(self) -> tuple[list[Metric], dict[str, Part]]:
        """What the model answers about observations."""
        parts = {}
        for question in self.asked:
            self.progress.log(f"asking for {question.name.replace('_', '-')}: {len(self.audited)} films")
            parts[question.name] = audit(question, self.audited, self.prior, self.resampling)
        return [metric for part in parts.values() for metric in part.metrics], parts

    def pointing(self) -> list[Metric]:
        """Where the model points, if it does and there are boxes."""
        point = pointing.pointer(self.predictor)
        if point is None or not self.audited.occlusions:
            return []
        names = self.audited.films.observations
        places = usual_places(self.collections, self.prior_split or self.config.split, names)
        texts = pointing.phrases(self.pack, names)
        return pointing.audit(self.audited, point, texts, places, self.resampling)

    @property
    def _reads_texts(self) -> bool:
        return {"encodes_images", "encodes_texts"} <= self.predictor.abilities

    @property
    def _rule(self) -> str:
        learned = self.predictor.config.training_facts.text_rule
        return self.config.text_rule or learned or "findings_impression"

    def retrieval(self) -> list[Metric]:
        """How reports are found, if the model reads texts and there are reports."""
        if not self._reads_texts:
            return []
        texts = retrieving.reports_of(self.collections, self.audited, self._rule)
        return retrieving.audit(self.audited, texts, self.resampling)

    def prompt_pairs(self) -> list[Metric]:
        """How prompts that differ in one word are told apart, if the model reads texts."""
        if not self._reads_texts:
            return []
        texts = retrieving.reports_of(self.collections, self.audited, "all")
        reader = ReportReader(TextSettings())
        reports = {row: reader.read([text])[0] for row, text in enumerate(texts) if text.strip()}
        return prompt_pairs.audit(self.audited, reports, self.resampling)

    def predictions(self, parts: dict[str, Part]) -> pd.DataFrame:
        """One row per film, question and observation: the truth, and the score under every change."""
        tables = []
        for question in self.asked:
            part, films = parts[question.name], self.audited.films
            columns = [films.observations.index(name) for name in question.observations]
            own = type(films)(
                films.frame, question.observations, films.positive[:, columns], films.known[:, columns], 0
            )
            table = own.by_observation().assign(question=question.name, called=part.called.ravel())
            scores = {change: scores.ravel() for change, scores in part.shown.items()}
            tables.append(table.assign(**scores))
        return pd.concat(tables, ignore_index=True)

    def protocol(self, found: Sequence[Verdict]) -> dict[str, Any]:
        """The settings and data that determine the scores, and the verdicts."""
        config, audited = self.config, self.audited
        similar = (
            prompt_pairs.similarity_of_pairs(audited, audited.films.observations)
            if self._reads_texts
            else None
        )
        return {
            **config.model_dump(mode="json"),
            **label_facts(self.labels),
            **identity(self.predictor, self.collections, config.resamples),
            "verdicts": {one.check: {"outcome": one.outcome, "numbers": one.sentence} for one in found},
            "questions": {one.name: one.says for one in self.asked},
            "changes": {AS_IT_IS: "the stored film", **TITLES},
            "view": "each film is shown alone, and its view is not said",
            "findings_with_boxes": len(audited.occlusions),
            "without_room_elsewhere": sum(one.outside is None for one in audited.occlusions),
            "prior": self.prior.source,
            "prompts": {
                "pack": self.pack.name,
                "version": self.pack.version,
                "fingerprint": self.pack.fingerprint,
            },
            "prompt_pairs": {name: list(pair) for name, pair in prompt_pairs.PAIRS.items()},
            "cosine_of_prompt_pairs": similar,
            "text_rule": self._rule,
            "baselines": {
                "view_only": "the frequency of the observation among films of the same view",
                "prior_only": "frequencies of observations; of places the centre of the mean box; of prompts "
                "what is true of most of the audited items",
                "another_film": TITLES["film_of_other_labels"],
                "random": "a place, or an order of the reports, drawn at random",
            },
        }


def _comparable(metric: Metric, groups: set[str]) -> Metric:
    """The metric; without statistics of its items it is not compared with that of another model."""
    return metric if metric.group in groups else replace(metric, aggregation=None, parts=())


def _shown(found: Sequence[Verdict]) -> tuple[Example, ...]:
    """The verdicts for the page, those of one question together."""
    groups: dict[str, list[Verdict]] = {}
    for one in found:
        groups.setdefault(one.check.partition(":")[0], []).append(one)
    return tuple(
        Example(
            title=name,
            group="Does it look at the film?",
            sentences=tuple(
                ShownSentence(
                    f"{one.check.partition(': ')[2].capitalize()}: {one.outcome}. {one.sentence}",
                    "check",
                    agreement=_AGREEMENT.get(one.outcome, "open"),
                )
                for one in own
            ),
        )
        for name, own in groups.items()
    )
