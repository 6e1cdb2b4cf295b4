"""The files that `plainfilm predict` writes: a table, a page, maps, DICOM results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plainfilm.io.files import replacing
from plainfilm.io.locks import writing_file

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor
    from plainfilm.predictor.documents import Answers, Questions


@dataclass(frozen=True)
class PredictionFiles:
    """The places of what is wanted: a table, a page, a folder of maps and a folder of DICOM results."""

    csv: Path | None
    html: Path | None
    maps: Path | None
    dicom: Path | None

    def check(self, films: Sequence[Path]) -> None:
        """See `dicom_output.predictions.ResultsFolder.check`."""
        if self.dicom is not None:
            from plainfilm.dicom_output.predictions import ResultsFolder

            ResultsFolder(self.dicom).check(films)

    def write(
        self, answered: Iterable[Answers], predictor: Predictor, questions: Questions, prompts: str | None
    ) -> list[dict[str, Any]]:
        """Write what is wanted of the answers as they come; returns their documents.

        Raises:
            UsageError: the table or the page exists, or another process writes one of the places.
            DataError: a place cannot be written.
        """
        from plainfilm.predictor.documents import document

        entries, shown = [], []
        with (
            writing_file(self.csv, new=True),
            writing_file(self.html, new=True),
            self._drawing(predictor) as draw,
            self._writing_dicom(predictor, questions, prompts) as write_dicom,
        ):
            for answers in answered:
                entries.append(document(answers))
                shown += [answers] if self.html is not None else []
                draw(answers)
                write_dicom(entries[-1])
            if self.csv is not None:
                _write_csv(entries, self.csv)
            if self.html is not None:
                _write_page(shown, predictor, self.html)
        return entries

    # What is not asked for is not imported: a person waits for a table.

    @contextmanager
    def _drawing(self, predictor: Predictor) -> Iterator[Callable[[Answers], None]]:
        """A function that draws the maps of one film."""
        if self.maps is None:
            yield _nothing
            return
        from plainfilm.results.similarity_maps import writing_maps

        with writing_maps(self.maps, predictor.name) as drawn:
            yield lambda answers: drawn.add(Path(answers.file), answers.maps) if answers.maps else None

    @contextmanager
    def _writing_dicom(
        self, predictor: Predictor, questions: Questions, prompts: str | None
    ) -> Iterator[Callable[[Mapping[str, Any]], None]]:
        """A function that writes the DICOM files about one film from its document."""
        if self.dicom is None:
            yield _nothing
            return
        from plainfilm.dicom_output.predictions import ResultsFolder, algorithm_of

        folder, algorithm = ResultsFolder(self.dicom), algorithm_of(predictor, questions, prompts)
        with folder.writing():
            yield lambda entry: folder.write(entry, algorithm)


def _nothing(answer: Any) -> None:
    """Nothing is wanted of an answer."""


def _write_csv(entries: Sequence[dict[str, Any]], path: Path) -> None:
    import pandas as pd

    from plainfilm.predictor.documents import COLUMNS, rows

    frame = pd.DataFrame(rows(entries)).reindex(columns=list(COLUMNS))
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=False)


def _write_page(shown: Sequence[Answers], predictor: Predictor, path: Path) -> None:
    from plainfilm.predictor.page import page

    with replacing(path) as temporary:
        temporary.write_text(page(shown, predictor.name, predictor.config), encoding="utf-8")
