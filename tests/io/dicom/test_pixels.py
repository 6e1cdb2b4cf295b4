"""Stored values out of every transfer syntax, and headers that do not fit what is there."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from plainfilm.errors import ImageError
from plainfilm.io.dicom.pixel_header import pixel_header
from plainfilm.io.dicom.pixels import stored_pixels
from plainfilm.io.dicom.values import StoredValues
from plainfilm.io.images import read_image
from plainfilm.phantom.dicom_files import Syntax, write_dicom
from tests.io.dicom.maker import dataset, gradient, write

pydicom = pytest.importorskip("pydicom", reason="DICOM needs plainfilm[dicom]")

SYNTAXES: tuple[Syntax, ...] = (
    *("explicit", "implicit", "big endian", "rle"),
    *("jpeg lossless", "jpeg-ls", "jpeg 2000"),
)


def film(height: int = 60, width: int = 46) -> Any:
    rows, columns = np.mgrid[0:height, 0:width]
    return (40 + 2 * rows + columns).astype(np.uint8)


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 15, 16])
def test_every_syntax_shows_the_film_that_was_written(
    tmp_path: Path, syntax: Syntax, photometric: str, bits: int
) -> None:
    path = tmp_path / "a.dcm"
    write_dicom(path, film(), bits_stored=bits, photometric=photometric, syntax=syntax, spacing_mm=0.2)
    pixels = read_image(path)
    assert np.abs(pixels.array.astype(int) - film()).max() <= 1
    assert pixels.spacing_mm == pytest.approx(0.2)
    assert pixels.flags == ()


@pytest.mark.parametrize("bits", [8, 12])
def test_without_preamble(tmp_path: Path, bits: int) -> None:
    write_dicom(tmp_path / "a", film(), bits_stored=bits, preamble=False)
    assert np.abs(read_image(tmp_path / "a").array.astype(int) - film()).max() <= 1


def test_deflated(tmp_path: Path) -> None:
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    made = dataset(gradient(), WindowCenter="1200", WindowWidth="2400")
    made.save_as(tmp_path / "plain.dcm", enforce_file_format=True)
    made.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    made.save_as(tmp_path / "deflated.dcm", enforce_file_format=True)
    assert np.array_equal(
        read_image(tmp_path / "deflated.dcm").array, read_image(tmp_path / "plain.dcm").array
    )


def test_baseline_jpeg(tmp_path: Path) -> None:
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEGBaseline8Bit

    buffer = BytesIO()
    Image.fromarray(film()).save(buffer, "JPEG", quality=100)
    made = dataset(film(), BitsAllocated=8, BitsStored=8, HighBit=7)
    made.PixelData = encapsulate([buffer.getvalue()])
    made["PixelData"].is_undefined_length = True
    made.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    made.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert np.abs(read_image(tmp_path / "a.dcm").array.astype(int) - film()).max() <= 3


@pytest.mark.parametrize("stored", [7, 12])
def test_a_compressed_picture_of_other_bits_than_the_header_says(tmp_path: Path, stored: int) -> None:
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEG2000Lossless

    Image.fromarray(film()).save(buffer := BytesIO(), "JPEG2000")
    made = dataset(film(), BitsStored=stored, HighBit=stored - 1)
    made.PixelData = encapsulate([buffer.getvalue()])
    made["PixelData"].is_undefined_length = True
    made.file_meta.TransferSyntaxUID = JPEG2000Lossless
    made.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert np.array_equal(read_image(tmp_path / "a.dcm").array, film())


def test_values_that_lie_in_the_highest_bits() -> None:
    made = dataset(gradient() << 4, HighBit=15)
    stored, flags = stored_pixels(made, pixel_header(made))
    assert isinstance(stored, StoredValues)
    assert np.array_equal(stored.words, gradient())
    assert flags == ()


def test_big_private_elements_are_passed_over(tmp_path: Path) -> None:
    made = dataset(gradient(), WindowCenter="1200", WindowWidth="2400")
    made.private_block(0x0029, "A MAKER", create=True).add_new(0x10, "OB", bytes(4 << 20))
    made.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    plain = write(tmp_path / "b.dcm", gradient(), WindowCenter="1200", WindowWidth="2400")
    assert np.array_equal(read_image(tmp_path / "a.dcm").array, read_image(plain).array)


@pytest.mark.parametrize("changes", [{"Rows": 41}, {"Rows": 20}, {"Columns": 51}, {"BitsAllocated": 8}])
def test_a_header_that_promises_other_pixels(tmp_path: Path, changes: dict[str, int]) -> None:
    with pytest.raises(ImageError, match=r"bytes of pixels where its header .* promises"):
        read_image(write(tmp_path / "a.dcm", gradient(), **changes))


@pytest.mark.parametrize("syntax", ["jpeg lossless", "jpeg-ls", "jpeg 2000"])
def test_a_compressed_picture_of_another_size(tmp_path: Path, syntax: Syntax) -> None:
    write_dicom(tmp_path / "a.dcm", film(), syntax=syntax)
    made = pydicom.dcmread(tmp_path / "a.dcm")
    made.Rows = 30
    made.save_as(tmp_path / "a.dcm")
    pixels = read_image(tmp_path / "a.dcm")
    assert np.abs(pixels.array.astype(int) - film()).max() <= 1
    assert pixels.flags == ("its header says 46 x 30 pixels, its picture has 46 x 60",)


def test_24_bits_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", gradient(), BitsAllocated=24, BitsStored=24, HighBit=23)
    with pytest.raises(ImageError, match="has 24 bits allocated for a pixel; films have 8, 16 or 32"):
        read_image(path)


@pytest.mark.parametrize("planar", [0, 1])
def test_a_screen_photographed_in_colour(tmp_path: Path, planar: int) -> None:
    colours = np.stack([film(), film(), film() // 2], axis=-1)
    samples = colours.transpose(2, 0, 1) if planar else colours
    header = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": planar}
    path = write(
        tmp_path / "a.dcm",
        np.ascontiguousarray(samples),
        **header,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        Rows=60,
        Columns=46,
        Modality="OT",
    )
    pixels = read_image(path)
    assert np.array_equal(pixels.array, np.asarray(Image.fromarray(colours).convert("L")))
    assert "coloured pixels" in pixels.flags[0]


@pytest.mark.parametrize(
    "name", ["examples_palette", "SC_rgb_jpeg_dcmtk", "SC_rgb_rle", "SC_ybr_full_422_uncompressed"]
)
def test_colour_files_that_come_with_pydicom(name: str) -> None:
    from pydicom.data import get_testdata_file
    from pydicom.pixels import apply_color_lut

    path = get_testdata_file(f"{name}.dcm", download=False)
    if path is None:
        pytest.skip(f"this release of pydicom does not ship {name}.dcm")
    made = pydicom.dcmread(path)
    samples = made.pixel_array
    if made.PhotometricInterpretation == "PALETTE COLOR":
        samples = (apply_color_lut(samples, made) / 256).astype(np.uint8)
    luma = samples @ np.array([0.299, 0.587, 0.114])
    grey = read_image(path, keep_refused=True).array
    assert np.corrcoef(grey.ravel(), luma.ravel())[0, 1] > 0.999


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_truncated_file_is_never_shown(tmp_path: Path, syntax: Syntax, kept: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    write_dicom(tmp_path / "a.dcm", noise, syntax=syntax)
    data = (tmp_path / "a.dcm").read_bytes()
    (tmp_path / "a.dcm").write_bytes(data[: int(kept * len(data))])
    with pytest.raises(ImageError):
        read_image(tmp_path / "a.dcm")


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("syntax", SYNTAXES[3:])
def test_a_truncated_picture_in_a_whole_file_is_never_shown(
    tmp_path: Path, syntax: Syntax, kept: float
) -> None:
    from pydicom.encaps import encapsulate, get_frame

    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    write_dicom(tmp_path / "a.dcm", noise, syntax=syntax)
    made = pydicom.dcmread(tmp_path / "a.dcm")
    frame = get_frame(made.PixelData, 0, number_of_frames=1)
    made.PixelData = encapsulate([frame[: int(kept * len(frame))]])
    made["PixelData"].is_undefined_length = True
    made.save_as(tmp_path / "a.dcm")
    with pytest.raises(ImageError):
        read_image(tmp_path / "a.dcm")
