"""The training films of VinDr-CXR as Kaggle's VinBigData competition of 2021 publishes them, under other ids.

    RAW/train.csv               image_id, class_name, class_id, rad_id, x_min, y_min, x_max, y_max
    RAW/train/<image_id>.dicom  15,000 films; or resized PNG copies of them, in any folder
    RAW/train_meta.csv          image_id, dim0 (rows), dim1 (columns) of the originals; comes with the copies
    RAW/test/<image_id>.dicom   3,000 films without labels

A row is one box that one of three readers drew, or a reader's "No finding". Boxes are in pixels of the
original film, so that those on copies need `train_meta.csv`. A reader says "no" to every class that they did
not name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import Field

from plainfilm.errors import nearest
from plainfilm.sources.base import SourceConfig, number_of
from plainfilm.sources.common.boxes import corners_of, fitted, size_of_picture
from plainfilm.sources.common.film_header import is_dicom_film, with_header
from plainfilm.sources.common.option_matches import require_some
from plainfilm.sources.common.raw_files import (
    COPY_SUFFIXES,
    DICOM_SUFFIXES,
    RawFiles,
    find_raw_files,
    in_test_folder,
    unlisted_films,
)
from plainfilm.sources.common.reader_annotations import CORNERS, MajorityVote, ReaderBoxes, ReaderLabels, Rule
from plainfilm.sources.common.rows import Row, read_each
from plainfilm.sources.common.split_files import read_lists
from plainfilm.sources.common.vindr_classes import NO_FINDING, vindr_classes
from plainfilm.types import Image, Label, Rejection, State, Study, View

CORPUS = "vindr-cxr"
LICENCE = "rules of the VinBigData Chest X-ray Abnormalities Detection competition (Kaggle)"
_ORIGIN = "vinbigdata"
_TABLES = ("train.csv", "train_meta.csv")
_KEYS = ("image_id", "class_name", "rad_id")


class Config(SourceConfig):
    """rule, fusion_iou, fusion_readers: as in `vindr_cxr`. lists: a folder with train.txt, val.txt and
    test.txt that split the labelled films (REFERS: 10,500, 1,500 and 3,000); by default the split is drawn.

    unlabelled: read the films of test/ too. full_size: copies have the originals' size, without a table that
    says so.
    """

    rule: Rule = "majority"
    fusion_iou: float = Field(0.1, ge=0.0, lt=1.0)
    fusion_readers: int = Field(1, ge=1)
    lists: Path | None = None
    unlabelled: bool = False
    full_size: bool = False


@dataclass
class _Film:
    """What the table says of one film: the classes each reader names, and the boxes."""

    named: dict[str, set[str]] = field(default_factory=dict)
    panel: ReaderBoxes = field(default_factory=ReaderBoxes)


@dataclass(frozen=True)
class _Corpus:
    """Where things lie, and how large the originals are, (width, height), where that is known."""

    files: RawFiles
    config: Config
    sizes: Mapping[str, tuple[int, int]]
    votes: MajorityVote
    known: dict[tuple[str, frozenset[str]], ReaderLabels] = field(default_factory=dict)

    def opinion(self, reader: str, named: set[str]) -> ReaderLabels:
        """What a reader says who names these classes."""
        key = reader, frozenset(named)
        if key not in self.known:
            states = {
                name: State.POSITIVE if name in named else State.NEGATIVE
                for name in vindr_classes().sets["vinbigdata"]
            }
            labels = (Label(name, state, f"{_ORIGIN}/{reader}") for name, state in states.items())
            self.known[key] = ReaderLabels(tuple(labels))
        return self.known[key]


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """A study for each film, in the order of the table.

    Raises:
        SourceError: there is no such folder, `train.csv` is not in it, or the lists cannot be read.
        DataError: a table lacks a column.
    """
    suffixes = (*DICOM_SUFFIXES, *COPY_SUFFIXES)
    found = find_raw_files(raw, _TABLES, suffixes, tables_only=config.tables_only)
    table = found.table("train")
    yield from found.films.rejections
    sizes: dict[str, tuple[int, int]] = {}
    if "train_meta" in found.tables:
        columns = ("image_id", "dim0", "dim1")
        yield from read_each(found.tables["train_meta"], columns, lambda row: _read_size(row, sizes))
    corpus = _Corpus(found, config, sizes, MajorityVote(config.rule, f"{_ORIGIN}/{config.rule}"))
    said: dict[str, _Film] = {}
    yield from read_each(table, _KEYS, lambda row: _read_row(row, said))
    splits: dict[str, str] = {}
    yield from _read_splits(config.lists, said, splits) if config.lists else ()
    for film, of_film in said.items():
        if config.lists is None or film in splits:
            yield from _study(film, of_film, splits.get(film), corpus)
    yield from unlisted_films(found, said, in_test_folder, _bare_study if config.unlabelled else None)


def _bare_study(film: str, path: Path) -> Study:
    return Study(film, film, (Image(film, path, View.PA, licence=LICENCE),), split="test", files=(path,))


def _read_size(row: Row, sizes: dict[str, tuple[int, int]]) -> Iterator[Rejection]:
    height, width = number_of(row["dim0"]), number_of(row["dim1"])
    if height and width and height > 0 and width > 0:
        sizes[row["image_id"]] = int(width), int(height)
    else:
        yield Rejection(row.place, f"size '{row['dim0']}' x '{row['dim1']}' is none", row["image_id"])


def _read_row(row: Row, said: dict[str, _Film]) -> Iterator[Rejection]:
    film, name, reader = (row[key] for key in _KEYS)
    if not (film and name and reader):
        yield Rejection(row.place, "the row names no image, no class or no reader", film or None)
        return
    if name not in vindr_classes().sets["vinbigdata"]:
        yield Rejection(
            row.place, f"class '{name}': {nearest(name, vindr_classes().sets['vinbigdata'])}", film
        )
        return
    found = said.setdefault(film, _Film())
    found.named.setdefault(reader, set()).add(name)
    corners = corners_of(row, CORNERS, film)
    if isinstance(corners, Rejection):
        yield corners
    elif corners is None:
        if name != NO_FINDING:
            yield Rejection(row.place, f"{reader} sees {name} but the row has no box", film)
    elif name == NO_FINDING:
        yield Rejection(row.place, f"a box of '{NO_FINDING}' marks nothing", film)
    elif not found.panel.add(name, reader, corners):
        yield Rejection(row.place, f"{reader} has drawn this box of {name} already", film)


def _read_splits(folder: Path, said: Mapping[str, _Film], splits: dict[str, str]) -> Iterator[Rejection]:
    lists = read_lists(folder)
    yield from lists.rejections
    splits.update((Path(name).stem, listed.split) for name, listed in lists.images.items())
    require_some("lists", said.__contains__, splits, folder)
    for film in splits:
        if film not in said:
            yield Rejection(film, f"in a list of {folder.name} but not in train.csv", film)
    missing = sum(film not in splits for film in said)
    if missing:
        yield Rejection("train.csv", f"{missing} films are in no list of {folder.name} and are left out")


def _study(film: str, found: _Film, split: str | None, corpus: _Corpus) -> Iterator[Study | Rejection]:
    config, size = corpus.config, corpus.sizes.get(film)
    place = f"train/{film}.dicom"
    path = corpus.files.film(film, place)
    if path is None:
        yield Rejection(place, "listed in train.csv but not on disk", film)
        return
    boxes = [*found.panel.reader_boxes(), *found.panel.fused_boxes(config.fusion_iou, config.fusion_readers)]
    if boxes and not (size or config.full_size or is_dicom_film(path)):
        reason = "a copy; no train_meta.csv says how large the original is, so where its boxes lie is unknown"
        yield Rejection(str(path), f"{reason}; the study is kept without them", film)
        boxes = []
    opinions = [corpus.opinion(reader, named) for reader, named in found.named.items()]
    labels = [label for opinion in opinions for label in opinion.labels]
    image = Image(
        film,
        path,
        View.PA,
        labels=(*labels, *corpus.votes.of(opinions)),
        boxes=tuple(boxes),
        licence=LICENCE,
        width=size[0] if size else None,
        height=size[1] if size else None,
    )
    yield Study(film, film, (image,), split=split, files=() if config.tables_only else (path,))


def complete(study: Study, config: Config) -> Iterator[Study | Rejection]:
    """The study with sex and age of its film's header; boxes on a copy are fitted to its pixels."""
    if study.files and is_dicom_film(study.files[0]):
        yield from with_header(study)
    else:
        yield replace(study, images=tuple(_fitted(image) for image in study.images))


def _fitted(image: Image) -> Image:
    """The image with its boxes in pixels of the copy: many copies are squares, whatever the original was."""
    size = size_of_picture(image.path) if image.boxes and image.width and image.height else None
    if size is None or image.width is None or image.height is None:
        return image
    return fitted(image, (image.width, image.height), size)
