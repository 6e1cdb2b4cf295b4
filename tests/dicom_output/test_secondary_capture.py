"""Secondary captures: the film with its boxes, and the patient's study."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from plainfilm.dicom_output.annotations import Annotation, Answer, FilmResults
from plainfilm.dicom_output.secondary_capture import LONGEST_SIDE, picture, secondary_capture
from plainfilm.io.images import read_image
from tests.dicom_output.films import ALGORITHM, RESULTS, source_film

GREY = np.full((300, 400), 90, np.uint8)


def coloured(pixels: np.ndarray) -> np.ndarray:
    """Where a picture (H, W, 3) has a colour."""
    return np.ptp(pixels.astype(int), axis=2) > 60


def boxed(*box: float) -> FilmResults:
    return FilmResults((Annotation(Answer("report", 1), box, sentence="x"),))  # type: ignore[arg-type]


def test_boxes_are_drawn_where_they_are() -> None:
    pixels = picture(GREY, boxed(100, 50, 300, 200), ALGORITHM)
    rows, columns = np.nonzero(coloured(pixels[:300]))
    assert (columns.min(), rows.min(), columns.max(), rows.max()) == (100, 50, 300, 200)
    assert (pixels[100, 200] == 90).all()


def test_large_films_are_reduced_with_their_boxes() -> None:
    pixels = picture(np.full((2048, 1024), 90, np.uint8), boxed(200, 400, 800, 1200), ALGORITHM)
    assert pixels.shape[1] == LONGEST_SIDE // 2
    rows, columns = np.nonzero(coloured(pixels[:LONGEST_SIDE]))
    assert (columns.min(), rows.min(), columns.max(), rows.max()) == (100, 200, 400, 600)


def test_the_film_itself_is_unchanged_beside_the_boxes(tmp_path: Path) -> None:
    film = source_film(tmp_path)
    shown = secondary_capture(film, FilmResults(), ALGORITHM).pixel_array[:120, :, 0]
    assert (shown == read_image(film.path).array).all()


def test_sentences_lengthen_the_picture_and_nothing_is_cut() -> None:
    short, long = (
        picture(GREY, FilmResults((Annotation(Answer("report", 1), sentence="word " * count),)), ALGORITHM)
        for count in (2, 200)
    )
    assert long.shape[0] > short.shape[0] + 100
    assert long.shape[1] == short.shape[1] == 400
    assert (long[:, -4:] == long[-1, -1]).all(axis=2)[300:].all()


def test_it_lies_in_the_study_of_the_film_and_names_it(tmp_path: Path) -> None:
    capture = secondary_capture(source_film(tmp_path), RESULTS, ALGORITHM)
    assert (capture.StudyInstanceUID, capture.PatientID) == ("1.2.3.2.1", "P77")
    assert capture.SourceImageSequence[0].ReferencedSOPInstanceUID == "1.2.3.4.1"
    assert capture.ImageType[0] == "DERIVED"


@pytest.mark.parametrize("sentence", ["Größe: 5 µm – ≥ 2×", "Сердце увеличено"])
def test_letters_beyond_english_are_drawn_each_in_its_own_shape(sentence: str) -> None:
    results = [
        FilmResults((Annotation(Answer("report", 1), sentence=text),))
        for text in (sentence, "\ufffe" * len(sentence))
    ]
    drawn, missing = (picture(GREY, one, ALGORITHM) for one in results)
    assert drawn.shape != missing.shape or (drawn != missing).any()
