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


def look_up_table(first: int, values: list[int], bits: int, *, signed: bool = False) -> Any:
    """An item of a modality or VOI LUT sequence."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.add_new(0x00283002, "SS" if signed else "US", [len(values), first, bits])
    item.add_new(0x00283006, "US", values)
    item.ModalityLUTType = "US"
    return item
