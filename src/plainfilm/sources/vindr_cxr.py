"""VinDr-CXR 1.0.0 as downloaded from PhysioNet.

    RAW/train/<image_id>.dicom                  15,000 films, each read by three of 17 radiologists
    RAW/test/<image_id>.dicom                   3,000 films, read by five in consensus
    RAW/annotations/image_labels_train.csv      image_id, rad_id, 28 columns of 0 and 1; a row per reader
    RAW/annotations/image_labels_test.csv       image_id, 28 columns
    RAW/annotations/annotations_train.csv       image_id, rad_id, class_name, x_min, y_min, x_max, y_max
    RAW/annotations/annotations_test.csv        the same without rad_id

RAW may be any folder above these, and parts of them may be missing: tables of one split alone are read as
that. Every reader's labels and boxes are kept under the reader's name, and beside them what the readers say
together. Patients are not published, so that each film stands for one. Nguyen et al., "VinDr-CXR: An open
dataset of chest X-rays with radiologist's annotations", Scientific Data 9, 2022.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import Field

from plainfilm.errors import nearest
from plainfilm.sources.base import SourceConfig, is_blank, state_of
from plainfilm.sources.common.boxes import corners_of
from plainfilm.sources.common.examples import phantom_example
from plainfilm.sources.common.film_header import with_header
from plainfilm.sources.common.published_splits import permuted, train_test_split
from plainfilm.sources.common.raw_files import DICOM_SUFFIXES, RawFiles, find_raw_files, unlisted_films
from plainfilm.sources.common.reader_annotations import CORNERS, MajorityVote, ReaderBoxes, ReaderLabels, Rule
from plainfilm.sources.common.rows import Row, read_each
from plainfilm.sources.common.vindr_classes import VindrClasses, vindr_classes
from plainfilm.types import Image, Label, Rejection, State, Study, View

CORPUS = "vindr-cxr"
LICENCE = "PhysioNet Credentialed Health Data License 1.5.0"
CONSENSUS = "consensus"
_ORIGIN = "vindr_cxr"
_TABLES = ("image_labels_train", "image_labels_test", "annotations_train", "annotations_test")


class Config(SourceConfig):
    """rule: what the readers say together, "majority" or "any" of them (CXR-CLIP). classes: all 28, or a set.

    fusion_iou: readers' boxes that overlap by more become one (ChEX: 0.1). fusion_readers: a fused box that
    fewer readers drew is left out. validation: "none", "cxr_clip" (a fifth of the training films) or "chex"
    (half of the test films).
    """

    rule: Rule = "majority"
    classes: Literal["all", "cxr_clip", "chex", "vinbigdata"] = "all"
    fusion_iou: float = Field(0.1, ge=0.0, lt=1.0)
    fusion_readers: int = Field(1, ge=1)
    validation: Literal["none", "cxr_clip", "chex"] = "none"


@dataclass
class _Part:
    """What the tables of one split say, by film: labels of each reader, and boxes."""

    split: str
    readers: dict[str, dict[str, ReaderLabels]] = field(default_factory=dict)
    panels: dict[str, ReaderBoxes] = field(default_factory=dict)

    @property
    def films(self) -> dict[str, None]:
        """The films in the order of the tables."""
        return dict.fromkeys((*self.readers, *self.panels))


@dataclass(frozen=True)
class _Corpus:
    """Where things lie, and which classes are wanted."""

    files: RawFiles
    config: Config
    classes: VindrClasses
    wanted: Container[str]
    votes: MajorityVote


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """A study for each film: those of train, then those of test, in the order of the label tables.

    Raises:
        SourceError: there is no such folder, or none of the four tables is in it.
        DataError: a table lacks a column.
    """
    tables = [f"{name}.csv" for name in _TABLES]
    found = find_raw_files(raw, tables, DICOM_SUFFIXES, tables_only=config.tables_only)
    found.table(*_TABLES)
    yield from found.films.rejections
    classes = vindr_classes()
    votes = MajorityVote(config.rule, f"{_ORIGIN}/{config.rule}")
    wanted = classes.sets.get(config.classes, classes.every)
    corpus = _Corpus(found, config, classes, wanted, votes)
    parts = [_Part("train"), _Part("test")]
    for part in parts:
        yield from _read_part(part, found.tables, corpus)
    splits = _splits(parts[0], parts[1], config)
    for part in parts:
        for film in part.films:
            yield _study(film, part, splits[film], corpus)
    yield from unlisted_films(found, splits, lambda place: False, None)


def _read_part(part: _Part, tables: Mapping[str, Path], corpus: _Corpus) -> Iterator[Rejection]:
    labels, boxes = tables.get(f"image_labels_{part.split}"), tables.get(f"annotations_{part.split}")
    keys = ["image_id", "rad_id"] if part.split == "train" else ["image_id"]
    known: dict[tuple[str, ...], ReaderLabels] = {}
    if labels:
        yield from read_each(labels, keys, lambda row: _read_labels(row, part, corpus, known))
    if boxes:
        yield from read_each(boxes, [*keys, "class_name"], lambda row: _read_box(row, part, corpus))


def _reader(row: Row, part: _Part) -> str:
    return row["rad_id"] if part.split == "train" else CONSENSUS


def _read_labels(
    row: Row, part: _Part, corpus: _Corpus, known: dict[tuple[str, ...], ReaderLabels]
) -> Iterator[Rejection]:
    film, reader = row["image_id"], _reader(row, part)
    readers = part.readers.setdefault(film, {}) if film else {}
    if not film or not reader:
        yield Rejection(row.place, "the row names no image or no reader", film or None)
    elif reader in readers:
        yield Rejection(row.place, f"{reader} has a row of this film already", film)
    else:
        said = (reader, *(cell for header, cell in row.cells.items() if header != "image_id"))
        if said in known:
            readers[reader] = known[said]
            return
        readers[reader] = ReaderLabels(tuple(_labels(row, reader, corpus)))
        faults = list(_faults(row, corpus))
        yield from faults
        if not faults:
            known[said] = readers[reader]


def _labels(row: Row, reader: str, corpus: _Corpus) -> Iterator[Label]:
    for header, cell in row.cells.items():
        name, state = corpus.classes.named(header), state_of(cell)
        if name in corpus.wanted and state in (State.POSITIVE, State.NEGATIVE):
            yield Label(name, state, f"{_ORIGIN}/{reader}")


def _faults(row: Row, corpus: _Corpus) -> Iterator[Rejection]:
    for header, cell in row.cells.items():
        name = corpus.classes.named(header)
        if name in corpus.wanted and not is_blank(cell) and state_of(cell) not in (0, 1):
            yield Rejection(row.place, f"label {header} is '{cell}': expected 1, 0 or blank", row["image_id"])


def _read_box(row: Row, part: _Part, corpus: _Corpus) -> Iterator[Rejection]:
    film, reader, name = row["image_id"], _reader(row, part), corpus.classes.named(row["class_name"])
    if not (film and reader and name):
        yield Rejection(row.place, "the row names no image, no reader or no class", film or None)
        return
    panel = part.panels.setdefault(film, ReaderBoxes())
    corners = corners_of(row, CORNERS, film)
    if name not in corpus.classes.every:
        yield Rejection(row.place, f"class '{name}': {nearest(name, corpus.classes.every)}", film)
    elif isinstance(corners, Rejection):
        yield corners
    elif corners is None:
        if name in corpus.classes.local:
            yield Rejection(row.place, f"{reader} sees {name} but the row has no box", film)
    elif name in corpus.wanted and not panel.add(name, reader, corners):
        yield Rejection(row.place, f"{reader} has drawn this box of {name} already", film)


def _splits(train: _Part, test: _Part, config: Config) -> dict[str, str]:
    """The official split; a published validation part is drawn as those who published it drew it."""
    splits = dict.fromkeys(train.films, "train") | dict.fromkeys(test.films, "test")
    held: list[str] = []
    if config.validation == "cxr_clip":
        _, held = train_test_split(sorted(train.films), 0.2, 0)
    elif config.validation == "chex":
        shuffled = permuted(list(test.films), 12345)
        held = shuffled[: len(shuffled) // 2]
    return splits | dict.fromkeys(held, "validation")


def _study(film: str, part: _Part, split: str, corpus: _Corpus) -> Study | Rejection:
    config = corpus.config
    place = f"{part.split}/{film}.dicom"
    path = corpus.files.film(film, place)
    if path is None:
        return Rejection(place, "listed in the tables but not on disk", film)
    panel, readers = part.panels.get(film, ReaderBoxes()), part.readers.get(film, {})
    labels = [label for opinion in readers.values() for label in opinion.labels]
    boxes = list(panel.reader_boxes())
    if part.split == "train":
        labels += corpus.votes.of(readers.values())
        boxes += panel.fused_boxes(config.fusion_iou, config.fusion_readers)
    image = Image(film, path, View.PA, labels=tuple(labels), boxes=tuple(boxes), licence=LICENCE)
    return Study(film, film, (image,), split=split, files=() if config.tables_only else (path,))


def complete(study: Study, config: Config) -> Iterator[Study | Rejection]:
    """The study with sex and age of its film's header."""
    return with_header(study)


def make_example(root: Path) -> Path:
    """Six phantom studies in this layout."""
    return phantom_example("vindr_cxr", root)
