from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from plainfilm.errors import DataError, SourceError
from plainfilm.sources import padchest_gr
from plainfilm.sources.base import completed
from plainfilm.types import Box, Rejection, State, Study

REPORTS = "grounded_reports_20240819.json"
FINDINGS: list[dict[str, Any]] = [
    {
        "sentence_en": "Left pleural effusion with atelectasis.",
        "sentence_es": "Derrame pleural izquierdo con atelectasia.",
        "abnormal": True,
        "boxes": [[0.5, 0.5, 0.75, 1.0]],
        "extra_boxes": [[0.5, 0.25, 0.75, 1.02]],
        "labels": ["pleural effusion", "atelectasis"],
        "locations": ["loc left"],
        "progression": "stable",
    },
    {"sentence_en": "No pneumothorax.", "sentence_es": "No neumotórax.", "abnormal": False},
]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """One film of 40 x 20 pixels with a finding that has boxes by two readers, and one that has none."""
    write(tmp_path, FINDINGS)
    rows = [f"11,a.png,{label},train,77,F,63" for label in ("pleural effusion", "atelectasis")]
    header = "StudyID,ImageID,label,split,PatientID,PatientSex_DICOM,PatientAge"
    (tmp_path / "master_table.csv").write_text("\n".join([header, *rows, ""]))
    film = tmp_path / "Padchest_GR_files" / "a.png"
    film.parent.mkdir()
    PillowImage.fromarray(np.full((20, 40), 900, np.uint16)).save(film)
    return tmp_path


def write(raw: Path, findings: object, **other: object) -> None:
    entry = {"StudyID": "11", "ImageID": "a.png", "findings": findings} | other
    (raw / REPORTS).write_text(json.dumps([entry]), encoding="utf-8")


def read(raw: Path, **options: Any) -> tuple[list[Study], list[Rejection]]:
    config = padchest_gr.Config(**options)
    items = list(padchest_gr.read(raw, config))
    studies = (item for item in items if isinstance(item, Study))
    items = [item for item in items if isinstance(item, Rejection)] + list(
        completed("padchest_gr", studies, config)
    )
    return [one for one in items if isinstance(one, Study)], [
        one for one in items if isinstance(one, Rejection)
    ]


def test_a_study_is_a_patient_of_padchest_with_a_split(raw: Path) -> None:
    [study], told = read(raw)
    assert (told, padchest_gr.CORPUS) == ([], "padchest")
    assert (study.study_id, study.patient_id, study.split) == ("11", "77", "train")
    assert (study.age, study.sex) == (63.0, "F")


def test_boxes_are_in_pixels_by_reader_phrase_and_observation(raw: Path) -> None:
    phrase = FINDINGS[0]["sentence_en"]
    [study], _ = read(raw)
    (image,) = study.images
    assert (image.width, image.height) == (40, 20)
    title = "Pleural Effusion; Atelectasis"
    assert image.boxes == (
        Box(title, "phrase", 20, 10, 30, 20, annotator="first", phrase=phrase),
        Box("Pleural Effusion", "observation", 20, 10, 30, 20, annotator="first"),
        Box("Atelectasis", "observation", 20, 10, 30, 20, annotator="first"),
        Box(title, "phrase", 20, 5, 30, 20.4, annotator="second", phrase=phrase),
        Box("Pleural Effusion", "observation", 20, 5, 30, 20.4, annotator="second"),
        Box("Atelectasis", "observation", 20, 5, 30, 20.4, annotator="second"),
    )


def test_sentences_are_the_report_in_either_language(raw: Path) -> None:
    texts = [read(raw, language=language)[0][0].report for language in ("en", "es")]
    assert [text.text for text in texts if text] == [
        "Left pleural effusion with atelectasis. No pneumothorax.",
        "Derrame pleural izquierdo con atelectasia. No neumotórax.",
    ]


def test_labels_are_those_of_abnormal_findings(raw: Path) -> None:
    found = {label.observation: label.state for label in read(raw)[0][0].labels}
    assert found["Pleural Effusion"] is State.POSITIVE
    assert found["Pneumothorax"] is State.NEGATIVE
    assert found["No Finding"] is State.NEGATIVE
    write(raw, FINDINGS[1:])
    assert {label.observation for label in read(raw)[0][0].labels if label.state} == {"No Finding"}


@pytest.mark.parametrize(
    ("finding", "words"),
    [
        ("Effusion.", "does not say whether it is abnormal"),
        ({**FINDINGS[0], "abnormal": "yes"}, "does not say whether it is abnormal"),
        ({**FINDINGS[0], "sentence_en": " "}, "has no sentence_en"),
        ({**FINDINGS[0], "boxes": [[0.4, 0.1, 0.2, 0.3]]}, r"boxes has \[0.4, 0.1, 0.2, 0.3\]"),
        ({**FINDINGS[0], "boxes": [[0, 0, 20, 40]]}, r"boxes has \[0, 0, 20, 40\]"),
        ({**FINDINGS[0], "extra_boxes": [["a", 0, 1, 1]]}, "extra_boxes has"),
        ({**FINDINGS[0], "boxes": [0.1, 0.2, 0.3, 0.4]}, "boxes has 0.1"),
    ],
)
def test_a_finding_that_cannot_be_used(raw: Path, finding: object, words: str) -> None:
    import re

    write(raw, [finding, FINDINGS[1]])
    studies, told = read(raw)
    assert studies
    assert any(re.search(words, one.reason) for one in told), told


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"StudyID": "12"}, "study 12 has no patient in master_table.csv"),
        ({"ImageID": None}, "film '' has no StudyID or ImageID"),
        ({"ImageID": "b.png"}, "listed in grounded_reports_20240819.json but not on disk"),
    ],
)
def test_a_study_that_cannot_be_used(raw: Path, change: dict[str, object], words: str) -> None:
    write(raw, FINDINGS, **change)
    studies, told = read(raw)
    assert studies == []
    assert any(words in one.reason for one in told), told


def test_rows_of_a_study_that_disagree(raw: Path) -> None:
    table = raw / "master_table.csv"
    table.write_text(table.read_text().replace("atelectasis,train", "atelectasis,test"))
    [study], told = read(raw)
    assert study.split == "train"
    assert ["patient or split differ" in one.reason for one in told] == [True]


def test_a_film_that_is_no_picture_has_no_boxes(raw: Path) -> None:
    (raw / "Padchest_GR_files" / "a.png").write_bytes(b"")
    [study], told = read(raw)
    assert study.images[0].boxes == ()
    assert "kept without them" in told[0].reason
    assert read(raw, tables_only=True)[0][0].images[0].boxes == ()


def test_films_still_in_parts_of_a_zip(raw: Path) -> None:
    (raw / "Padchest_GR_files" / "a.png").unlink()
    (raw / "Padchest_GR_files" / "PadChest_GR.zip.001").write_bytes(b"PK")
    with pytest.raises(SourceError, match="films in parts of a zip; join them"):
        read(raw)


def test_a_folder_without_table_or_reports(raw: Path) -> None:
    (raw / "master_table.csv").unlink()
    with pytest.raises(SourceError, match=r"has no master_table\.csv"):
        read(raw)
    (raw / REPORTS).unlink()
    with pytest.raises(SourceError, match=r"has no grounded_reports_\*\.json"):
        read(raw)


@pytest.mark.parametrize("text", ["{}", "[", "null"])
def test_a_file_of_reports_that_is_none(raw: Path, text: str) -> None:
    (raw / REPORTS).write_text(text)
    with pytest.raises(DataError, match=REPORTS):
        read(raw)
