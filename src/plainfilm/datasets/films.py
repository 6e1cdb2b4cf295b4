"""The films of a collection as a data set: one image with its study's texts, its labels and boxes."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plainfilm.batches.pixel_cache import ImageFiles, PixelSource, open_or_build
from plainfilm.batches.resizing import fixed_geometry, resize_to
from plainfilm.collection import Collection
from plainfilm.collection.label_origins import positions
from plainfilm.datasets.base import Records
from plainfilm.datasets.tables import (
    BoxesOfImages,
    SectionsOfStudies,
    check_split,
    known_views,
    read_labels,
    states_by_name,
)
from plainfilm.errors import CollectionError
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.types import Box, State, View


@dataclass(frozen=True)
class FilmRecord:
    """One film.

    pixels: (H, W) uint8, 0 black. sections: the study's report, text by name of section. labels: the state of
    every observation, `None` where it is not mentioned. boxes: in pixels of `pixels`. age: years.
    """

    image_id: str
    study_id: str
    patient_id: str
    split: str
    view: View
    pixels: NDArray[np.uint8] = field(repr=False)
    sections: dict[str, str] = field(repr=False)
    labels: dict[str, State | None] = field(repr=False)
    boxes: tuple[Box, ...]
    age: float | None = None
    sex: str | None = None

    @property
    def image(self) -> Image.Image:
        """The pixels as a grey PIL image."""
        return Image.fromarray(self.pixels)

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        self.image.save(stream, "PNG")
        return stream.getvalue()


Transform = Callable[[FilmRecord], Any]


class Films(Records[FilmRecord]):
    """The films of a collection by number, each a `FilmRecord`, or what `transform` makes of it.

    A map-style data set for PyTorch's `DataLoader`. split: "train", "validation" or "test"; `None` for all.
    views: for example `["PA", "AP"]`. origins: of labels; by default those that training prefers. size: side
    of the square that films are resized to (their middle is kept), with their boxes; by default films keep
    the size at which they are stored. cache: with it, films are read from a file of decoded pixels of this
    shortest side, which is made at first and shared with training (`data.cache`).

    Raises:
        CollectionError: no films in the collection, or an unknown split or view.
        DataError: an origin that the collection does not have.
    """

    what = "film"

    def __init__(
        self,
        collection: Collection,
        *,
        split: str | None = None,
        views: Sequence[View | str] | None = None,
        origins: Sequence[str] | None = None,
        size: int | None = None,
        cache: int | None = None,
        transform: Transform | None = None,
    ) -> None:
        super().__init__(transform)
        check_split(split)
        wanted = known_views(views)
        self._name, self._split = collection.name, split
        images, studies = collection.table("images"), collection.table("studies")
        self._study_of = positions(images["study_id"], studies["study_id"])
        # In one piece: looking for the chunk of a row takes longer than reading it.
        self._images = images.select(["image_id", "view", "width", "height"]).combine_chunks()
        self._studies = studies.select(["study_id", "patient_id", "split", "age", "sex"]).combine_chunks()
        self._rows = self._chosen(split, wanted)
        self._pixels = _pixel_source(collection, cache)
        self._sections, self._boxes = SectionsOfStudies(collection), BoxesOfImages(collection)
        reader = read_labels(collection, origins)
        self.observations = reader.observations
        self._states = reader.images(self._rows)
        self._preprocessing = None if size is None else Preprocessing(size=size)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        part = "" if self._split is None else f" of split '{self._split}'"
        return (
            f"<{len(self)} films{part} of collection '{self._name}', {len(self.observations)} observations>"
        )

    @property
    def studies(self) -> NDArray[np.int64]:
        """(N,) the row of the table `studies` of each film."""
        return self._study_of[self._rows]

    def record(self, number: int) -> FilmRecord:
        """Film `number`, 0 to the number of films - 1, without the transform.

        Raises:
            CollectionError: its file is missing or damaged.
        """
        row = int(self._rows[number])
        image = self._images.slice(row, 1).to_pylist()[0]
        place = int(self._study_of[row])
        study = self._studies.slice(place, 1).to_pylist()[0]
        pixels, boxes = self._read(row, (image["width"], image["height"]))
        return FilmRecord(
            image_id=image["image_id"],
            view=View(image["view"]),
            pixels=pixels,
            sections=self._sections.of(place),
            labels=states_by_name(self.observations, self._states[number]),
            boxes=boxes,
            **study,
        )

    def _chosen(self, split: str | None, views: frozenset[View]) -> NDArray[np.int64]:
        view = np.array(self._images["view"].to_pylist())
        keep = np.isin(view, [str(one) for one in views])
        if split is not None:
            keep &= np.array(self._studies["split"].to_pylist())[self._study_of] == split
        return np.flatnonzero(keep)

    def _read(self, row: int, stored: tuple[int, int]) -> tuple[NDArray[np.uint8], tuple[Box, ...]]:
        film, boxes = self._pixels.film(row), self._boxes.of(row)
        moved = self._moved(boxes, film.shape[:2], stored) if boxes else []
        if self._preprocessing is not None:
            film = np.asarray(resize_to(film, self._preprocessing), dtype=np.uint8)
        return np.array(film), tuple(
            replace(box, x0=x0, y0=y0, x1=x1, y1=y1)
            for box, (x0, y0, x1, y1) in zip(boxes, moved, strict=True)
            if x1 > x0 and y1 > y0
        )

    def _moved(
        self, boxes: Sequence[Box], read: tuple[int, ...], stored: tuple[int, int]
    ) -> list[list[float]]:
        """The corners of `boxes` on the film as it is shown, of a film of `stored` pixels (width, height)
        that was read with `read` (height, width)."""
        if self._preprocessing is None:
            return (corners(boxes) * np.array([read[1] / stored[0], read[0] / stored[1]] * 2)).tolist()
        geometry = fixed_geometry((read[1], read[0]), self._preprocessing)
        return geometry.of_larger(*stored).boxes_to_square(corners(boxes)).tolist()


def corners(boxes: Sequence[Box]) -> NDArray[np.float64]:
    """Boxes as an array (N, 4) of x0, y0, x1, y1."""
    return np.array([(box.x0, box.y0, box.x1, box.y1) for box in boxes], dtype=np.float64).reshape(-1, 4)


def _pixel_source(collection: Collection, cache: int | None) -> PixelSource:
    if collection.table("images").num_rows == 0:
        raise CollectionError(f"{collection.path}: has no images")
    if cache is None:
        return ImageFiles(collection)
    return open_or_build(collection, cache, [collection.path / "cache"])
