"""ChestX-ray14 of the NIH Clinical Center as downloaded from Box or Kaggle.

    Data_Entry_2017_v2020.csv or Data_Entry_2017.csv   a row a film: findings "A|B", follow-up, patient, view
    train_val_list.txt, test_list.txt                  the official split, optional
    BBox_List_2017.csv                                 984 boxes, optional
    images_001/images/*.png, images/*.png, ...         films, at any depth, unpacked or in .zip or .tar

A film is a study of its own. A finding that a row does not name is negative: the table says of each of its 14
whether rules found it in the report. Boxes are in pixels of 1024 x 1024, the size of the films.
Wang et al., "ChestX-ray8: hospital-scale chest X-ray database and benchmarks on weakly-supervised
classification and localization of common thorax diseases", CVPR 2017.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from plainfilm.errors import SourceError, nearest
from plainfilm.seeding import stable_hash
from plainfilm.sources.base import SourceConfig, age_of, number_of, sex_of, split_of, view_of
from plainfilm.sources.common.boxes import corners_of
from plainfilm.sources.common.option_matches import require_some
from plainfilm.sources.common.published_splits import train_test_split
from plainfilm.sources.common.raw_files import RawFiles, find_raw_files
from plainfilm.sources.common.rows import Row, read_each, unread_cells
from plainfilm.sources.common.split_files import read_list
from plainfilm.types import Box, Image, Label, Rejection, State, Study, View

FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
)
NO_FINDING = "No Finding"
LICENCE = "NIH Clinical Center: no restrictions; link, citation and acknowledgement are asked for"
SIDE_PX = 1024
_FRAME = ("Bbox [x", "y", "w", "h]")
_FILM_COLUMNS = ("Image Index", "Finding Labels", "Follow-up #", "Patient ID")
_BOX_COLUMNS = ("Image Index", "Finding Label", *_FRAME)
_ENTRIES = ("Data_Entry_2017_v2020", "Data_Entry_2017")
_TRAIN, _TEST, _BOXES = "train_val_list", "test_list", "BBox_List_2017"
_ROUNDING = 0.02
"""A pixel whose sides differ by more is not square, and has no one spacing."""


class Config(SourceConfig):
    """splits: "official" (validation is the share `validation` of the patients that are not for testing),
    "cxr_clip" (its 20 % of them), or "chex" (films with boxes, by patient one half each for validation and
    testing). lists: files of names by split, such as those of REFERS, instead of `splits`; a film that none
    of them names is left out.
    """

    splits: Literal["official", "cxr_clip", "chex"] = "official"
    validation: float = Field(default=0.1, ge=0.0, lt=1.0)
    lists: dict[str, Path] = Field(default_factory=dict)

    @field_validator("lists")
    @classmethod
    def _known_splits(cls, lists: dict[str, Path]) -> dict[str, Path]:
        for name in lists:
            if split_of(name) is None:
                raise ValueError(f"unknown split '{name}': {nearest(name, ('train', 'validation', 'test'))}")
        return {str(split_of(name)): path for name, path in lists.items()}


@dataclass(slots=True)
class _Entry:
    """What the table says of a film."""

    patient: str
    follow_up: float | None
    labels: tuple[Label, ...]
    age: float | None
    sex: str | None
    view: View
    spacing_mm: float | None


@dataclass
class _Corpus:
    """What the tables say: films in their order, boxes and splits by film.

    `others` is why a film that has no split is left out; without it, one is drawn by patient later.
    """

    entries: dict[str, _Entry] = field(default_factory=dict)
    boxes: dict[str, list[Box]] = field(default_factory=dict)
    splits: dict[str, str] = field(default_factory=dict)
    others: str | None = None


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """A study for every film of the table, in its order.

    Raises:
        SourceError: no such folder, no table of films, every film still in a compressed archive, or a list
            that the split needs is not there.
    """
    found = _find(raw, config)
    table = found.table(*_ENTRIES)
    corpus = _Corpus()
    yield from read_each(table, _FILM_COLUMNS, lambda row: _read_entry(row, corpus))
    if _BOXES in found.tables:
        yield from read_each(found.tables[_BOXES], _BOX_COLUMNS, lambda row: _read_box(row, corpus))
    yield from _split(found.tables, config, corpus)
    yield from found.films.rejections
    for name, entry in corpus.entries.items():
        yield _study(name, entry, corpus, found.film(name, f"images/{name}"))
    for _, path in found.films.beside(corpus.entries):
        yield Rejection(str(path), f"on disk but not in {table.name}, so nothing is known of it")


def _find(raw: Path, config: Config) -> RawFiles:
    tables = [*(f"{name}.csv" for name in (*_ENTRIES, _BOXES)), f"{_TRAIN}.txt", f"{_TEST}.txt"]
    found = find_raw_files(
        raw, tables, [".png"], tables_only=config.tables_only, id_of=lambda path: path.name
    )
    if found.packed and not len(found.films) and not config.tables_only:
        archive = found.packed[0]
        raise SourceError(f"{archive}: films in a compressed archive cannot be read; unpack it (tar -xzf)")
    return found


def _read_entry(row: Row, corpus: _Corpus) -> Iterator[Rejection]:
    name = row["Image Index"]
    if name in corpus.entries or not name or not row["Patient ID"]:
        fault = "is listed for the second time" if name in corpus.entries else "has no name or patient"
        yield Rejection(row.place, f"film '{name}' {fault}")
        return
    labels, faults = _labels(row["Finding Labels"])
    yield from (Rejection(row.place, fault) for fault in faults)
    yield from unread_cells(row, _PARSED)
    corpus.entries[name] = _Entry(
        patient=row["Patient ID"],
        follow_up=number_of(row["Follow-up #"]),
        labels=labels,
        age=age_of(row["Patient Age"]),
        sex=sex_of(row["Patient Gender"]),
        view=view_of(row["View Position"]),
        spacing_mm=_spacing_mm(row),
    )


_PARSED: dict[str, Callable[[str], object]] = {
    "Follow-up #": number_of,
    "Patient Age": age_of,
    "Patient Gender": sex_of,
}


@functools.lru_cache(maxsize=4096)  # films that share a cell share its labels
def _labels(cell: str) -> tuple[tuple[Label, ...], Sequence[str]]:
    """The labels of a cell such as "Mass|Nodule", and what of it cannot be one."""
    names = [name.strip() for name in cell.split("|") if name.strip()]
    known = (*FINDINGS, NO_FINDING)
    faults = [
        f"finding '{name}' is none of its 14: {nearest(name, known)}" for name in names if name not in known
    ]
    found = [name for name in names if name in FINDINGS]
    if found and NO_FINDING in names:
        faults.append(f"Finding Labels is '{cell}': the findings are kept, {NO_FINDING} is not")
    if not found and NO_FINDING not in names:
        return (), faults or ["Finding Labels is blank: the study is kept without labels"]
    positive = set(found) or {NO_FINDING}
    states = {name: State.POSITIVE if name in positive else State.NEGATIVE for name in known}
    return tuple(Label(name, state, "nih14") for name, state in states.items()), faults


def _spacing_mm(row: Row) -> float | None:
    """The side of a pixel of the film of 1024 x 1024, which was made from one of another size and shape."""
    sizes = [number_of(row[header]) for header in ("OriginalImage[Width", "Height]")]
    spacings = [number_of(row[header]) for header in ("OriginalImagePixelSpacing[x", "y]")]
    sides = [size * mm / SIDE_PX for size, mm in zip(sizes, spacings, strict=True) if size and mm]
    square = len(sides) == 2 and abs(sides[0] - sides[1]) <= _ROUNDING * max(sides)
    return sum(sides) / 2 if square else None


def _read_box(row: Row, corpus: _Corpus) -> Iterator[Rejection]:
    """The box of a film; the header of the table is "Bbox [x,y,w,h],,,": its cells are x, y, w and h."""
    name, finding = row["Image Index"], row["Finding Label"]
    corners = corners_of(row, _FRAME, name.rpartition(".")[0], sized=True)
    if name not in corpus.entries:
        yield Rejection(row.place, f"box of film '{name}', which the table of films does not list")
    elif finding not in (*FINDINGS, "Infiltrate"):
        yield Rejection(row.place, f"box of '{finding}', which is none of the findings")
    elif corners is None:
        yield Rejection(row.place, f"film '{name}' is listed with no box")
    elif isinstance(corners, Rejection):
        yield corners
    else:
        corpus.boxes.setdefault(name, []).append(Box(finding, "observation", *corners))


def _split(tables: Mapping[str, Path], config: Config, corpus: _Corpus) -> Iterator[Rejection]:
    """Fills in the splits of the films by the option `lists` or `splits`."""
    if config.lists:
        corpus.others = f"is on none of the lists {', '.join(path.name for path in config.lists.values())}"
        for split, path in config.lists.items():
            names = (Path(line.name).name for line in read_list(path, split))
            require_some(f"lists.{split}", corpus.entries.__contains__, names, path)
        yield from _read_lists(config.lists, corpus)
    elif config.splits == "chex":
        _split_boxed(corpus)
    elif _TRAIN in tables and _TEST in tables:
        corpus.others = f"is on neither of the lists {_TRAIN}.txt and {_TEST}.txt"
        yield from _read_lists({"train": tables[_TRAIN], "test": tables[_TEST]}, corpus)
        _hold_out(config, corpus)
    elif _TRAIN in tables or _TEST in tables or config.splits != "official":
        missing = _TRAIN if _TRAIN not in tables else _TEST
        raise SourceError(
            f"{missing}.txt is not there, which the split needs; put it beside the table of films"
        )


def _read_lists(lists: Mapping[str, Path], corpus: _Corpus) -> Iterator[Rejection]:
    """Lists of names, one a line, with a folder before it and labels behind it or without."""
    for split, path in lists.items():
        unknown = 0
        for line in read_list(path, split):
            name = Path(line.name).name
            if name not in corpus.entries:
                unknown += 1
            elif corpus.splits.setdefault(name, split) != split:
                yield Rejection(line.place, f"lists {name} for {split}; {corpus.splits[name]} has it already")
        if unknown:
            yield Rejection(str(path), f"{unknown} of the names in it are not in the table of films")


def _hold_out(config: Config, corpus: _Corpus) -> None:
    """Moves patients from training to validation: CXR-CLIP's, or a share of them by a rule."""
    patients = dict.fromkeys(
        corpus.entries[name].patient for name, split in corpus.splits.items() if split == "train"
    )
    if config.splits == "cxr_clip":
        held = set(train_test_split(list(patients), 0.2, 0)[1])
    else:
        per_million = config.validation * 1_000_000
        held = {patient for patient in patients if stable_hash("nih14", patient) % 1_000_000 < per_million}
    for name, split in corpus.splits.items():
        if split == "train" and corpus.entries[name].patient in held:
            corpus.splits[name] = "validation"


