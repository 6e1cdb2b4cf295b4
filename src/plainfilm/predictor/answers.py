"""Answers several questions about each of many files or studies; each file is opened and encoded once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from plainfilm.errors import ImageError
from plainfilm.predictor.documents import Answers, Questions, ShownFilm, Study
from plainfilm.predictor.films import EncodedFilm
from plainfilm.predictor.findings import Finding
from plainfilm.predictor.report import WrittenReport
from plainfilm.predictor.studies import study_films
from plainfilm.predictor.zero_shot import PromptsOf
from plainfilm.progress import SILENT, Progress
from plainfilm.prompts import PromptPack, load_pack

if TYPE_CHECKING:
    from plainfilm.predictor.predictor import Predictor

DEFAULT_PACK = "cxr"
"""The prompt pack for models without operating points, unless another is named."""

_READ_PROMPTS = frozenset({"encodes_texts", "scores_pairs"})
_GIVE_FINDINGS = _READ_PROMPTS | {"classifies"}


def default_pack(predictor: Predictor, name: str | None = None) -> PromptPack | None:
    """The prompts that findings are asked with: of the pack that is named, else those of the operating points
    (`None`), else of `DEFAULT_PACK`; `None` for a model that reads no prompts.

    Raises:
        ConfigError: no such pack.
    """
    reads_prompts = bool(predictor.abilities & _READ_PROMPTS) and not predictor.observations
    if name is None and (predictor.operating_points is not None or not reads_prompts):
        return None
    return load_pack(name or DEFAULT_PACK)


def gives_findings(predictor: Predictor) -> bool:
    """Whether the model has an answer for observations."""
    return bool(predictor.abilities & _GIVE_FINDINGS)


def answers(
    predictor: Predictor,
    files: Sequence[Path],
    questions: Questions,
    prompts: PromptsOf | None = None,
    progress: Progress = SILENT,
) -> Iterator[Answers]:
    """See `Predictor.answer`."""
    asked = (questions.find, questions.boxes, questions.report, questions.maps)
    if gives_findings(predictor) and not any(asked):
        for file, findings in zip(files, predictor.findings(files, prompts, progress), strict=True):
            if isinstance(findings, ImageError):
                yield Answers(str(file), error=findings)
            else:
                yield Answers(str(file), findings)
        return
    for file in progress.track(files, len(files), "predicting"):
        try:
            yield about_film(predictor, predictor.encode_film(file), str(file), questions, prompts)
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
    if gives_findings(predictor):
        findings = next(predictor.findings_of_studies([encoded], [views], prompts))
    report = predictor.write_report(encoded, views) if questions.report else None
    return Answers(study.name, findings, report=report, films=shown)


def about_film(
    predictor: Predictor,
    film: EncodedFilm,
    file: str,
    questions: Questions,
    prompts: PromptsOf | None = None,
    *,
    findings: bool = True,
) -> Answers:
    """The answers to all questions about one image, called `file` in them, which is encoded already; with
    `findings` those of its observations, if the model gives any."""
    found: list[Finding] | ImageError = []
    if findings and gives_findings(predictor):
        found = next(predictor.findings([film], prompts))
    sentences = predictor.describe(film, questions.boxes) if questions.boxes else []
    return Answers(
        file=file,
        findings=found if isinstance(found, list) else (),
        find=predictor.locate(film, questions.find, describe=True) if questions.find else (),
        boxes=list(zip(questions.boxes, sentences, strict=True)),
        report=_report(predictor, film) if questions.report else None,
        size=film.size,
        maps=predictor.similarity_maps(film, questions.maps) if questions.maps else (),
    )


def _report(predictor: Predictor, film: EncodedFilm) -> WrittenReport:
    if "writes_grounded_reports" in predictor.abilities:
        return predictor.write_grounded_report(film)
    return predictor.write_report(film)
