"""A film in a DICOM file as an archive gives it, and results about it, for the tests of DICOM objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plainfilm.dicom_output.annotations import FilmResults, results_of_document
from plainfilm.dicom_output.objects import Algorithm
from plainfilm.dicom_output.source_film import SourceFilm, read_source_film
from tests.io.dicom.maker import film, write

HEADER: dict[str, Any] = {
    "SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.1",
    "SOPInstanceUID": "1.2.3.4.1",
    "SeriesInstanceUID": "1.2.3.3.1",
    "StudyInstanceUID": "1.2.3.2.1",
    "StudyID": "7",
    "StudyDate": "20240131",
    "StudyTime": "101112",
    "AccessionNumber": "A77",
    "ReferringPhysicianName": "House^Gregory",
    "PatientName": "Doe^Jane",
    "PatientID": "P77",
    "PatientBirthDate": "19500101",
    "PatientSex": "F",
    "BodyPartExamined": "CHEST",
    "WindowCenter": "2048",
    "WindowWidth": "4000",
}
DOCUMENT: dict[str, Any] = {
    "file": "film.dcm",
    "findings": [
        {
            **{"observation": "Pneumothorax", "probability": 0.25, "positive_score": 0.125},
            **{"negative_score": -0.5, "abstains": False, "positive": True, "calibrated": True},
        },
        {
            **{"observation": "Pleural_Thickening", "probability": None, "positive_score": 0.5},
            **{"negative_score": None, "abstains": None, "positive": None, "calibrated": False},
        },
    ],
    "find": [
        {
            "text": "left pleural effusion",
            "boxes": [
                {"x0": 10.125, "y0": 20.3, "x1": 30.001, "y1": 44.0, "score": 0.75},
                {"x0": 60.0, "y0": 20.0, "x1": 90.0, "y1": 40.0, "score": 0.5},
            ],
            "sentence": "A small effusion on the left.",
        },
        {"text": "a phrase that no list of codes has", "boxes": [], "sentence": None},
    ],
    "boxes": [{"x0": 0.0, "y0": 0.0, "x1": 100.0, "y1": 120.0, "sentence": "Clear lungs."}],
    "report": {
        "sentences": [
            {"text": "No pneumothorax.", "boxes": []},
            {
                "text": "Das Herz ist groß, 心臟擴大。",
                "boxes": [{"x0": 40.0, "y0": 50.0, "x1": 80.0, "y1": 90.0}],
            },
        ]
    },
}
RESULTS: FilmResults = results_of_document(DOCUMENT)
ALGORITHM = Algorithm("chex-1-tiny", "4704e14a436c563c", ("find: left pleural effusion", "report"))


def film_file(path: Path, **changes: Any) -> Path:
    """A film of 100 x 120 pixels with a complete header; a change to `None` leaves the element out."""
    header = {key: value for key, value in (HEADER | changes).items() if value is not None}
    return write(path, film(), **header)


def source_film(folder: Path, **changes: Any) -> SourceFilm:
    """The header of `film_file`."""
    return read_source_film(film_file(folder / "film.dcm", **changes))