def _split_boxed(corpus: _Corpus) -> None:
    """Films with boxes to validation and testing, half of their patients each; other patients to training.

    ChEX draws the halves anew in every run; here they follow from the patients' numbers.
    """
    if not corpus.boxes:
        raise SourceError(
            f"splits=chex: no boxes ({_BOXES}.csv) are there; put them beside the table of films"
        )
    corpus.others = "has no boxes, though another film of its patient has: no film to detect anything on"
    boxed = {corpus.entries[name].patient for name in corpus.boxes}
    drawn = sorted(boxed, key=lambda patient: stable_hash("nih14 boxes", patient))
    validation = set(drawn[: len(drawn) // 2])
    for name, entry in corpus.entries.items():
        if entry.patient not in boxed:
            corpus.splits[name] = "train"
        elif name in corpus.boxes:
            corpus.splits[name] = "validation" if entry.patient in validation else "test"


def _study(name: str, entry: _Entry, corpus: _Corpus, path: Path | None) -> Study | Rejection:
    film_id = name.rpartition(".")[0]
    split = corpus.splits.get(name)
    if split is None and corpus.others:
        return Rejection(name, corpus.others, film_id)
    if path is None:
        return Rejection(name, "listed in the table of films but not on disk", film_id)
    image = Image(
        image_id=film_id,
        path=path,
        view=entry.view,
        labels=entry.labels,
        boxes=tuple(corpus.boxes.get(name, ())),
        licence=LICENCE,
        width=SIDE_PX,
        height=SIDE_PX,
        spacing_mm=entry.spacing_mm,
    )
    return Study(
        study_id=film_id,
        patient_id=entry.patient,
        images=(image,),
        split=split,
        order=entry.follow_up,
        age=entry.age,
        sex=entry.sex,
    )
