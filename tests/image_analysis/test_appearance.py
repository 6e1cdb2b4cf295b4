"""What a look at the pixels says of films whose truth is known."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from plainfilm.image_analysis.appearance import INVERTED, TEXT, flags, likeness, longest_line
from plainfilm.io.images import read_image

FONT = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")


@pytest.fixture(scope="module")
def phantom_film(tmp_path_factory: pytest.TempPathFactory) -> NDArray[np.uint8]:
    from plainfilm import phantom

    folder = tmp_path_factory.mktemp("phantom")
    phantom.write("mimic_cxr", folder, studies=1, size=512)
    return read_image(min(folder.rglob("*.jpg"))).array


def written(film: NDArray[np.uint8], text: str, size: int, grey: int = 255) -> NDArray[np.uint8]:
    image = Image.fromarray(film)
    ImageDraw.Draw(image).text((8, 8), text, font=ImageFont.truetype(str(FONT), size), fill=grey)
    return np.asarray(image)


@pytest.mark.parametrize("size", [8, 12, 20])
@pytest.mark.parametrize("text", ["DOE^JANE 12/03/1956", "MUELLER HEIDI", "MRN 0045821"])
def test_names_and_numbers_are_seen(phantom_film: NDArray[np.uint8], text: str, size: int) -> None:
    assert TEXT in flags(written(phantom_film, text, size))


@pytest.mark.parametrize("marker", ["L", "R"])
def test_a_side_marker_is_no_text(phantom_film: NDArray[np.uint8], marker: str) -> None:
    assert flags(written(phantom_film, marker, 24)) == ()


def test_dark_text_on_a_bright_ground_is_seen(phantom_film: NDArray[np.uint8]) -> None:
    assert TEXT in flags(written(np.maximum(phantom_film, 200), "DOE^JANE 12/03/1956", 12, grey=0))


def test_text_on_a_larger_film_is_seen(phantom_film: NDArray[np.uint8]) -> None:
    large = np.kron(phantom_film, np.ones((3, 3), np.uint8))
    assert TEXT in flags(written(large, "DOE^JANE 12/03/1956", 36))


def test_a_line_has_the_length_of_its_words() -> None:
    film = np.zeros((64, 512), np.uint8)
    assert longest_line(film) == 0
    words = written(film, "PORTABLE ERECT", 14)
    columns = np.flatnonzero(words.any(axis=0))
    assert longest_line(words) == pytest.approx((columns[-1] - columns[0]) / 8, abs=2)


def test_a_phantom_is_upright_and_its_negative_is_not(phantom_film: NDArray[np.uint8]) -> None:
    assert INVERTED not in flags(phantom_film)
    assert INVERTED in flags(255 - phantom_film)
    assert likeness(255 - phantom_film) == pytest.approx(-likeness(phantom_film), abs=0.02)


def test_strips_around_a_film_do_not_count(phantom_film: NDArray[np.uint8]) -> None:
    for black, white in ((300, 0), (0, 300), (200, 200)):
        framed = np.pad(phantom_film, ((0, black), (white, 0)), constant_values=((0, 0), (255, 255)))
        assert likeness(framed) == pytest.approx(likeness(phantom_film), abs=0.05)


@pytest.mark.parametrize(("divisor", "offset"), [(16, 0), (4, 0), (16, 230)])
def test_a_film_nearly_of_one_grey_is_flagged(
    phantom_film: NDArray[np.uint8], divisor: int, offset: int
) -> None:
    """12 bits shown as 16 or as 14, and a window far too low."""
    (flag,) = flags(written(phantom_film // divisor + offset, "L", 24))
    assert flag.startswith("hardly any contrast (grey ")


def test_films_too_small_or_even_are_like_nothing() -> None:
    assert likeness(np.full((20, 20), 7, np.uint8)) == 0.0
    assert likeness(np.eye(5, dtype=np.uint8)) == 0.0


def test_flagging_colours_changes_no_pixel(tmp_path: Path, phantom_film: NDArray[np.uint8]) -> None:
    colours = Image.fromarray(255 - phantom_film).convert("RGB")
    ImageDraw.Draw(colours).rectangle([20, 20, 60, 60], fill=(255, 0, 0))
    for name in ("a.jpg", "a.png"):
        colours.save(tmp_path / name)
        plain, examined = (read_image(tmp_path / name, 256, flag_colours=look) for look in (False, True))
        assert plain.flags == ()
        assert np.array_equal(plain.array, examined.array)
        assert examined.flags[0].startswith("coloured pixels (")


@pytest.mark.parametrize(
    ("name", "flagged"),
    [
        ("originals/covid_rgb_colour_arrows.png", "coloured pixels"),
        ("originals/covid_rgb_watermark.jpg", "coloured pixels"),
        ("originals/hannover_2000x2000_L.jpg", None),
        ("originals/nih_rgba_1024.png", None),
        ("images/nih/nih_00017999_000.jpg", INVERTED),
        ("images/hannover/hannover_2c35005f.jpg", None),
        ("images/hannover/hannover_82a78c13.jpg", None),
        ("images/nih/nih_00017999_000.jpg", TEXT),
    ],
)
def test_real_films(real_data: Path, name: str, flagged: str | None) -> None:
    pixels = read_image(real_data / name, 512, flag_colours=True)
    found = pixels.flags + flags(pixels.array)
    assert any(flag.startswith(flagged) for flag in found) if flagged else found == ()


def test_a_bright_film_over_a_black_strip_is_not_inverted(real_data: Path) -> None:
    assert INVERTED not in flags(read_image(real_data / "images/hannover/hannover_17ad0a56.jpg").array)


def test_few_real_films_look_inverted_and_most_of_their_negatives_do(real_data: Path) -> None:
    films = [read_image(path).array for path in sorted((real_data / "images").rglob("*.*"))[::8]]
    assert sum(INVERTED in flags(film) for film in films) <= 1
    assert np.mean([INVERTED in flags(255 - film) for film in films]) > 0.98
