"""DICOM radiographs to 8-bit grey: modality and VOI transforms, MONOCHROME1, files without a preamble."""

from __future__ import annotations

import importlib
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plainfilm.errors import ImageError, MissingDependency
from plainfilm.io.raster import MAX_PIXELS, scale_to_8bit, to_grey

RADIOGRAPHS = ("CR", "DX", "DR", "RG", "XR", "OT", "SC")
"""Modalities that may be a plain film; a file that states none is given the benefit of the doubt."""

_SUFFIXES = (".dcm", ".dicom", ".dic")
# A file without preamble starts with an element of group 2 or 8, little endian, with an even small number.
_BARE_STARTS = (b"\x08\x00\x00\x00", b"\x08\x00\x05\x00", b"\x08\x00\x08\x00", b"\x02\x00\x00\x00")


def is_dicom(data: bytes, suffix: str) -> bool:
    """True for a DICOM file: by its magic word, by how a file without one begins, or by its name."""
    if data[128:132] == b"DICM" or data[:4] in _BARE_STARTS:
        return True
    return suffix.lower() in _SUFFIXES


def decode(
    data: bytes, path: Path, keep_refused: bool = False
) -> tuple[Image.Image, float | None, tuple[str, ...]]:
    """The grey image of a DICOM file, bones bright, the side of a pixel in mm where it is stated, and flags.

    With `keep_refused`, a file that is no radiograph by its header is opened too, and a flag says so.

    Raises:
        ImageError: not DICOM, no pixels, not a radiograph, several frames, too large, or undecodable.
        MissingDependency: a package that reads DICOM is not installed.
    """
    pydicom = _library("pydicom")
    with warnings.catch_warnings():
        # Odd value lengths and the like do not touch the pixels.
        warnings.simplefilter("ignore")
        try:
            dataset = pydicom.dcmread(BytesIO(data), force=True)
            _refuse(dataset, path)
            doubt = _not_a_film(dataset)
            if doubt and not keep_refused:
                raise ImageError(f"{path}: {doubt}; correct the header, or keep it with --force")
            _state_transfer_syntax(dataset)
            return _grey(dataset, path), _spacing(dataset), (doubt,) if doubt else ()
        except RuntimeError as error:
            raise _no_decoder(path, error) from None
        except (ValueError, KeyError, AttributeError, TypeError, EOFError, OSError) as error:
            reason = " ".join(str(error).split())
            raise ImageError(f"{path}: the DICOM file is damaged or truncated ({reason})") from None


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingDependency(f"DICOM needs {name}: pip install 'plainfilm[dicom]'") from None


def _no_decoder(path: Path, error: RuntimeError) -> ImageError | MissingDependency:
    reason = " ".join(str(error).split())
    if "missing dependencies" in reason or "Unable to decompress" in reason:
        try:
            importlib.import_module("gdcm")
        except ImportError:
            remedy = "pip install 'plainfilm[dicom]'"
            return MissingDependency(f"{path}: its compression needs python-gdcm: {remedy}")
    return ImageError(f"{path}: the pixels cannot be decoded ({reason})")


def _refuse(dataset: Any, path: Path) -> None:
    if "PixelData" not in dataset:
        raise ImageError(f"{path}: holds no pixels; not a DICOM image, or truncated before them")
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames > 1:
        raise ImageError(f"{path}: has {frames} frames; a film has one, split the file")
    if int(dataset.Rows) * int(dataset.Columns) > MAX_PIXELS:
        raise ImageError(f"{path}: claims {dataset.Columns} x {dataset.Rows} pixels; refused as unsafe")


def _not_a_film(dataset: Any) -> str | None:
    """What the header says that no plain film says, or `None`."""
    modality = str(dataset.get("Modality") or "")
    if modality and modality not in RADIOGRAPHS:
        return f"modality is '{modality}', not a radiograph ({', '.join(RADIOGRAPHS)})"
    return None


def _state_transfer_syntax(dataset: Any) -> None:
    """Gives a file without file meta information the plain transfer syntax it was read with."""
    uid = importlib.import_module("pydicom.uid")
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, _ = dataset.original_encoding
        syntax = uid.ImplicitVRLittleEndian if implicit else uid.ExplicitVRLittleEndian
        dataset.file_meta.TransferSyntaxUID = syntax


def _grey(dataset: Any, path: Path) -> Image.Image:
    stored = dataset.pixel_array
    if stored.ndim == 3:
        return to_grey(Image.fromarray(scale_to_8bit(stored)))
    photometric = str(dataset.PhotometricInterpretation)
    if photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise ImageError(f"{path}: photometric interpretation '{photometric}' is not grey; convert the file")
    grey = _windowed(stored, dataset)
    if photometric == "MONOCHROME1":
        grey = 255 - grey
    padding = dataset.get("PixelPaddingValue")
    if padding is not None:
        grey[stored == padding] = 0
    return Image.fromarray(grey)


def _windowed(stored: NDArray, dataset: Any) -> NDArray[np.uint8]:
    """The stored values through modality LUT and VOI LUT or window (DICOM PS3.3 C.11) to 8 bit.

    Without a window, and where the window leaves one grey value, all values are shown.
    """
    pixels = importlib.import_module("pydicom.pixels")
    values = pixels.apply_modality_lut(stored, dataset)
    padding = dataset.get("PixelPaddingValue")
    if padding is not None and (stored != padding).any():
        inside = values[stored != padding]
        values = np.clip(values, inside.min(), inside.max())
    window = pixels.apply_voi_lut(values, dataset)
    return scale_to_8bit(window if window.min() < window.max() else values)


def _spacing(dataset: Any) -> float | None:
    spacing = dataset.get("PixelSpacing") or dataset.get("ImagerPixelSpacing")
    if not spacing or len(spacing) != 2:
        return None
    rows, columns = float(spacing[0]), float(spacing[1])
    # One number cannot describe pixels that are not square.
    return rows if rows > 0 and abs(rows - columns) <= 0.01 * rows else None
