"""Writes the results of a film as three DICOM files: report, presentation state and secondary capture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plainfilm.dicom_output.annotations import FilmResults
from plainfilm.dicom_output.objects import Algorithm, Kind, tracked, without_warnings
from plainfilm.dicom_output.presentation_state import presentation_state
from plainfilm.dicom_output.secondary_capture import secondary_capture
from plainfilm.dicom_output.source_film import SourceFilm
from plainfilm.dicom_output.structured_report import structured_report
from plainfilm.io.files import replacing

PREFIXES: dict[Kind, str] = {
    "structured report": "sr",
    "presentation state": "pr",
    "secondary capture": "sc",
}
"""How the names of files begin; the SOP Instance UID of the film follows."""


def objects(
    film: SourceFilm, results: FilmResults, algorithm: Algorithm, reader: str = ""
) -> dict[Kind, Any]:
    """The three objects about a film as pydicom datasets; `reader` changed what the model said, if any.

    Raises:
        ImageError: the film cannot be read.
        MissingDependency: a package that writes DICOM is not installed.
    """
    results = tracked(film, results, algorithm)
    return {
        "structured report": structured_report(film, results, algorithm, reader),
        "presentation state": presentation_state(film, results, algorithm),
        "secondary capture": secondary_capture(film, results, algorithm),
    }


def write_objects(
    film: SourceFilm, results: FilmResults, algorithm: Algorithm, folder: Path, reader: str = ""
) -> list[Path]:
    """Write the three objects about a film to `folder`; those of an earlier time are replaced.

    Raises:
        ImageError: the film cannot be read.
        DataError: a file cannot be written.
        MissingDependency: a package that writes DICOM is not installed.
    """
    paths = []
    for kind, dataset in objects(film, results, algorithm, reader).items():
        path = folder / f"{PREFIXES[kind]}-{film.uid}.dcm"
        with replacing(path) as temporary, without_warnings():
            dataset.save_as(temporary, enforce_file_format=True)
        paths.append(path)
    return paths
