"""Answers several questions about each of many files or studies; each file is opened and encoded once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from plainfilm.errors import ImageError
from plainfilm.predictor.documents import Answers, Questions, ShownFilm, Study
from plainfilm.predictor.findings import Finding
from plainfilm.predictor.studies import study_films
from plainfilm.predictor.zero_shot import PromptsOf
from plainfilm.progress import SILENT, Progress

if TYPE_CHECKING:
    from plainfilm.predictor.predictor import Predictor

_GIVE_FINDINGS = frozenset({"classifies", "encodes_texts"})


def answers(
    predictor: Predictor,
    files: Sequence[Path],
    questions: Questions,
    prompts: PromptsOf | None = None,
    progress: Progress = SILENT,
) -> Iterator[Answers]:
    """See `Predictor.answer`."""
    gives_findings = bool(predictor.abilities & _GIVE_FINDINGS)
    asked = (questions.find, questions.boxes, questions.report, questions.maps)
    if gives_findings and not any(asked):
        for file, findings in zip(files, predictor.findings(files, prompts, progress), strict=True):
            if isinstance(findings, ImageError):
                yield Answers(str(file), error=findings)
            else:
                yield Answers(str(file), findings)
        return
    for file in progress.track(files, len(files), "predicting"):
        try:
            yield _of_one(predictor, file, questions, prompts if gives_findings else None, gives_findings)
        except ImageError as error:
            yield Answers(str(file), error=error)


def study_answers(
    predictor: Predictor,
    studies: Sequence[Study],
    questions: Questions,
    prompts: PromptsOf | None = None,
    progress: Progress = SILENT,
) -> Iterator[Answers]:
    """See `Predictor.answer_studies`."""
    for study in progress.track(studies, len(studies), "predicting"):
        yield _of_study(predictor, study, questions, prompts)


def _of_study(predictor: Predictor, study: Study, questions: Questions, prompts: PromptsOf | None) -> Answers:
    named, encoded, views, shown = study_films(study.files, study.views), [], [], []
    for path, view in zip(study.files, named.views, strict=True):
        error = None
        try:
            encoded.append(predictor.encode_film(path))
            views.append(view)
        except ImageError as found:
            error = found
        shown.append(ShownFilm(str(path), view, error))
    if not encoded:
        return Answers(study.name, films=shown, error=ImageError("no film of this study is usable"))
    findings: Sequence[Finding] = ()
    if predictor.abilities & _GIVE_FINDINGS:
        findings = next(predictor.findings_of_studies([encoded], [views], prompts))
    report = predictor.write_report(encoded, views) if questions.report else None
    return Answers(study.name, findings, report=report, films=shown)


def _of_one(
    predictor: Predictor,
    file: Path,
    questions: Questions,
    prompts: PromptsOf | None,
    gives_findings: bool,
) -> Answers:
    film = predictor.encode_film(file)
    findings: Sequence[Finding] = ()
    if gives_findings:
        found = next(predictor.findings([film], prompts))
        findings = found if isinstance(found, list) else ()
    sentences = predictor.describe(film, questions.boxes) if questions.boxes else []
    return Answers(
        file=str(file),
        findings=findings,
        find=predictor.locate(film, questions.find) if questions.find else (),
        boxes=list(zip(questions.boxes, sentences, strict=True)),
        report=predictor.write_report(film) if questions.report else None,
        maps=predictor.similarity_maps(film, questions.maps) if questions.maps else (),
    )
