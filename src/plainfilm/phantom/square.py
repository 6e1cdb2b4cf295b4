"""Films and boxes as squares of 1024 pixels, the size of ChestX-ray14 and the corpora derived from it."""

from __future__ import annotations

import hashlib
import uuid
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plainfilm.phantom.dicom_files import write_dicom
from plainfilm.phantom.publishing import frontal_films, studies_of
from plainfilm.phantom.truth import Film, PatientTruth, StudyTruth
from plainfilm.seeding import generator
from plainfilm.types import View

SIDE = 1024


def published(
    patients: Sequence[PatientTruth], *, test: bool
) -> Iterator[tuple[PatientTruth, StudyTruth, Film]]:
    """The frontal films of one part: those of the test, or all others."""
    for patient, study in studies_of(patients):
        if is_test(patient) == test:
            for film in frontal_films(study):
                yield patient, study, film


def is_test(patient: PatientTruth) -> bool:
    """Whether a patient's films belong to the test set, whose labels a competition withholds."""
    return patient.split == "test"


def write_square(path: Path, film: Film, array: NDArray[np.uint8], header: dict[str, str]) -> None:
    """Write a film as in these corpora: 8 bit, some compressed, ages without a unit, occasionally no view."""
    path.parent.mkdir(parents=True, exist_ok=True)
    compressed = generator("square film", film.film_id).random() < 0.5
    view = stated_view(film)
    stated = {} if view is View.UNKNOWN else {"ViewPosition": view.value}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # DICOM does not allow an age without its unit
        write_dicom(
            path,
            squared(array),
            bits_stored=8,
            syntax="jpeg lossless" if compressed else "explicit",
            window=False,
            spacing_mm=film.spacing_mm * film.width / SIDE,
            attributes={"Modality": "CR", **stated, **header},
        )


def stated_view(film: Film) -> View:
    """The view in the header: PA or AP, none on one film in twenty."""
    if generator("square view", film.film_id).random() < 0.05:
        return View.UNKNOWN
    return View.PA if film.view == View.PA else View.AP


def squared(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A film (H, W) stretched to the square."""
    return np.asarray(Image.fromarray(array).resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.uint8)


def squared_box(corners: tuple[float, float, float, float], film: Film) -> tuple[float, float, float, float]:
    """A box on a film as the box on its square, in whole pixels, at least one on each side."""
    scales = SIDE / film.width, SIDE / film.height
    x0, x1 = (int(np.clip(round(corners[place] * scales[0]), 0, SIDE)) for place in (0, 2))
    y0, y1 = (int(np.clip(round(corners[place] * scales[1]), 0, SIDE)) for place in (1, 3))
    x0, y0 = min(x0, SIDE - 1), min(y0, SIDE - 1)
    return float(x0), float(y0), float(max(x1, x0 + 1)), float(max(y1, y0 + 1))


def uuid_of(*parts: object) -> str:
    """A string like a version 4 UUID that depends on `parts` only."""
    text = "\x1f".join(str(part) for part in parts)
    return str(uuid.UUID(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()))
