"""ChEX: `NAME.{all,train,val,test}.csv` with one row per image, with sentences, labels and boxes as JSON.

    dicom_id, subject_id, study_id, H, W, view       H, W and all boxes are those of the image as published;
                                                     image_id instead of dicom_id in VinDr-CXR's tables
    report_sentences                                 ["No effusion.", ...]
    cls/cxp/OBSERVATION                              1.0, 0.0, -1.0 or blank; cls/vindrcxr/CLASS there
    clsbbox, clsbboxphrases                          [[x0, y0, x1, y1, "SET/CLASS"], ...] and their phrases
    anatbbox/REGION, anatphrases/REGION              [x0, y0, x1, y1] and ["sentence", ...]
    anatcls/cig/{af,disease}/FINDING/REGION, anatcls/cig/{normal,abnormal}/REGION      1.0, 0.0 or blank
    image_path, film_view                            Plainfilm's own columns, which ChEX lacks

ChEX reads frontal images only and converts the ids of MIMIC-CXR to numbers, so they are written without their
letters (`s50414267` is 50414267). The source `chex` reads the tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from plainfilm.collection.collection import Collection
from plainfilm.collection.label_origins import origins
from plainfilm.collection.region_labels import region_labels
from plainfilm.interchange.base import (
    SPLIT_FILES,
    FormatConfig,
    Written,
    left_out_lines,
    put_image,
    write_rows,
)
from plainfilm.interchange.stored import (
    StoredBox,
    StoredFilm,
    StoredStudy,
    chosen_origins,
    studies_in,
)
from plainfilm.text.sentences import report_sentences
from plainfilm.types import Report, View

_SPLITS = {"train": "train", "validation": "validate", "test": "test"}
_MIMIC = "mimic-cxr"
_CATEGORIES = {"imagenome/anatomicalfinding": "af", "imagenome/disease": "disease"}
_WHOLE = ("normal", "abnormal")
_SECTIONS = ("findings", "impression", "other")

Cells = dict[str, object]


@dataclass(frozen=True)
class _Dialect:
    """The variant of ChEX's tables for a corpus: file name, column of image ids, sets of labels and boxes."""

    name: str
    identifier: str = "dicom_id"
    labels: str = "cxp"
    boxes: str = "plainfilm"


_DIALECTS = {
    _MIMIC: _Dialect("mimic-cxr-plainfilm", boxes="mscxr"),
    "vindr-cxr": _Dialect("vindrcxr", "image_id", "vindrcxr", "vindrcxr"),
}


class Config(FormatConfig):
    """name: the start of the file names (`mimic-cxr-plainfilm` or `vindrcxr` for those corpora, otherwise the
    corpus). box_set: the prefix of box classes. origin: of the labels in `cls/`. frontal: leave out the
    images that ChEX does not read.
    """

    name: str | None = None
    box_set: str | None = None
    origin: str | None = None
    frontal: bool = True


def write(collection: Collection, out: Path, config: Config) -> Written:
    """Write the table of all images and one for every split with images.

    Raises:
        ConfigError: no labels of the given origin.
        DataError: a file cannot be written.
    """
    written = chosen_origins(collection, config.origin, needed=False)
    studies = list(studies_in(collection, written))
    region_states = region_labels(collection)
    dialect = _DIALECTS.get(collection.corpus, _Dialect(collection.corpus))
    prefix = config.box_set or dialect.boxes
    films = [(study, film) for study in studies for film in study.films]
    kept = [(study, film) for study, film in films if film.view.is_frontal or not config.frontal]
    rows = []
    for study, film in kept:
        path = put_image(film.path, out / "images" / film.path.name, config.images)
        cells = {dialect.identifier: film.image_id} | _film_cells(study, film, path, collection.corpus)
        labels = {f"cls/{dialect.labels}/{name}": state for name, state in _label_cells(film)}
        rows.append(
            (study.split, cells | labels | _box_cells(film, prefix) | _region_cells(film, region_states))
        )
    files = _write_tables(out, config.name or dialect.name, rows)
    stated = origins(collection)
    left_out = {
        f"origins of labels ({', '.join(stated)}): choose one with origin=NAME": 0
        if written
        else len(stated),
        "films that are not frontal": len(films) - len(kept),
        "statements about regions without a column in Chest ImaGenome": sum(
            not _column(one, "") for statements in region_states.values() for one in statements
        ),
    }
    return Written(files, len(rows), left_out_lines(left_out))


