"""The values of a film, in the order of brightness, and the line closest to what the file shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from plainfilm.io.images import read_image, read_values
from tests.io.dicom.maker import film, write

STORED = film()


def shown(file: Path) -> Any:
    """The film as a viewer draws it at the window of the file."""
    values = read_values(file)
    assert values is not None
    return np.clip(255 * (values.values - values.low) / (values.high - values.low), 0, 255)


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"WindowCenter": "2000", "WindowWidth": "1500"},
        {"RescaleSlope": "2", "RescaleIntercept": "-1000", "WindowCenter": "3000", "WindowWidth": "2000"},
        {"RescaleSlope": "0.25", "RescaleIntercept": "0"},
        {"PhotometricInterpretation": "MONOCHROME1", "WindowCenter": "2000", "WindowWidth": "1500"},
        {
            "PixelRepresentation": 1,
            "BitsStored": 16,
            "HighBit": 15,
            "WindowCenter": "0",
            "WindowWidth": "3000",
        },
        {"PresentationLUTShape": "INVERSE"},
    ],
    ids=str,
)
def test_at_the_window_of_the_file_they_are_what_the_model_sees(
    header: dict[str, Any], tmp_path: Path
) -> None:
    words = (STORED.astype(np.int16) - 2000).view(np.uint16) if "PixelRepresentation" in header else STORED
    file = write(tmp_path / "f.dcm", words, **header)
    assert np.abs(shown(file) - read_image(file).array).max() < 1


def test_outside_the_window_nothing_is_lost(tmp_path: Path) -> None:
    file = write(tmp_path / "f.dcm", STORED, WindowCenter="2000", WindowWidth="10")
    values = read_values(file)
    assert values is not None
    assert (values.bits, values.values.dtype) == (12, np.uint16)
    assert np.array_equal(values.values, STORED)


def test_padding_is_black_and_does_not_count(tmp_path: Path) -> None:
    words = STORED.copy()
    words[:, :20] = 4000
    file = write(tmp_path / "f.dcm", words, PixelPaddingValue=4000, PhotometricInterpretation="MONOCHROME1")
    values = read_values(file)
    assert values is not None
    assert values.values[:, :20].max() == 0
    assert np.abs(shown(file) - read_image(file).array)[:, 20:].max() < 1


def test_a_curve_is_met_by_the_closest_line(tmp_path: Path) -> None:
    header = {"WindowCenter": "2000", "WindowWidth": "2000", "VOILUTFunction": "SIGMOID"}
    file = write(tmp_path / "f.dcm", STORED, **header)
    difference = np.abs(shown(file) - read_image(file).array)
    assert difference.mean() < 20
    assert np.corrcoef(shown(file).ravel(), read_image(file).array.ravel())[0, 1] > 0.98


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_pictures_of_16_bits_keep_them(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"f.{suffix}"
    Image.fromarray(STORED).save(file)
    values = read_values(file)
    assert values is not None
    assert (values.bits, values.low, values.high) == (12, STORED.min(), STORED.max())
    assert np.array_equal(values.values, STORED)
    assert np.abs(shown(file) - read_image(file).array).max() < 1


def test_pictures_of_8_bits_and_colours_have_no_more(tmp_path: Path) -> None:
    grey = (STORED >> 4).astype(np.uint8)
    for name, picture in (("grey.png", grey), ("colour.png", np.stack([grey] * 3, axis=-1))):
        Image.fromarray(picture).save(tmp_path / name)
        assert read_values(tmp_path / name) is None
