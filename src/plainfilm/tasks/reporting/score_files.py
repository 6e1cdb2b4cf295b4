"""Scores reports of any system, given as files: the same scores as of a model that is asked here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field

from plainfilm.bank.items import MIN_LETTERS
from plainfilm.batches.rows import letters
from plainfilm.errors import DataError
from plainfilm.progress import SILENT, Progress
from plainfilm.tasks.base import Results
from plainfilm.tasks.reporting.baselines import BASELINES, most_frequent_report, random_reports
from plainfilm.tasks.reporting.examples import INTRODUCTION, LEGEND, examples
from plainfilm.tasks.reporting.pairs import ReportPairs, score_pairs
from plainfilm.tasks.reporting.scores import ReportReader, TextSettings
from plainfilm.tasks.reporting.text_files import REXRANK_FILE, Reports, RexrankStudy, rexrank_json

GIVEN = "given texts"
"""The split of results that were made from files."""
_SHOWN = 3


class Config(TextSettings):
    """How reports of files are scored, see also `reporting.scores.TextSettings`.

    sections: what text the references are, part of every score's identity; by default what the file states.
    missing: a reference without a candidate is an error, or the candidate counts as an empty report.
    random_draws: number of draws of the baseline of random reports.
    """

    sections: str | None = None
    missing: Literal["error", "empty"] = "error"
    random_draws: int = Field(default=3, ge=1)


def score_reports(
    references: Reports,
    candidates: Reports,
    config: Config,
    names: tuple[str, str],
    training: Reports | None = None,
    progress: Progress = SILENT,
) -> Results:
    """Score candidates against the references of the same ids; `names` are those of both for people.

    training: reports for the baselines "most_frequent" and "random"; without it the baselines that the
    references come with are taken, if any.

    Raises:
        DataError: no id in common, references without a candidate (see `Config`), or no reference at all.
    """
    ids = [study for study, text in references.texts.items() if letters(text) >= MIN_LETTERS]
    _check(ids, references, candidates, config, names)
    unknown = [study for study in candidates.texts if study not in references.texts]
    if unknown:
        progress.log(f"{names[1]}: {_counted(unknown)} without a reference, left out")
    missing = [study for study in ids if study not in candidates.texts]
    if missing:
        progress.log(f"{names[1]}: {_counted(missing)} missing, scored as empty reports")
    stated = {**candidates.patients, **references.patients}
    pairs = ReportPairs(
        ids,
        [stated.get(study, study) for study in ids],
        [references.texts[study] for study in ids],
        [candidates.texts.get(study, "") for study in ids],
        config.sections or references.sections,
        _baselines(references, training, ids, config),
    )
    scored = score_pairs(pairs, _text_settings(config), None, progress)
    alone = sum(study not in stated for study in ids)
    return Results(
        task="report_generation",
        question="Are the given texts like the reference reports?",
        model=names[1],
        collection=names[0],
        split=GIVEN,
        n=len(ids),
        protocol={
            **scored.protocol,
            "split": GIVEN,
            "patients": f"{alone} of {len(ids)} not stated: each such report counts as a patient of its own",
            "baselines": {name: BASELINES.get(name, name) for name in pairs.baselines},
            "missing": config.missing,
            "left_out": {
                "references without text": len(references.texts) - len(ids),
                "candidates without a reference": len(unknown),
                "candidates that are missing, scored as empty": len(missing),
            },
        },
        metrics=scored.metrics,
        predictions=scored.predictions,
        items=scored.items,
        counted="reports",
        must_match=("references",),
        tables=scored.tables,
        figures=scored.figures,
        examples=tuple(examples(scored)),
        introduction=INTRODUCTION,
        legend=LEGEND,
        attachments={REXRANK_FILE: _rexrank(pairs, stated)},
    )


def _check(
    ids: Sequence[str], references: Reports, candidates: Reports, config: Config, names: tuple[str, str]
) -> None:
    if not ids:
        raise DataError(f"{names[0]}: none of {len(references.texts)} references has any text")
    if not set(ids) & set(candidates.texts):
        raise DataError(
            f"{names[0]} and {names[1]} have no id in common (such as {next(iter(ids))!r} and "
            f"{next(iter(candidates.texts))!r}); name the column of ids with --id-column"
        )
    missing = [study for study in ids if study not in candidates.texts]
    if missing and config.missing == "error":
        raise DataError(
            f"{names[1]}: {_counted(missing)} of {len(ids)} missing; add them, or score them as empty "
            "reports with missing=empty"
        )


def _counted(ids: Sequence[str]) -> str:
    shown = ", ".join(ids[:_SHOWN])
    return f"{len(ids)} candidate{'s' * (len(ids) > 1)} ({shown}{', ...' if len(ids) > _SHOWN else ''})"


def _text_settings(config: Config) -> TextSettings:
    return TextSettings(**{name: getattr(config, name) for name in TextSettings.model_fields})


def _baselines(
    references: Reports, training: Reports | None, ids: Sequence[str], config: Config
) -> Mapping[str, Sequence[Sequence[str]]]:
    if training is None:
        return {name: [[own[study] for study in ids]] for name, own in references.baselines.items()}
    texts = [text for text in training.texts.values() if letters(text) >= MIN_LETTERS]
    if not texts:
        raise DataError("the training reports have no text; baselines need some")
    commonest = most_frequent_report(texts, ReportReader(_text_settings(config)))
    return {
        "most_frequent": [[commonest] * len(ids)],
        "random": random_reports(texts, len(ids), config.random_draws, config.seed),
    }


def _rexrank(pairs: ReportPairs, patients: Mapping[str, str]) -> str:
    rows = zip(pairs.ids, pairs.references, pairs.candidates, strict=True)
    return rexrank_json(
        {
            study: RexrankStudy(reference, candidate, patient=patients.get(study))
            for study, reference, candidate in rows
        }
    )
