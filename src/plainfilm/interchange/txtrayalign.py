"""TxtRayAlign: `train.csv`, `val.csv`, `test.csv` with one row per image, `sections.csv` with one per study.

    ,study_id,path,report,patient_id,image_id,view       the split tables; TxtRayAlign reads path and report
    s50414267,Clear lungs.                               the sections table, which has no header

The last three columns are additions, to keep these data. The source `table` reads the folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from plainfilm.collection.collection import Collection
from plainfilm.interchange.base import (
    SPLIT_FILES,
    FormatConfig,
    Written,
    left_out_lines,
    put_image,
    write_rows,
)
from plainfilm.interchange.stored import StoredStudy, studies_in
from plainfilm.text.rules import TextRule

HEADER = ("", "study_id", "path", "report", "patient_id", "image_id", "view")


class Config(FormatConfig):
    """text: the sections of the report (a rule of `text.rules`)."""

    text: TextRule = "best_section"


def write(collection: Collection, out: Path, config: Config) -> Written:
    """Write the tables of all splits with images.

    Raises:
        DataError: a file cannot be written.
    """
    studies = list(studies_in(collection))
    usable = [study for study in studies if study.text(config.text) and study.films]
    files, rows = [], 0
    for split, name in SPLIT_FILES.items():
        lines = list(_rows([study for study in usable if study.split == split], out, config))
        if lines:
            files.append(out / f"{name}.csv")
            rows += write_rows(files[-1], HEADER, lines)
    texts = [(study.study_id, text) for study in studies if (text := study.text(config.text))]
    files.append(out / "sections.csv")
    write_rows(files[-1], None, texts)
    silent = [study for study in studies if not study.text(config.text)]
    left_out = {
        "films of studies without text": sum(len(study.films) for study in silent),
        "studies without a film (their text is in sections.csv)": sum(not study.films for study in studies),
        "boxes, which the format cannot hold": sum(
            len(film.boxes) for study in studies for film in study.films
        ),
    }
    return Written(tuple(files), rows, left_out_lines(left_out))


def _rows(studies: list[StoredStudy], out: Path, config: Config) -> Iterator[tuple[object, ...]]:
    number = 0
    for study in studies:
        for film in study.films:
            path = put_image(film.path, out / "images" / film.path.name, config.images)
            report = study.text(config.text)
            yield (number, study.study_id, path, report, study.patient_id, film.image_id, film.view)
            number += 1
