"""Presentation states: boxes in pixels, sentences, polarity and window of the film."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plainfilm.dicom_output.annotations import Annotation, Answer, FilmResults
from plainfilm.dicom_output.objects import tracked
from plainfilm.dicom_output.presentation_state import presentation_state
from tests.dicom_output.films import ALGORITHM, RESULTS, source_film


def state(folder: Path, results: FilmResults = RESULTS, **header: Any) -> Any:
    film = source_film(folder, **header)
    return presentation_state(film, tracked(film, results, ALGORITHM), ALGORITHM)


def test_boxes_are_closed_polylines_in_pixels(tmp_path: Path) -> None:
    shapes = state(tmp_path).GraphicAnnotationSequence[0].GraphicObjectSequence
    for shape, one in zip(shapes, [one for one in RESULTS.annotations if one.box], strict=True):
        points = np.array(shape.GraphicData).reshape(5, 2)
        assert (shape.GraphicType, shape.GraphicAnnotationUnits) == ("POLYLINE", "PIXEL")
        assert [*points.min(axis=0), *points.max(axis=0)] == pytest.approx(one.box, abs=1e-3)
        assert points[0].tolist() == points[-1].tolist()


def test_every_sentence_is_shown_once_with_the_numbers_of_its_boxes(tmp_path: Path) -> None:
    texts = state(tmp_path).GraphicAnnotationSequence[0].TextObjectSequence
    lines = texts[-1].UnformattedTextValue.split("\r\n")
    assert lines == [
        "Plainfilm research software, not for diagnosis. Model: chex-1-tiny",
        "1, 2  left pleural effusion: A small effusion on the left.",
        "3  Clear lungs.",
        "4  Das Herz ist groß, 心臟擴大。",
        "-  a phrase that no list of codes has: not located",
        "-  No pneumothorax.",
    ]
    assert [text.UnformattedTextValue for text in texts[:-1]] == ["1 (0.75)", "2 (0.50)", "3", "4"]


@pytest.mark.parametrize(("polarity", "shape"), [("MONOCHROME1", "INVERSE"), ("MONOCHROME2", "IDENTITY")])
def test_polarity_and_window_are_those_of_the_film(polarity: str, shape: str, tmp_path: Path) -> None:
    made = state(tmp_path, PhotometricInterpretation=polarity, RescaleSlope="2", RescaleIntercept="-5")
    assert made.PresentationLUTShape == shape
    assert made.SoftcopyVOILUTSequence[0].WindowCenter == 2048
    assert (made.RescaleSlope, made.RescaleIntercept) == (2, -5)


def test_a_box_beyond_the_film_is_cut_and_long_texts_end(tmp_path: Path) -> None:
    far = Annotation(Answer("report", 1), (-20.0, 5.0, 500.0, 90.0), sentence="word " * 400)
    annotation = state(tmp_path, FilmResults((far,))).GraphicAnnotationSequence[0]
    points = np.array(annotation.GraphicObjectSequence[0].GraphicData).reshape(-1, 2)
    assert [*points.min(axis=0), *points.max(axis=0)] == [0, 5, 100, 90]
    assert len(annotation.TextObjectSequence[-1].UnformattedTextValue) == 1024


def test_a_film_without_answers_says_so(tmp_path: Path) -> None:
    [text] = state(tmp_path, FilmResults()).GraphicAnnotationSequence[0].TextObjectSequence
    assert text.UnformattedTextValue.endswith("-  No box and no sentence.")
