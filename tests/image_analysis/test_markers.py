"""Letters in the margins are found where they were drawn, on toy films and on phantoms."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from plainfilm import phantom
from plainfilm.geometry import box_iou_xyxy
from plainfilm.image_analysis.markers import marker_boxes


def draw(film: np.ndarray, text: str, at: tuple[float, float], size: float) -> tuple[np.ndarray, tuple]:
    """`text` on a film at a place and its box; place and size are fractions of the sides of the film."""
    picture = Image.fromarray(film)
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=max(6, round(size * max(film.shape))))
    place = (at[0] * film.shape[1], at[1] * film.shape[0])
    box = pen.textbbox(place, text, font=font) if text else (0, 0, 0, 0)
    pen.text(place, text, fill=250, font=font)
    return np.asarray(picture), tuple(round(edge) for edge in box)


def marked_film(text: str, side: int = 256, at: tuple[float, float] = (0.05, 0.08)):
    """A shaded film with letters, and their box."""
    rows, columns = np.mgrid[0:side, 0:side] / side
    film = (90 + 60 * np.sin(3 * columns) * rows).astype(np.uint8)
    return draw(film, text, at, 0.06)


@pytest.mark.parametrize("side", [144, 256, 512, 1024])
@pytest.mark.parametrize(
    ("text", "at"), [("R", (0.05, 0.08)), ("L", (0.9, 0.1)), ("AP SUPINE", (0.04, 0.02))]
)
def test_letters_are_found_at_every_size(text: str, at: tuple[float, float], side: int) -> None:
    film, box = marked_film(text, side, at)
    found = marker_boxes(film)
    assert len(found)
    whole = np.array([[*found[:, :2].min(axis=0), *found[:, 2:].max(axis=0)]])
    assert box_iou_xyxy(whole, np.array([box], dtype=np.float64))[0, 0] > 0.5


def test_a_letter_in_the_middle_is_no_marker() -> None:
    assert not len(marker_boxes(marked_film("R", at=(0.5, 0.5))[0]))
    assert not len(marker_boxes(marked_film("")[0]))


@pytest.mark.slow
def test_most_letters_on_phantoms_are_found() -> None:
    hits = []
    for seed in range(12):
        plain = phantom.render("PA", [], seed=seed, size=256)
        covered = plain.copy()
        covered[:60, :70], covered[:60, -70:] = plain[:60, 70:71], plain[:60, -71:-70]
        film, box = draw(covered, "R", (0.06, 0.08), 0.045)
        overlap = box_iou_xyxy(marker_boxes(film), np.array([box], dtype=np.float64))
        hits.append(bool((overlap > 0.3).any()))
    assert np.mean(hits) >= 0.8
