"""Several questions about each of many files, each file opened and encoded once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from plainfilm.errors import ImageError
from plainfilm.predictor.documents import Answers, Questions
from plainfilm.predictor.findings import Finding
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
    if gives_findings and not (questions.find or questions.boxes or questions.report):
        for file, found in zip(files, predictor.findings(files, prompts, progress), strict=True):
            if isinstance(found, ImageError):
                yield Answers(str(file), error=found)
            else:
                yield Answers(str(file), found)
        return
    for file in progress.track(files, len(files), "asking"):
        try:
            yield _of_one(predictor, file, questions, prompts if gives_findings else None, gives_findings)
        except ImageError as error:
            yield Answers(str(file), error=error)


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
    )
