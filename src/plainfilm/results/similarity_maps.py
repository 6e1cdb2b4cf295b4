"""Writes maps of similarity: a picture of each over its film, and `maps.json` with their numbers.

A picture shows the film, and beside it the film below the map in the colours of its bar, whose ends are the
smallest and the largest cosine of a patch. What the model does not see of the film is hatched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from plainfilm.io.images import as_film
from plainfilm.io.manifest import Change, changing
from plainfilm.predictor.documents import similarity_map
from plainfilm.predictor.films import FilmLike
from plainfilm.predictor.similarity_map import SimilarityMap
from plainfilm.results.drawing import INK, legible, png

META = "maps.json"
COLOURS = "viridis"
"""A colour map whose equal steps look equal, also in grey and to the colour-blind."""
OPACITY = 0.5
SHORTEST, LONGEST = 320, 1024
"""Pixels of the longest side of a film in a picture: a small film is enlarged, a large one reduced."""
_DPI, _EDGE, _GAP, _BAR = 100, 24, 16, 14
_HEAD, _FOOT, _SCALE = 64, 30, 64
"""Pixels above and below the films, and on the right of the bar."""


class MapFolder:
    """A folder of maps that is being written."""

    def __init__(self, change: Change) -> None:
        self._change = change
        self.entries: list[dict[str, Any]] = []

    def add(self, file: Path, maps: Sequence[SimilarityMap]) -> None:
        """Draw the maps of one film.

        Raises:
            ImageError: the film cannot be read any more.
            DataError: a picture cannot be written.
        """
        film = drawn_film(file)
        drawn: list[dict[str, Any]] = []
        for one in maps:
            name = f"{len(self.entries) + 1:03d}-{_plain(file.stem)}-{len(drawn) + 1}-{_plain(one.text)}.png"
            with self._change.writing(name) as temporary:
                temporary.write_bytes(picture(film, one, file.name))
            drawn.append({"picture": name, **similarity_map(one)})
        self.entries.append({"file": str(file), "maps": drawn})


@contextmanager
def writing_maps(folder: Path, model: str) -> Iterator[MapFolder]:
    """A folder to write the maps of `model` to; all of it comes into force at the end of the block.

    Raises:
        UsageError: another process is writing there.
        DataError: the folder or a file cannot be written.
    """
    with changing(folder, META):
        change = Change(folder, META)
        maps = MapFolder(change)
        yield maps
        change.commit({"model": model, "films": maps.entries})


def drawn_film(file: FilmLike) -> NDArray[np.uint8]:
    """The film at the size of the picture, (h, w)."""
    from PIL import Image

    film = Image.fromarray(as_film(file))
    longest = max(film.size)
    wanted = min(max(longest, SHORTEST), LONGEST)
    width, height = (max(1, round(side * wanted / longest)) for side in film.size)
    if (width, height) != film.size:
        film = film.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(film)


def coloured(film: NDArray[np.uint8], found: SimilarityMap) -> NDArray[np.uint8]:
    """(h, w, 3): the film (h, w) below its map, half of each; where the model does not see it, the film."""
    import matplotlib as mpl

    whole = found.pixels()
    rows, columns = (
        ((np.arange(short) + 0.5) * long / short).astype(int)
        for short, long in zip(film.shape, whole.shape, strict=True)
    )
    values = whole[np.ix_(rows, columns)]
    grey = np.repeat(film[..., None].astype(np.float64), 3, axis=2)
    shares = (values - found.low) / ((found.high - found.low) or 1.0)
    colours = 255 * mpl.colormaps[COLOURS](np.nan_to_num(shares))[..., :3]
    mixed = np.where(np.isnan(values)[..., None], grey, (1 - OPACITY) * grey + OPACITY * colours)
    return np.rint(mixed).astype(np.uint8)


def picture(film: NDArray[np.uint8], found: SimilarityMap, name: str) -> bytes:
    """The film (h, w), called `name`, beside itself below its map, as PNG; a pixel of it is a pixel."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height, width = film.shape
    size = (2 * width + 2 * _EDGE + 2 * _GAP + _BAR + _SCALE, height + _HEAD + _FOOT)
    figure = Figure(figsize=(size[0] / _DPI, size[1] / _DPI), dpi=_DPI)
    FigureCanvasAgg(figure)

    def axes(left: int, wide: int) -> Any:
        return figure.add_axes((left / size[0], _FOOT / size[1], wide / size[0], height / size[1]))

    plain, over = axes(_EDGE, width), axes(_EDGE + width + _GAP, width)
    for one, shown in ((plain, np.repeat(film[..., None], 3, axis=2)), (over, coloured(film, found))):
        one.imshow(shown, interpolation="nearest", aspect="auto")
        one.set_axis_off()
    is_cut = _hatch(over, found, (width, height))
    bar = (_EDGE + 2 * (width + _GAP)) / size[0], _FOOT / size[1], _BAR / size[0], height / size[1]
    colour_bar(figure, found, bar, "vertical")
    _words(figure, found, name, size, is_cut)
    return png(figure)


