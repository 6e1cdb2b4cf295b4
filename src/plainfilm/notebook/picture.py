"""A film with what is known or said of it, as a picture in a notebook or in a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plainfilm.errors import UsageError
from plainfilm.io.files import replacing
from plainfilm.io.images import as_film
from plainfilm.notebook.shown_boxes import shown_boxes
from plainfilm.pages import FilmPicture, film_uri, render
from plainfilm.pages.boxes import ShownBox
from plainfilm.predictor import SimilarityMap

_STEPS_OF_BAR = 9


@dataclass(frozen=True)
class Picture:
    """A film (H, W) uint8 with boxes, a map of similarity and sentences; a notebook shows it as it is.

    Boxes and map are in pixels of `film`.
    """

    film: NDArray[np.uint8] = field(repr=False)
    boxes: tuple[ShownBox, ...] = ()
    map: SimilarityMap | None = None
    sentences: tuple[str, ...] = ()

    def save(self, path: Path | str) -> Path:
        """Write the picture to a file, by its name a PNG picture or an HTML page; returns its path.

        Raises:
            UsageError: the name ends neither in .png nor in .html.
            DataError: the file cannot be written.
        """
        path = Path(path)
        kinds = {".png": self._repr_png_, ".html": self._page}
        if path.suffix.lower() not in kinds:
            raise UsageError(f"{path}: a picture is saved as .png or .html; give it one of these endings")
        data = kinds[path.suffix.lower()]()
        with replacing(path) as temporary:
            temporary.write_bytes(data)
        return path

    def __repr__(self) -> str:
        height, width = self.film.shape
        parts = [f"{len(self.boxes)} box{'es' * (len(self.boxes) != 1)}"] if self.boxes else []
        parts += [f"map of '{self.map.text}'"] if self.map else []
        parts += (
            [f"{len(self.sentences)} sentence{'s' * (len(self.sentences) != 1)}"] if self.sentences else []
        )
        return f"<Picture of a film of {width} x {height} pixels{''.join(f', {part}' for part in parts)}>"

    def _repr_png_(self) -> bytes:
        from plainfilm.notebook.drawn import drawn

        return drawn(self.film, self.boxes, self.map, self.sentences)

    def _repr_html_(self) -> str:
        return render("notebook/picture.html", **self._values())

    def _page(self) -> bytes:
        return render("notebook/page.html", title="A film", **self._values()).encode()

    def _values(self) -> dict[str, Any]:
        height, width = self.film.shape
        films = [("film", FilmPicture(film_uri(self.film), width, height))]
        colours: list[str] = []
        if self.map is not None:
            from plainfilm.results.similarity_maps import coloured, colours_of_bar, drawn_film

            below = film_uri(coloured(drawn_film(self.film), self.map))
            films.append((f"film below its map of '{self.map.text}'", FilmPicture(below, width, height)))
            colours = colours_of_bar(_STEPS_OF_BAR)
        return {
            "films": films,
            "boxes": self.boxes,
            "map": self.map,
            "colours": colours,
            "sentences": self.sentences,
        }


def show(
    film: Any,
    boxes: Any = None,
    map: SimilarityMap | None = None,  # noqa: A002 (what one asks for)
    text: Any = None,
) -> Picture:
    """A picture of a film, for a notebook or a file (`Picture.save`).

    film: a path, a PIL image, an array or tensor (H, W), the result of `plainfilm.read_image`, or a film of
    `plainfilm.open(...).films()`, which is shown with its own boxes unless `boxes` says otherwise.
    boxes: x0, y0, x1, y1 in pixels of the film, an array (N, 4), what `locate` found, boxes of a collection,
    several of them in a list, or by name in a dictionary. map: what `similarity_map` gave for this film.
    text: a sentence, several, or a report that a model wrote.

    Raises:
        ImageError: the film cannot be opened.
        UsageError: boxes of another form, or a map of a film of another size.
    """
    pixels = as_film(film)
    if boxes is None:
        boxes = getattr(film, "boxes", None)
    if map is not None and map.geometry.film != pixels.shape[::-1]:
        sizes = ["{} x {}".format(*size) for size in (map.geometry.film, pixels.shape[::-1])]
        raise UsageError(f"show: the map is of a film of {sizes[0]} pixels, this one has {sizes[1]}")
    return Picture(pixels, shown_boxes(boxes), map, _sentences(text))


def _sentences(text: Any) -> tuple[str, ...]:
    """One text, several, or the text of a report."""
    if text is None:
        return ()
    if not isinstance(text, str) and isinstance(text, Sequence):
        return tuple(str(one) for one in text)
    return (str(getattr(text, "text", text)),)
