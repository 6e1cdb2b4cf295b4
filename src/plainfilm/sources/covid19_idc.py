"""COVID-19 Image Data Collection (github.com/ieee8023/covid-chestxray-dataset), as cloned or as its zip.

    RAW/metadata.csv        one row an image: patientid, offset, sex, age, finding, view, modality, folder,
                            filename, license, clinical_notes, ... (names of columns changed over time)
    RAW/images/             films and slices of CT, named as they were published
    RAW/volumes/            CT volumes; not read

Cohen et al., "COVID-19 Image Data Collection: Prospective Predictions Are the Future", MELBA 2020.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from plainfilm.errors import SourceError
from plainfilm.io.archives import files_below, is_file
from plainfilm.sources.base import SourceConfig, age_of, number_of, sex_of, view_of
from plainfilm.sources.common.folders import find_folder
from plainfilm.sources.common.rows import Row, read_rows, unread_cells
from plainfilm.sources.common.split_files import ImageLists, Listed, read_lists
from plainfilm.text.structured import report_of
from plainfilm.types import Image, Label, Rejection, State, Study, View

TABLE = "metadata.csv"
_OLDER_HEADERS = {"notes": "clinical_notes"}
_REQUIRED = ("patientid", "finding", "filename")
_CT_VIEWS = ("axial", "coronal", "sagittal", "ct")
_UNKNOWN = ("", "todo", "unknown")
_FILMS = (".jpg", ".jpeg", ".png", ".gif", ".tif", ".tiff", ".bmp", ".webp")


class Config(SourceConfig):
    """notes: take the clinical notes as text (section "other"). views: "frontal" leaves laterals out. splits:
    a folder of REFERS' lists; they then say which images are read, their splits, and labels of their own.
    """

    notes: bool = True
    views: Literal["all", "frontal"] = "all"
    splits: Path | None = None


@dataclass(frozen=True)
class _Film:
    """A row whose image can be read, and its line in the lists."""

    row: Row
    path: Path
    listed: Listed | None


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """The studies, in the order of their first rows: the images of a patient on one stated day are one.

    An image without a stated day is a study of its own. CT is a `Rejection`, and so is what stands only in
    the table or only on disk.

    Raises:
        SourceError: no `metadata.csv`, or none of the lists that are asked for.
        DataError: the table lacks a column it must have.
    """
    root = find_folder(raw, lambda _, names: TABLE in names)
    if root is None:
        raise SourceError(f"{raw}: no {TABLE} in it; give the folder of the clone, or the zip of it")
    lists = read_lists(config.splits) if config.splits else None
    rows = [_folded(item) if isinstance(item, Row) else item for item in read_rows(root / TABLE)]
    _require(root / TABLE, rows)
    yield from (item for item in rows if isinstance(item, Rejection))
    stated = [row for row in rows if isinstance(row, Row)]
    studies: dict[str, list[_Film]] = {}
    for row in stated:
        film = _film(row, root, config, lists)
        if isinstance(film, _Film):
            studies.setdefault(_study_id(row), []).append(film)
        else:
            yield film
    names = _image_ids([film for films in studies.values() for film in films])
    for study_id, films in studies.items():
        yield from _study(study_id, films, names, config)
    yield from _left_over(root, stated, lists, config)


def _folded(row: Row) -> Row:
    """The row with headers as in the latest release: `Clinical notes` is `clinical_notes`."""
    folded = {header.lower().strip().replace(" ", "_"): cell for header, cell in row.cells.items()}
    return Row(row.table, row.number, {_OLDER_HEADERS.get(name, name): cell for name, cell in folded.items()})


def _require(table: Path, rows: Sequence[Row | Rejection]) -> None:
    first = next((row for row in rows if isinstance(row, Row)), None)
    for header in _REQUIRED:
        if first is not None and header not in first.cells:
            raise SourceError(f"{table}: no column '{header}'; is it the table of this corpus?")


def _film(row: Row, root: Path, config: Config, lists: ImageLists | None) -> _Film | Rejection:
    name = row["filename"]
    listed = lists.images.get(name) if lists else None
    reason = _unusable(row, config)
    if reason:
        listed_as = f"{reason}; {listed.place} lists it" if listed else reason
        return Rejection(name or row.place, listed_as)
    if lists and listed is None:
        return Rejection(name, "in none of the lists of the option splits")
    path = root / (row["folder"] or "images") / name
    if not config.tables_only and not is_file(path):
        return Rejection(str(path), f"{row.place} lists it, but it is not on disk")
    return _Film(row, path, listed)


def _unusable(row: Row, config: Config) -> str | None:
    if not row["filename"] or not row["patientid"]:
        return f"{row.place} has no filename or no patientid"
    view, modality = row["view"], row["modality"]
    if (modality and modality.lower() not in ("x-ray", "xray")) or view.lower() in _CT_VIEWS:
        return f"not a radiograph (modality '{modality}', view '{view}')"
    if config.views == "frontal" and _view(row) is View.LATERAL:
        return "a lateral, which views=frontal leaves out"
    return None


def _view(row: Row) -> View:
    return View.AP_SUPINE if row["view"].upper() == "APS" else view_of(row["view"])


def _study_id(row: Row) -> str:
    day = number_of(row["offset"])
    return f"{row['patientid']}-{row['filename']}" if day is None else f"{row['patientid']}-day{day:g}"


def _image_ids(films: Sequence[_Film]) -> dict[str, str]:
    """File name → id: the name without its ending, where no other image has that too."""
    stems: dict[str, int] = {}
    for film in films:
        stems[film.path.stem] = stems.get(film.path.stem, 0) + 1
    return {
        film.path.name: film.path.stem if stems[film.path.stem] == 1 else film.path.name for film in films
    }


def _study(
    study_id: str, films: Sequence[_Film], names: dict[str, str], config: Config
) -> Iterator[Study | Rejection]:
    rows = [film.row for film in films]
    split = films[0].listed.split if films[0].listed else None
    images = []
    for film in films:
        if film.listed and film.listed.split != split:
            reason = f"{film.listed.place} lists it, but films of the same day are in {split}"
            yield Rejection(str(film.path), reason, study_id)
        else:
            images.append(_image(film, names[film.path.name]))
    for row in rows:
        yield from unread_cells(row, {"offset": number_of, "age": age_of, "sex": sex_of}, study_id)
    notes = dict.fromkeys(row["clinical_notes"] for row in rows) if config.notes else {}
    report = report_of(("other", note) for note in notes)
    yield Study(
        study_id=study_id,
        patient_id=rows[0]["patientid"],
        images=tuple(images),
        report=report if report.text else None,
        split=split,
        order=number_of(rows[0]["offset"]),
        age=next((age for row in rows if (age := age_of(row["age"])) is not None), None),
        sex=next((sex for row in rows if (sex := sex_of(row["sex"]))), None),
    )


def _image(film: _Film, image_id: str) -> Image:
    labels = [*_labels(film.row["finding"])]
    if film.listed and len(film.listed.values) == 2:
        state = State.POSITIVE if film.listed.values[1] else State.NEGATIVE
        labels.append(Label("COVID-19", state, "covid19_idc/refers"))
    return Image(image_id, film.path, _view(film.row), tuple(labels), licence=film.row["license"] or None)


def _labels(finding: str) -> Iterator[Label]:
    """The finding and all it is a kind of: `Pneumonia/Viral/COVID-19` is three; several stand with commas."""
    parts = [part.strip() for entry in finding.split(",") for part in entry.split("/")]
    for name in dict.fromkeys(parts):
        if name.lower() not in _UNKNOWN:
            yield Label(name, State.POSITIVE, "covid19_idc/finding")


def _left_over(
    root: Path, rows: Sequence[Row], lists: ImageLists | None, config: Config
) -> Iterator[Rejection]:
    names = [row["filename"] for row in rows]
    if lists:
        yield from lists.rejections
        yield from lists.unseen(names, f"in {TABLE}")
    for path in [] if config.tables_only else files_below(root / "images", _is_film):
        if path.name not in set(names):
            yield Rejection(str(path), f"on disk but not in {TABLE}")


def _is_film(name: str) -> bool:
    return name.lower().endswith(_FILMS)