def colour_bar(
    figure: Any,
    found: SimilarityMap,
    place: tuple[float, float, float, float],
    orientation: Literal["horizontal", "vertical"],
) -> None:
    """Draw the colours of a map and their cosines at `place` (left, bottom, width, height; shares of the
    figure)."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    colours = ScalarMappable(Normalize(found.low, found.high), COLOURS)
    bar = figure.colorbar(colours, cax=figure.add_axes(place), orientation=orientation, format="{x:.3f}")
    bar.set_ticks(np.linspace(found.low, found.high, 5))
    bar.ax.tick_params(labelsize=8, colors=INK)


def colours_of_bar(steps: int) -> list[str]:
    """The colours of a map from its smallest to its largest cosine, as #rrggbb."""
    import matplotlib as mpl
    from matplotlib.colors import to_hex

    return [to_hex(mpl.colormaps[COLOURS](share)) for share in np.linspace(0, 1, steps)]


def _words(figure: Any, found: SimilarityMap, name: str, size: tuple[int, int], is_cut: bool) -> None:
    letters = max(20, (size[0] - 2 * _EDGE) // 8)
    quoted = found.text if len(found.text) <= letters - 14 else found.text[: letters - 15] + "…"
    texts = legible([f'similarity to "{quoted}"', name])
    head = texts.texts if not texts.are_numbers else ("similarity to a text in maps.json", "")
    style = {"color": INK, "fontfamily": texts.families}
    left, top = _EDGE / size[0], 1 - 10 / size[1]
    figure.text(left, top, head[0], va="top", fontsize=10, fontweight="bold", **style)
    range_ = f"cosine of its patches {found.low:.3f} to {found.high:.3f}, of the whole film {found.score:.3f}"
    figure.text(left, 1 - 34 / size[1], range_, va="top", fontsize=8, **style)
    cut = "   ·   hatched: the model does not see it" if is_cut else ""
    figure.text(left, 8 / size[1], head[1] + cut, va="bottom", fontsize=8, **style)


def _hatch(axes: Any, found: SimilarityMap, size: tuple[int, int]) -> bool:
    """Hatches what the model does not see of a film drawn at `size` (width, height); whether there is any."""
    from matplotlib.patches import Rectangle

    x0, y0, x1, y1 = found.seen() * [*size, *size] / [*found.geometry.film, *found.geometry.film]
    width, height = size
    margins = [
        (0, 0, width, y0),
        (0, y1, width, height - y1),
        (0, y0, x0, y1 - y0),
        (x1, y0, width - x1, y1 - y0),
    ]
    hidden = [margin for margin in margins if min(margin[2:]) >= 0.5]
    for left, top, wide, high in hidden:
        box = Rectangle(
            (left - 0.5, top - 0.5), wide, high, facecolor=(0, 0, 0, 0.35), hatch="////", linewidth=0
        )
        box.set_edgecolor("white")
        axes.add_patch(box)
    return bool(hidden)


def _plain(text: str) -> str:
    """A text as part of a file name: letters and digits of it."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower()[:40] or "map"
