"""CheXpert 5x200: GLoRIA's table of 1,000 CheXpert films, 200 for each of five findings, with impressions.

    chexpert_5x200.csv                               Path, Report Impression, five columns of labels
    .../patientN/studyN/viewN_frontal.jpg            CheXpert, below the same folder or where `images` says

Every study is for testing. The films are from CheXpert's training set: leave their patients out of training
with the option `without` of source `chexpert`.
Huang et al., "GLoRIA: a multimodal global-local representation learning framework", ICCV 2021.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

from plainfilm.io import paths
from plainfilm.labelling.vocabularies import FIVE
from plainfilm.sources.base import SourceConfig
from plainfilm.sources.common.chexpert_tree import (
    FILM_SUFFIXES,
    LICENCE,
    StudyName,
    film_id,
    film_name,
    film_view,
    person,
)
from plainfilm.sources.common.raw_files import RawFiles, find_raw_files
from plainfilm.sources.common.rows import Row, read_each, row_states
from plainfilm.text.structured import report_of
from plainfilm.types import Image, Rejection, Study

CORPUS = "chexpert"
_TABLE = "chexpert_5x200"
_IMPRESSION = "Report Impression"


class Config(SourceConfig):
    """images: the folder CheXpert was unpacked to, where it does not lie with the table."""

    images: Path | None = None


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """The studies of the table, by patient and study number; `raw` is the table, or a folder that holds it.

    Raises:
        SourceError: no such folder or table.
    """
    table, found = _find(raw, config)
    studies: dict[StudyName, Study] = {}
    yield from read_each(table, ["Path", _IMPRESSION, *FIVE], lambda row: _add(row, found, studies))
    yield from (studies[name] for name in sorted(studies))


def _find(raw: Path, config: Config) -> tuple[Path, RawFiles]:
    """The table and the films."""
    is_table = paths.is_file(raw) and raw.name.endswith((".csv", ".csv.gz"))
    beside = find_raw_files(
        raw.parent if is_table else raw,
        () if is_table else (f"{_TABLE}.csv",),
        () if config.images else FILM_SUFFIXES,
        tables_only=config.tables_only,
        id_of=film_id,
    )
    table = raw if is_table else beside.table(_TABLE)
    if config.images is None:
        return table, beside
    return table, find_raw_files(
        config.images, (), FILM_SUFFIXES, tables_only=config.tables_only, id_of=film_id
    )


def _add(row: Row, found: RawFiles, studies: dict[StudyName, Study]) -> Iterator[Rejection]:
    """Adds the film of a row to its study; what the row cannot say is yielded."""
    named = film_name(row["Path"])
    if named is None:
        yield Rejection(row.place, f"Path is '{row['Path']}': names no film of CheXpert")
        return
    name, film = named
    path = found.film(film, row["Path"])
    if path is None:
        yield Rejection(row["Path"], f"listed in {row.place} but not on disk", str(name))
        return
    view = film_view(film, row["Frontal/Lateral"], row["AP/PA"])
    image = Image(film, path, view, licence=LICENCE)
    study = yield from _stated(row, name)
    known = studies.setdefault(name, study)
    if any(other.image_id == film for other in known.images):
        yield Rejection(row.place, f"lists {film} for the second time", str(name))
        return
    if (known.labels, known.report) != (study.labels, study.report):
        yield Rejection(row.place, "says other things than the row of the study's first film", str(name))
    studies[name] = replace(known, images=(*known.images, image))


def _stated(row: Row, name: StudyName) -> Generator[Rejection, None, Study]:
    """What a row says of its study, without the film."""
    sex, age, refused = person(row, "Sex", "Age")
    yield from refused
    labels, wrong = row_states(row, FIVE, "chexpert5x200")
    yield from wrong
    return Study(
        study_id=str(name),
        patient_id=name.patient,
        report=report_of([("impression", row[_IMPRESSION])], "chexpert") if row[_IMPRESSION] else None,
        labels=labels,
        split="test",
        order=float(name.number),
        age=age,
        sex=sex,
    )
