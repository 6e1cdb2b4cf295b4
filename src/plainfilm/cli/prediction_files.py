"""The files that `plainfilm predict` writes: a table, a page, maps, DICOM results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
        from plainfilm.dicom_output.predictions import ResultsFolder, algorithm_of
        from plainfilm.predictor.documents import document
        from plainfilm.predictor.page import page
        from plainfilm.results.similarity_maps import writing_maps

        entries, shown = [], []
        dicom, algorithm = ResultsFolder(self.dicom), algorithm_of(predictor, questions, prompts)
        with (
            writing_file(self.csv, new=True),
            writing_file(self.html, new=True),
            writing_maps(self.maps, predictor.name) as drawn,
            dicom.writing(),
        ):
            for answers in answered:
                entries.append(document(answers))
                shown += [answers] if self.html is not None else []
                if drawn and answers.maps:
                    drawn.add(Path(answers.file), answers.maps)
                dicom.write(entries[-1], algorithm)
            if self.csv is not None:
                _write_csv(entries, self.csv)
            if self.html is not None:
                _write_text(page(shown, predictor.name), self.html)
        return entries


def _write_csv(entries: Sequence[Mapping[str, Any]], path: Path) -> None:
    import pandas as pd

    from plainfilm.predictor.documents import COLUMNS, rows

    frame = pd.DataFrame(rows(entries)).reindex(columns=list(COLUMNS))
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=False)


def _write_text(text: str, path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
