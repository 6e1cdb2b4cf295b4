"""ChestX-Det, boxes of 13 categories on films of ChestX-ray14, as downloaded from Deepwise AI Lab.

    RAW/ChestX_Det_train.json, RAW/ChestX_Det_test.json     a list: file_name, syms, boxes, polygons
    RAW/train/*.png, RAW/test/*.png                         films; or train_data.zip and test_data.zip
    RAW/train.json, RAW/test.json                           of the earlier ChestX-Det10, 10 categories

A film has a category (`syms`) and a box [x0, y0, x1, y1] in its pixels for each thing that is marked on it.
Three radiologists marked the films; polygons of the outlines are not read. Films of this release have
running numbers for names, so that the patient is known only where a name is that of ChestX-ray14
("00000042_006.png", as in ChestX-Det10). Liu, Lian and Yu, "ChestX-Det10: Chest X-ray dataset on detection of
thoracic abnormalities", arXiv:2006.10550; Lian et al., "A structure-aware relation network for thoracic
diseases detection and segmentation", IEEE Transactions on Medical Imaging 40, 2021.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plainfilm.errors import DataError, SourceError, nearest
from plainfilm.io.tables import read_json
from plainfilm.sources.base import SourceConfig, shown, split_of
from plainfilm.sources.common.nih_identity import patient_of_file
from plainfilm.sources.common.raw_files import files_called
from plainfilm.sources.common.unique_file_index import UniqueFileIndex
from plainfilm.types import Box, Image, Label, Rejection, State, Study

CORPUS = "nih14"
ORIGIN = "chestx_det"
LICENCE = "ChestX-Det: no licence stated for the annotations; films: NIH Clinical Center"
TEN = (
    *("Atelectasis", "Calcification", "Consolidation", "Effusion", "Emphysema", "Fibrosis", "Fracture"),
    *("Mass", "Nodule", "Pneumothorax"),
)
"""The categories of ChestX-Det10."""
ALL = (*TEN, "Cardiomegaly", "Diffuse Nodule", "Pleural Thickening")
SAME = {"Pleural Thickening": "Pleural_Thickening"}
"""Categories that ChestX-ray14 writes otherwise."""
_LISTS = {"ChestX_Det_train.json": ALL, "ChestX_Det_test.json": ALL, "train.json": TEN, "test.json": TEN}


class Config(SourceConfig):
    """There are no options besides those of every source."""


@dataclass(frozen=True)
class _Lists:
    """The lists by split with their categories, and the films by split and name."""

    raw: Path
    config: Config
    files: Mapping[str, tuple[Path, tuple[str, ...]]]
    films: UniqueFileIndex

    def film(self, split: str, name: str) -> Path | None:
        """Where a film lies: below a folder or archive of its split, or of no split."""
        if self.config.tables_only:
            return self.raw / split / name
        return self.films.get(f"{split}/{name}") or self.films.get(f"/{name}")


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """A study for each film in the order of the lists, those for training first.

    Raises:
        SourceError: no such folder, or no list in it.
        DataError: a file is no list of films.
    """
    lists = _look(raw, config)
    yield from lists.films.rejections
    used: dict[str, str] = {}
    for split, (file, categories) in lists.files.items():
        entries = read_json(file)
        if not isinstance(entries, list):
            raise DataError(f"{file}: expected a list of films; fetch the file again")
        for number, entry in enumerate(entries, start=1):
            place = f"{file.name} film {number}"
            name = str(entry.get("file_name") or "") if isinstance(entry, dict) else ""
            if not name or used.get(name) == split:
                fault = f"lists '{shown(name)}' again" if name else "has no file_name"
                yield Rejection(place, fault)
                continue
            film_id = Path(name).stem if name not in used else f"{split}_{Path(name).stem}"
            used[name] = split
            yield from _study(entry, film_id, (split, place, categories), lists)


def _look(raw: Path, config: Config) -> _Lists:
    found: dict[str, Path] = {}
    films = UniqueFileIndex()
    for path in files_called(raw, lambda name: name in _LISTS or name.lower().endswith(".png")):
        if path.name in _LISTS:
            found.setdefault(path.name, path)
        else:
            films.add(f"{_split_in(path.relative_to(raw))}/{path.name}", path)
    names = [name for name in _LISTS if name in found and _LISTS[name] is ALL] or list(found)
    if not names:
        raise SourceError(f"{raw}: no ChestX_Det_train.json or ChestX_Det_test.json in it or below")
    by_split = {_split_in(Path(name)): (found[name], _LISTS[name]) for name in names}
    return _Lists(
        raw, config, {split: by_split[split] for split in ("train", "test") if split in by_split}, films
    )


def _split_in(path: Path) -> str:
    """The split that a part of a path names, such as `train_data.zip`; "" where none does."""
    words = (part.partition(".")[0].removeprefix("ChestX_Det_").partition("_")[0] for part in path.parts)
    return next((split for word in words if (split := split_of(word))), "")


def _study(
    entry: Mapping[str, Any], film_id: str, listed: tuple[str, str, tuple[str, ...]], lists: _Lists
) -> Iterator[Study | Rejection]:
    split, place, categories = listed
    name = str(entry["file_name"])
    path = lists.film(split, Path(name).name)
    if path is None:
        yield Rejection(name, f"listed in {lists.files[split][0].name} but not on disk", film_id)
        return
    names, corners = entry.get("syms"), entry.get("boxes")
    if not isinstance(names, list) or not isinstance(corners, list) or len(names) != len(corners):
        yield Rejection(place, "syms and boxes are no lists of one length", film_id)
        return
    boxes = []
    for category, box in zip(names, corners, strict=True):
        fault = _fault(category, box, categories)
        if fault:
            yield Rejection(place, fault, film_id)
        else:
            boxes.append(Box(SAME.get(category, category), "observation", *map(float, box)))
    seen = {box.name for box in boxes}
    labels = (
        Label(name, State.POSITIVE if name in seen else State.NEGATIVE, ORIGIN)
        for name in (SAME.get(category, category) for category in categories)
    )
    patient = patient_of_file(name) or f"{ORIGIN}_{film_id}"
    image = Image(film_id, path, labels=tuple(labels), boxes=tuple(boxes), licence=LICENCE)
    yield Study(film_id, patient, (image,), split=split)


def _fault(category: object, box: object, categories: tuple[str, ...]) -> str | None:
    """Why a box is refused."""
    if category not in categories:
        return f"category '{category}' is none of its {len(categories)}: {nearest(str(category), categories)}"
    if not isinstance(box, list) or len(box) != 4 or not all(type(side) in (int, float) for side in box):
        return f"box {shown(str(box))} of {category} is not four numbers"
    x0, y0, x1, y1 = box
    return None if x0 < x1 and y0 < y1 else f"box {shown(str(box))} of {category} is inverted or has no area"
