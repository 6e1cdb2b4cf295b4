"""CXR-CLIP: `train.csv`, `valid.csv` and `test.csv` with one row per study and lists as Python literals.

    ,image,view,AP,PA,Lateral,text,study_id,patient_id,image_id,views,sections
    0,"['/films/a.jpg', ...]","['PA', 'Lateral']",[],"['/films/a.jpg']",...,"['Findings ...', 'Clear.']"

`view` names the columns that have images; an image of unknown view is in `image` only. `text` is the list of
findings and impression; in `test.csv` it is the longer of the two as plain text, as CXR-CLIP's evaluation
expects. If a table has both `text` and `text_label`, CXR-CLIP ignores the labels, so only one of them is
written. There is no `text_augment`: back-translations are not part of a collection, and CXR-CLIP does not
need them. The last five columns are additions; the source `cxr_clip` reads them if they are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from plainfilm.collection.collection import Collection
from plainfilm.interchange.base import (
    VALID_FILES,
    FormatConfig,
    Written,
    left_out_lines,
    put_image,
    write_rows,
)
from plainfilm.interchange.stored import States, StoredStudy, chosen_origins, studies_in
from plainfilm.types import View

COLUMN_OF_VIEW: Mapping[View, str] = {
    View.AP: "AP",
    View.AP_SUPINE: "AP",
    View.PA: "PA",
    View.LATERAL: "Lateral",
}
_PUBLISHED = ("", "image", "view", "AP", "PA", "Lateral")
_OURS = ("study_id", "patient_id", "image_id", "views")


class Config(FormatConfig):
    """what: "text" for pairs of images and reports, "labels" for images with `text_label`; `origin`: of the
    labels (positive, negative and uncertain ones).
    """

    what: Literal["text", "labels"] = "text"
    origin: str | None = None


def write(collection: Collection, out: Path, config: Config) -> Written:
    """Write the tables of all splits with studies.

    Raises:
        ConfigError: labels of ambiguous origin.
        DataError: a file cannot be written.
    """
    labels = config.what == "labels"
    origins = chosen_origins(collection, config.origin, needed=True) if labels else ()
    studies = list(studies_in(collection, origins))
    usable = [study for study in studies if study.films and (study.states if labels else _texts(study))]
    columns = ("text_label",) if labels else ("text",)
    ours = _OURS if labels else (*_OURS, "sections")
    files, rows = [], 0
    for split, name in VALID_FILES.items():
        lines = list(_rows([study for study in usable if study.split == split], out, config))
        if lines:
            files.append(out / f"{name}.csv")
            rows += write_rows(files[-1], (*_PUBLISHED, *columns, *ours), lines)
    missing = "labels" if labels else "findings, impression or other text"
    left_out = {f"studies without films or without {missing}": len(studies) - len(usable)}
    if not labels:
        in_test = [study for study in usable if study.split == "test" and len(_texts(study)) > 1]
        left_out["shorter sections of test studies, of which CXR-CLIP takes the longer"] = len(in_test)
    return Written(tuple(files), rows, left_out_lines(left_out))


def _rows(studies: list[StoredStudy], out: Path, config: Config) -> Iterator[tuple[object, ...]]:
    for number, study in enumerate(studies):
        paths = [
            str(put_image(film.path, out / "images" / film.path.name, config.images)) for film in study.films
        ]
        columns: dict[str, list[str]] = {"AP": [], "PA": [], "Lateral": []}
        for film, path in zip(study.films, paths, strict=True):
            if film.view in COLUMN_OF_VIEW:
                columns[COLUMN_OF_VIEW[film.view]].append(path)
        ids = [film.image_id for film in study.films]
        ours = (study.study_id, study.patient_id, ids, [str(film.view) for film in study.films])
        text, sections = _label_cells(study) if config.what == "labels" else _text_cells(study)
        views = [name for name, films in columns.items() if films]
        yield (number, paths, views, *columns.values(), *text, *ours, *sections)


def _texts(study: StoredStudy) -> dict[str, str]:
    """Findings and impression, otherwise text under no header."""
    texts = {name: study.text(name) for name in ("findings", "impression")}
    if not any(texts.values()):
        other = [" ".join(part.text.split()) for part in study.sections if part.name == "other"]
        texts = {"other": "\n".join(other)}
    return {name: text for name, text in texts.items() if text}


def _label_cells(study: StoredStudy) -> tuple[list[object], list[object]]:
    """The cell `text_label`."""
    return [triple(study.states)], []


def _text_cells(study: StoredStudy) -> tuple[list[object], list[object]]:
    """The cells `text` and `sections`."""
    texts = _texts(study)
    if study.split == "test":
        longest = max(texts, key=lambda name: len(texts[name]))
        return [texts[longest]], [[longest]]
    return [list(texts.values())], [list(texts)]


def triple(states: States) -> list[list[str]]:
    """Labels in CXR-CLIP's form: the positive, negative and uncertain observations.

    >>> triple({"Edema": 1, "Mass": 0, "Fracture": -1})
    [['Edema'], ['Mass'], ['Fracture']]
    """
    return [[name for name, state in states.items() if state == wanted] for wanted in (1, 0, -1)]
