"""The side of a pixel in millimetres, as a DICOM header has it."""

from __future__ import annotations

from typing import Any

from plainfilm.io.dicom.header import number, numbers

_SMALLEST_MM, _LARGEST_MM = 0.005, 10.0
"""No detector and no scanner has pixels outside; a header that says so has another unit or a zero."""
_SQUARE = 0.01


def side_of_pixel(dataset: Any) -> tuple[float | None, tuple[str, ...]]:
    """The side of a pixel of the film in mm (or `None`), and a flag where pixels are not square.

    PixelSpacing, which is calibrated to the patient where it differs from the detector (PS3.3 10.7.1.3); else
    ImagerPixelSpacing, at the detector, divided by the magnification where the header has it; else
    NominalScannedPixelSpacing of a digitised film. One number cannot describe pixels that are not square.
    """
    shown_larger = {"ImagerPixelSpacing": _magnification(dataset)}
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        sides = numbers(dataset, keyword)
        if len(sides) == 2 and all(_SMALLEST_MM <= side <= _LARGEST_MM for side in sides):
            rows, columns = sides
            if abs(rows - columns) <= _SQUARE * rows:
                return rows / shown_larger.get(keyword, 1.0), ()
            return None, (f"pixels are not square ({rows:g} x {columns:g} mm)",)
    ratio = numbers(dataset, "PixelAspectRatio")
    if len(ratio) == 2 and min(ratio) > 0 and abs(ratio[0] - ratio[1]) > _SQUARE * ratio[0]:
        return None, (f"pixels are not square (ratio {ratio[0]:g} to {ratio[1]:g})",)
    return None, ()


def _magnification(dataset: Any) -> float:
    """How much larger than life the detector sees a patient who stands before it."""
    stated = number(dataset, "EstimatedRadiographicMagnificationFactor")
    to_detector = number(dataset, "DistanceSourceToDetector")
    to_patient = number(dataset, "DistanceSourceToPatient")
    if stated is None and to_detector and to_patient:
        stated = to_detector / to_patient
    return stated if stated is not None and 1.0 <= stated <= 3.0 else 1.0
