"""The Shenzhen set of chest radiographs for tuberculosis of the U.S. National Library of Medicine.

    RAW/CXR_png/CHNCXR_0001_0.png            the last digit says normal (0) or tuberculosis (1)
    RAW/ClinicalReadings/CHNCXR_0001_0.txt   "male 45yrs", then what was read on the film
    RAW/shenzhen_metadata.csv                the same as a table, in the copy on Kaggle: study_id, sex, age,
                                             findings

Films and readings are found at any depth, in zips too. Jaeger et al., "Two public chest X-ray datasets for
computer-aided screening of pulmonary diseases", Quantitative Imaging in Medicine and Surgery 4(6), 2014.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from plainfilm.errors import SourceError
from plainfilm.io.archives import read_bytes
from plainfilm.sources.base import SourceConfig, age_of, sex_of
from plainfilm.sources.common.examples import phantom_example
from plainfilm.sources.common.raw_files import files_called
from plainfilm.sources.common.rows import Row, read_each
from plainfilm.sources.common.split_files import ImageLists, read_lists
from plainfilm.sources.common.unique_file_index import UniqueFileIndex
from plainfilm.text.structured import report_of
from plainfilm.types import Image, Label, Rejection, Report, State, Study

_NAME = re.compile(r"(CHNCXR_\d+_([01]))\.(png|txt)", re.IGNORECASE)
_TABLE = "shenzhen_metadata.csv"
_PERSON = re.compile(
    r"\s*(?P<sex>(?:fe)?male?)?[\s,]*(?:(?P<age>\d+)\s*(?P<unit>(?:yrs?|years?|months?|weeks?|days?)\b)?)?[\s.,]*",
    re.IGNORECASE,
)
"""How a reading begins, as it is typed: "male 45yrs", "female24yrs", "femal , 32yrs", "male 16month"."""
_LICENCE = "U.S. National Library of Medicine, open access; cite Jaeger et al. 2014"


class Config(SourceConfig):
    """splits: a folder of REFERS' lists; they then say which films are read and the split of each."""

    splits: Path | None = None


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """The films by number, each a study of its own: the set does not say which are of one patient.

    Raises:
        SourceError: no film, or none of the lists that are asked for.
    """
    films, readings, tables = UniqueFileIndex(), UniqueFileIndex(), list[Path]()
    for path in files_called(raw, lambda name: bool(_NAME.fullmatch(name)) or name == _TABLE):
        found = _NAME.fullmatch(path.name)
        if found is None:
            tables.append(path)
        elif "mask" not in path.parent.name.lower():
            (films if found[3].lower() == "png" else readings).add(found[1], path)
    rows: dict[str, Row] = {}
    for table in tables[:1]:
        yield from read_each(table, ["study_id"], lambda row: _read_row(row, rows))
    known = sorted({*(name for name, _ in (*films.beside(()), *readings.beside(()))), *rows})
    if not known:
        raise SourceError(f"{raw}: no film named CHNCXR_0001_0.png at any depth; give the unpacked folder")
    lists = read_lists(config.splits) if config.splits else None
    yield from (*films.rejections, *readings.rejections)
    for name in known:
        yield from _study(name, films.get(name), readings.get(name), rows.get(name), lists, config)
    if lists:
        yield from lists.rejections
        yield from lists.unseen([f"{name}.png" for name in known], "here")


def _read_row(row: Row, rows: dict[str, Row]) -> Iterator[Rejection]:
    found = _NAME.fullmatch(f"{row['study_id'].removesuffix('.png')}.png")
    if found:
        rows[found[1]] = row
    else:
        yield Rejection(row.place, f"study_id '{row['study_id']}' is no name such as CHNCXR_0001_0")


def _study(
    name: str,
    film: Path | None,
    reading: Path | None,
    row: Row | None,
    lists: ImageLists | None,
    config: Config,
) -> Iterator[Study | Rejection]:
    listed = lists.images.get(f"{name}.png") if lists else None
    if lists and listed is None:
        yield Rejection(f"{name}.png", "in none of the lists of the option splits", name)
        return
    if film is None and not config.tables_only:
        yield Rejection(f"{name}.png", "there is a reading of it, but no film", name)
    label = Label("Tuberculosis", State(int(name[-1])), "shenzhen_tb")
    if listed and len(listed.values) == 2 and listed.values[1] != label.state:
        reason = f"{listed.place} and the name disagree on tuberculosis; the name is taken"
        yield Rejection(listed.name, reason, name)
    path = film or Path(f"{name}.png")
    images = () if film is None and not config.tables_only else (Image(name, path, licence=_LICENCE),)
    study = Study(name, name, images, labels=(label,), split=listed.split if listed else None)
    if reading is not None:
        yield replace(study, files=(reading,))
    elif row is not None:
        report = _impression(row["findings"])
        yield replace(study, report=report, sex=sex_of(row["sex"]), age=age_of(row["age"]))
    else:
        yield study


def complete(study: Study, config: Config) -> Iterator[Study | Rejection]:
    """The study with sex, age and text of its reading."""
    for file in study.files:
        text = read_bytes(file).decode("utf-8-sig", errors="replace")
        person = _PERSON.match(text)
        assert person is not None  # every part of the pattern may be absent
        if not (person["sex"] and person["age"]):
            first = text.strip().partition("\n")[0].strip()
            yield Rejection(str(file), f"sex or age is not understood in '{first}'", study.study_id)
        sex = {"f": "F", "m": "M"}.get((person["sex"] or "")[:1].lower())
        unit = (person["unit"] or "y")[:1]
        age = age_of(f"{person['age']}{unit}") if person["age"] else None
        study = replace(study, report=_impression(text[person.end() :]), sex=sex, age=age)
    yield study


def _impression(text: str) -> Report | None:
    report = report_of([("impression", text)])
    return report if report.text else None


def make_example(root: Path) -> Path:
    """Six phantom studies in this layout."""
    return phantom_example("shenzhen_tb", root)
