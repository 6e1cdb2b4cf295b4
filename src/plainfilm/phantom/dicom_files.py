"""Writes phantom films as DICOM files, in the variants of hospitals and corpora."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from plainfilm.io.files import replacing
from plainfilm.io.optional import optional_import
from plainfilm.seeding import stable_hash

Syntax = Literal["explicit", "implicit", "big endian", "rle", "jpeg lossless", "jpeg-ls", "jpeg 2000"]

_UIDS: dict[Syntax, str] = {
    "explicit": "1.2.840.10008.1.2.1",
    "implicit": "1.2.840.10008.1.2",
    "big endian": "1.2.840.10008.1.2.2",
    "rle": "1.2.840.10008.1.2.5",
    "jpeg lossless": "1.2.840.10008.1.2.4.70",
    "jpeg-ls": "1.2.840.10008.1.2.4.80",
    "jpeg 2000": "1.2.840.10008.1.2.4.90",
}
_STORAGE = {"DX": "1.2.840.10008.5.1.4.1.1.1.1", "CR": "1.2.840.10008.5.1.4.1.1.1"}
_ROOT = "1.2.826.0.1.3680043.10.1561."
"""The prefix of phantom UIDs: an arc for software-generated identifiers."""
_LOW, _SPAN = 0.1, 0.8
"""The share of the stored range that lies below the film's black, and between its black and its white."""


def uid_of(*parts: object) -> str:
    """A unique identifier that depends on `parts` only."""
    return f"{_ROOT}{stable_hash(*parts)}"


def write_dicom(
    path: Path,
    film: NDArray[np.uint8],
    *,
    bits_stored: int = 12,
    photometric: str = "MONOCHROME2",
    syntax: Syntax = "explicit",
    window: bool = True,
    preamble: bool = True,
    spacing_mm: float | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Write a film (H, W), bones bright, so that a correct reader reproduces it up to rounding.

    Values of more than 8 bits lie in the middle of their range; `window` states the range in the header.
    Without `preamble` the file starts with its first element and has no file meta information, which only an
    uncompressed `syntax` allows. `attributes` are keywords of further elements and their values.

    Raises:
        MissingDependency: a package that writes DICOM is not installed.
    """
    pydicom = _pydicom()
    dataset = _dataset(pydicom, film, bits_stored, photometric, window, spacing_mm, str(path.name))
    for keyword, value in (attributes or {}).items():
        setattr(dataset, keyword, value)
    dataset.SOPClassUID = _STORAGE.get(str(dataset.Modality), _STORAGE["DX"])
    with replacing(path) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns about intentionally wrong headers
        data = _encoded(pydicom, dataset, syntax)
        temporary.write_bytes(data if preamble else _bare(pydicom, data))


def _pydicom() -> Any:
    return optional_import("pydicom", "dicom", "DICOM")


def _dataset(
    pydicom: Any,
    film: NDArray[np.uint8],
    bits_stored: int,
    photometric: str,
    window: bool,
    spacing_mm: float | None,
    name: str,
) -> Any:
    dataset = pydicom.Dataset()
    dataset.SOPInstanceUID = uid_of("film", name, film.shape)
    dataset.Modality, dataset.BodyPartExamined = "DX", "CHEST"
    dataset.PhotometricInterpretation, dataset.SamplesPerPixel = photometric, 1
    dataset.Rows, dataset.Columns = film.shape
    dataset.BitsAllocated = 8 if bits_stored <= 8 else 16
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = bits_stored, bits_stored - 1, 0
    if spacing_mm is not None:
        dataset.PixelSpacing = [f"{spacing_mm:.6f}"] * 2
    top = (1 << bits_stored) - 1
    low, span = (0.0, float(top)) if bits_stored <= 8 else (_LOW * top, _SPAN * top)
    stored = np.rint(low + film.astype(np.float64) / 255.0 * span)
    if photometric == "MONOCHROME1":
        stored, low = top - stored, top - low - span
    if window:
        dataset.WindowCenter, dataset.WindowWidth = f"{low + span / 2 + 0.5:.2f}", f"{span + 1:.2f}"
    dataset.PixelData = stored.astype(np.uint8 if bits_stored <= 8 else np.uint16).tobytes()
    return dataset


def _encoded(pydicom: Any, dataset: Any, syntax: Syntax) -> bytes:
    native = syntax in ("implicit", "big endian")
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = _UIDS[syntax] if native else _UIDS["explicit"]
    if syntax == "big endian":
        words = np.frombuffer(dataset.PixelData, f"<u{dataset.BitsAllocated // 8}")
        dataset.PixelData = words.astype(words.dtype.newbyteorder(">")).tobytes()
    if syntax in ("rle", "jpeg-ls"):
        dataset.compress(_UIDS[syntax], generate_instance_uid=False)
    if syntax in ("jpeg lossless", "jpeg 2000"):
        dataset.PixelData = pydicom.dcmread(BytesIO(_transcoded(_saved(dataset), syntax))).PixelData
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = _UIDS[syntax]
    return _saved(dataset)


def _saved(dataset: Any) -> bytes:
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _transcoded(data: bytes, syntax: Syntax) -> bytes:
    """A film compressed by GDCM, which works on files only and writes UIDs of its own."""
    gdcm = optional_import("gdcm", "dicom", "compressed DICOM")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in"), Path(folder, "out")
        source.write_bytes(data)
        reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
        reader.SetFileName(str(source))
        reader.Read()
        kind = "JPEGLosslessProcess14_1" if syntax == "jpeg lossless" else "JPEG2000Lossless"
        change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, kind)))
        change.SetInput(reader.GetImage())
        change.Change()
        writer.SetFileName(str(target))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        writer.Write()
        return target.read_bytes()


def _bare(pydicom: Any, data: bytes) -> bytes:
    """The elements of a file alone: no preamble, no file meta information."""
    dataset = pydicom.dcmread(BytesIO(data))
    del dataset.file_meta
    dataset.preamble = None  # otherwise pydicom writes one
    buffer = BytesIO()
    dataset.save_as(buffer, implicit_vr=True, little_endian=True, enforce_file_format=False)
    return buffer.getvalue()
