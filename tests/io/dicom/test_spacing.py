"""The side of a pixel, as headers have it."""

from __future__ import annotations

from typing import Any

import pytest

from plainfilm.io.dicom.spacing import side_of_pixel
from tests.io.dicom.maker import dataset, gradient

pytest.importorskip("pydicom", reason="DICOM needs plainfilm[dicom]")


@pytest.mark.parametrize(
    ("header", "side"),
    [
        ({}, None),
        ({"PixelSpacing": ["0.2", "0.2"]}, 0.2),
        ({"PixelSpacing": ["0.15", "0.15"], "ImagerPixelSpacing": ["0.2", "0.2"]}, 0.15),
        ({"ImagerPixelSpacing": ["0.2", "0.2"]}, 0.2),
        ({"ImagerPixelSpacing": ["0.2", "0.2"], "EstimatedRadiographicMagnificationFactor": "1.25"}, 0.16),
        (
            {
                "ImagerPixelSpacing": ["0.2", "0.2"],
                "DistanceSourceToDetector": "1800",
                "DistanceSourceToPatient": "1500",
            },
            0.2 / 1.2,
        ),
        ({"ImagerPixelSpacing": ["0.2", "0.2"], "EstimatedRadiographicMagnificationFactor": "0"}, 0.2),
        ({"NominalScannedPixelSpacing": ["0.1", "0.1"]}, 0.1),
        ({"PixelSpacing": ["0.000", "0.000"], "ImagerPixelSpacing": ["0.2", "0.2"]}, 0.2),
        ({"PixelSpacing": ["200", "200"]}, None),
        ({"PixelSpacing": ["0.2"]}, None),
    ],
)
def test_the_side_of_a_pixel(header: dict[str, Any], side: float | None) -> None:
    assert side_of_pixel(dataset(gradient(), **header)) == (side and pytest.approx(side), ())


@pytest.mark.parametrize("header", [{"PixelSpacing": ["0.2", "0.3"]}, {"PixelAspectRatio": ["4", "3"]}])
def test_pixels_that_are_not_square_have_no_side_and_a_flag(header: dict[str, Any]) -> None:
    side, flags = side_of_pixel(dataset(gradient(), **header))
    assert side is None
    assert "not square" in flags[0]


def test_a_spacing_that_is_no_number_does_not_refuse_the_film() -> None:
    import pydicom

    made = dataset(gradient())
    with pydicom.config.disable_value_validation():
        made.add_new(0x00280030, "LO", "0,2")
    assert side_of_pixel(made) == (None, ())
