"""The answers of `predict` as DICOM files in a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plainfilm.dicom_output.annotations import results_of_document
from plainfilm.dicom_output.objects import Algorithm
from plainfilm.dicom_output.source_film import read_source_film
from plainfilm.dicom_output.write import write_objects
from plainfilm.io.locks import writing

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor
    from plainfilm.predictor.documents import Questions


def algorithm_of(predictor: Predictor, questions: Questions, prompts: str | None) -> Algorithm:
    """A model with what it is asked: the findings' prompts, phrases, boxes, a report."""
    asked = [f"find: {text}" for text in questions.find]
    asked += [f"box: {','.join(f'{value:g}' for value in box)}" for box in questions.boxes]
    asked += ["report"] if questions.report else []
    asked += [f"prompts: {prompts}"] if prompts else []
    return Algorithm(predictor.name, predictor.config.fingerprint, tuple(asked))


@dataclass(frozen=True)
class ResultsFolder:
    """A folder with the DICOM files about films."""

    folder: Path

    def check(self, films: Sequence[Path]) -> None:
        """Read the headers of all films, so that none is found unusable after long work.

        Raises:
            ImageError: a file is no DICOM file, or has no identifiers to refer to.
            OSError: a file cannot be read.
        """
        for film in films:
            read_source_film(film)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """While open, nobody else writes to the folder, which is made where it is missing.

        Raises:
            UsageError: another process is writing there.
            DataError: the folder cannot be written.
        """
        with writing(self.folder):
            yield

    def write(self, entry: Mapping[str, Any], algorithm: Algorithm) -> None:
        """Write the files about one film from its part of the document; none for an unusable film.

        Raises:
            DataError: a file cannot be written.
        """
        if "error" not in entry:
            film = read_source_film(Path(entry["file"]))
            write_objects(film, results_of_document(entry), algorithm, self.folder)