def _write_tables(out: Path, name: str, rows: Sequence[tuple[str, Cells]]) -> tuple[Path, ...]:
    columns = list(dict.fromkeys(column for _, cells in rows for column in cells))
    files = [out / f"{name}.all.csv"]
    whole = ([*_in_order(cells, columns), _SPLITS[split]] for split, cells in rows)
    write_rows(files[0], [*columns, "split"], whole)
    for split, ending in SPLIT_FILES.items():
        part = [_in_order(cells, columns) for own, cells in rows if own == split]
        if part:
            files.append(out / f"{name}.{ending}.csv")
            write_rows(files[-1], columns, part)
    return tuple(files)


def _in_order(cells: Cells, columns: Iterable[str]) -> list[object]:
    return [cells.get(column, "") for column in columns]


def _film_cells(study: StoredStudy, film: StoredFilm, path: Path, corpus: str) -> Cells:
    sections = tuple(part for part in study.sections if part.name in _SECTIONS)
    text = "\n".join(part.text for part in sections)
    sentences = [sentence.text for sentence in report_sentences(Report(text, sections))]
    view = View.AP if film.view is View.AP_SUPINE else film.view
    return {
        "subject_id": _bare(study.patient_id, "p", corpus),
        "study_id": _bare(study.study_id, "s", corpus),
        "H": film.original_size[1],
        "W": film.original_size[0],
        "view": str(view),
        "report_sentences": json.dumps(list(dict.fromkeys(sentences)), ensure_ascii=False),
        "image_path": str(path),
        "film_view": str(film.view),
    }


def _bare(identifier: str, letter: str, corpus: str) -> str:
    """An id of MIMIC-CXR without its letter; others unchanged."""
    digits = identifier.removeprefix(letter)
    return digits if corpus == _MIMIC and digits.isdigit() else identifier


def _label_cells(film: StoredFilm) -> Iterator[tuple[str, str]]:
    for name, state in film.states.items():
        yield name, f"{state:.1f}"


def _regions(film: StoredFilm) -> dict[str, StoredBox]:
    return {box.name: box for box in film.boxes if box.kind == "region"}


def _is_of_region(box: StoredBox, regions: Mapping[str, StoredBox]) -> bool:
    """True for a sentence about a region, whose box is that of the region."""
    region = regions.get(box.name)
    return box.kind == "phrase" and region is not None and region.corners_xyxy_px == box.corners_xyxy_px


def _box_cells(film: StoredFilm, prefix: str) -> Cells:
    regions = _regions(film)
    boxes = [box for box in film.boxes if box.kind != "region" and not _is_of_region(box, regions)]
    if not boxes:
        return {}
    corners = [[*film.original_corners(box), f"{prefix}/{box.name}"] for box in boxes]
    phrases = [box.phrase or "" for box in boxes]
    return {
        "clsbbox": json.dumps(corners, ensure_ascii=False),
        "clsbboxphrases": json.dumps(phrases, ensure_ascii=False),
    }


def _region_cells(
    film: StoredFilm, region_states: Mapping[tuple[str, str], list[tuple[str, str, int]]]
) -> Cells:
    cells: Cells = {}
    regions = _regions(film)
    for name, box in regions.items():
        cells[f"anatbbox/{name}"] = json.dumps(film.original_corners(box))
        own = [one for one in film.boxes if one.name == name and _is_of_region(one, regions)]
        if own:
            cells[f"anatphrases/{name}"] = json.dumps([one.phrase for one in own], ensure_ascii=False)
        for statement in region_states.get((film.image_id, name), ()):
            column = _column(statement, name)
            if column:
                cells[column] = f"{float(statement[2] == 1):.1f}"
    return cells


def _column(statement: tuple[str, str, int], region: str) -> str | None:
    """The column of a statement about a region, or `None` if ChEX has none."""
    observation, origin, _ = statement
    if observation in _WHOLE:
        return f"anatcls/cig/{observation}/{region}"
    category = _CATEGORIES.get(origin)
    return f"anatcls/cig/{category}/{observation}/{region}" if category else None
