"""DICOM files with any header, for the tests of reading them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def gradient() -> NDArray[np.uint16]:
    """(40, 50) values from 0 to 2389."""
    rows, columns = np.mgrid[0:40, 0:50]
    return (rows * 60 + columns).astype(np.uint16)


def dataset(array: NDArray[Any], **changes: Any) -> Any:
    """A film of 12 bits in 16 with `array` as its stored words, and `changes` to its header."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", "1.2.3"
    made.Modality, made.PhotometricInterpretation, made.SamplesPerPixel = "DX", "MONOCHROME2", 1
    made.Rows, made.Columns = array.shape[-2:]
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    made.PixelData = array.tobytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # headers that no standard allows
        for name, value in changes.items():
            setattr(made, name, value)
    return made


def write(path: Path, array: NDArray[Any], **changes: Any) -> Path:
    """Writes `dataset(array, **changes)`."""
    made = dataset(array, **changes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made.save_as(path, enforce_file_format=True)
    return path


def film(height: int = 120, width: int = 100) -> NDArray[np.uint16]:
    """A toy chest of 12 bits (H, W): dark lungs with bright ribs on a shaded body, values from 0 to 4095."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    y, x = rows / height, columns / width
    values = 1400 + 1100 * y + 250 * np.sin(3 * x)
    lungs = (((x - 0.28) / 0.16) ** 2 + ((y - 0.5) / 0.36) ** 2 < 1) | (
        ((x - 0.72) / 0.16) ** 2 + ((y - 0.5) / 0.36) ** 2 < 1
    )
    values -= 900 * lungs
    values += 350 * (np.sin(40 * y) > 0.7)
    values += 1200 * (np.abs(x - 0.5) < 0.06)
    values = np.rint((values - values.min()) / np.ptp(values) * 3900) + 100
    values[4:10, 4:18], values[-5:, -5:] = 4095, 0
    return values.astype(np.uint16)


def shown(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Values over their whole range as grey."""
    low, high = float(values.min()), float(values.max())
    return np.rint((values.astype(np.float64) - low) / (high - low) * 255).astype(np.uint8)


def write_compressed(path: Path, array: NDArray[Any], frame: bytes, syntax: str, **changes: Any) -> Path:
    """Writes a film whose pixels are one compressed picture, under a header of `array` and `changes`."""
    from pydicom.encaps import encapsulate

    made = dataset(array, **changes)
    if "PixelData" not in changes:
        made.PixelData = encapsulate([frame])
    made["PixelData"].VR, made["PixelData"].is_undefined_length = "OB", made.PixelData[:2] == b"\xfe\xff"
    made.file_meta.TransferSyntaxUID = syntax
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made.save_as(path, enforce_file_format=True)
    return path


def look_up_table(first: int, values: list[int], bits: int, *, signed: bool = False) -> Any:
    """An item of a modality or VOI LUT sequence."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.add_new(0x00283002, "SS" if signed else "US", [len(values), first, bits])
    item.add_new(0x00283006, "US", values)
    item.ModalityLUTType = "US"
    return item
