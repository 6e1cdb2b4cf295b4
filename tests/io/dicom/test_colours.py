"""Films of three samples a pixel, in every way that files hold them, against the grey film they show."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from plainfilm.errors import ImageError
from plainfilm.io.images import read_image
from tests.io.dicom.maker import dataset, film, shown, write, write_compressed
from tests.io.dicom.test_codestream import as_named, saved, without_jfif

pytest.importorskip("pydicom", reason="DICOM needs plainfilm[dicom]")

COLOUR = {"SamplesPerPixel": 3, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "Modality": "OT"}
JPEG, JPEG_2000, JPEG_LS, RLE = (f"1.2.840.10008.1.2.{end}" for end in ("4.50", "4.90", "4.80", "5"))


def grey() -> NDArray[np.uint8]:
    return shown(film())


def rgb() -> NDArray[np.uint8]:
    return np.dstack([grey()] * 3)


def ycbcr() -> NDArray[np.uint8]:
    return np.dstack([grey(), np.full_like(grey(), 128), np.full_like(grey(), 128)])


def planes(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(samples.transpose(2, 0, 1))


def subsampled() -> NDArray[np.uint8]:
    pairs = grey().reshape(120, 50, 2)
    return np.dstack([pairs, np.full((120, 50, 2), 128, np.uint8)])


def error(path: Path) -> float:
    return float(np.abs(read_image(path).array.astype(int) - grey()).mean())


@pytest.mark.parametrize(
    ("samples", "header"),
    [
        (rgb(), {"PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}),
        (planes(rgb()), {"PhotometricInterpretation": "RGB", "PlanarConfiguration": 1}),
        (planes(rgb()), {"PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}),
        (rgb(), {"PhotometricInterpretation": "rgb "}),
        (rgb(), {"PhotometricInterpretation": "YBR_RCT", "PlanarConfiguration": 0}),
        (rgb(), {"PhotometricInterpretation": "YBR_FULL", "PlanarConfiguration": 0}),
        (rgb(), {"PhotometricInterpretation": "YBR_FULL_422", "PlanarConfiguration": 0}),
        (ycbcr(), {"PhotometricInterpretation": "YBR_FULL", "PlanarConfiguration": 0}),
        (planes(ycbcr()), {"PhotometricInterpretation": "YBR_FULL", "PlanarConfiguration": 1}),
        (ycbcr(), {"PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}),
        (subsampled(), {"PhotometricInterpretation": "YBR_FULL_422", "PlanarConfiguration": 0}),
        (rgb(), {"PhotometricInterpretation": "MONOCHROME2"}),
        (grey(), {"PhotometricInterpretation": "RGB"}),
        (grey(), {"PhotometricInterpretation": "MONOCHROME2"}),
    ],
)
def test_uncompressed_colours(tmp_path: Path, samples: NDArray[Any], header: dict[str, Any]) -> None:
    path = write(tmp_path / "a.dcm", samples, **COLOUR, **header, Rows=120, Columns=100)
    assert error(path) < 1


def test_luma_of_a_limited_range(tmp_path: Path) -> None:
    limited = np.rint(16 + grey() * (219 / 255)).astype(np.uint8)
    pairs = np.dstack([limited.reshape(120, 50, 2), np.full((120, 50, 2), 128, np.uint8)])
    header = {"PhotometricInterpretation": "YBR_PARTIAL_422", "Rows": 120, "Columns": 100}
    assert error(write(tmp_path / "a.dcm", pairs, **COLOUR, **header)) < 1


@pytest.mark.parametrize("representation", ["OW", "OB"])
def test_bytes_of_big_endian_files(tmp_path: Path, representation: str) -> None:
    data = rgb().tobytes()
    if representation == "OW":
        data = np.frombuffer(data, "<u2").byteswap().tobytes()
    made = dataset(rgb(), **COLOUR, PhotometricInterpretation="RGB", Rows=120, Columns=100, PixelData=data)
    made.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.2"
    made["PixelData"].VR = representation
    made.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert error(tmp_path / "a.dcm") < 1


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL", "YBR_FULL_422", "MONOCHROME2", "YBR_ICT"])
@pytest.mark.parametrize("planar", [0, 1, None])
@pytest.mark.parametrize(
    ("frame", "syntax"),
    [
        (saved("JPEG", "RGB", quality=100), JPEG),
        (saved("JPEG", "RGB", quality=100, keep_rgb=True), JPEG),
        (without_jfif(saved("JPEG", "RGB", quality=100, subsampling=2)), JPEG),
        (without_jfif(saved("JPEG", "RGB", quality=100, subsampling=0, qtables=[[1] * 64])), JPEG),
        (as_named(without_jfif(saved("JPEG", "RGB", quality=100, keep_rgb=True)), b"\0\1\2"), JPEG),
        (saved("JPEG", "L", quality=100), JPEG),
        (saved("JPEG2000", "RGB", no_jp2=True), JPEG_2000),
        (saved("JPEG2000", "RGB", no_jp2=True, mct=0), JPEG_2000),
        (saved("JPEG2000", "RGB"), JPEG_2000),
        (saved("JPEG2000", "L"), JPEG_2000),
    ],
    ids=[
        *("JFIF", "Adobe RGB", "subsampled", "one table", "RGB, no sign of it", "grey JPEG"),
        *("J2K mixed", "J2K not mixed", "JP2", "grey J2K"),
    ],
)
def test_a_picture_knows_its_colours_whatever_the_header_says(
    tmp_path: Path, frame: bytes, syntax: str, planar: int | None, photometric: str
) -> None:
    header = {**COLOUR, "PhotometricInterpretation": photometric}
    header["SamplesPerPixel"] = 1 if photometric == "MONOCHROME2" else 3
    if planar is not None:
        header["PlanarConfiguration"] = planar
    assert error(write_compressed(tmp_path / "a.dcm", grey(), frame, syntax, **header)) < 1.5


@pytest.mark.parametrize("mode", ["none", "line", "sample"])
def test_jpeg_ls_interleaves_as_it_says(tmp_path: Path, mode: str) -> None:
    jpeg_ls = pytest.importorskip("jpeg_ls")
    kind = {"none": 0, "line": 1, "sample": 2}[mode]
    samples = planes(rgb()) if mode == "none" else rgb()
    frame = bytes(jpeg_ls.encode_array(samples, interleave_mode=kind))
    for planar in (0, 1):
        header = {**COLOUR, "PhotometricInterpretation": "RGB", "PlanarConfiguration": planar}
        assert error(write_compressed(tmp_path / "a.dcm", grey(), frame, JPEG_LS, **header)) < 1


@pytest.mark.parametrize("stated", [1, 3])
@pytest.mark.parametrize("planar", [0, 1])
def test_run_lengths_have_a_segment_for_each_plane(tmp_path: Path, stated: int, planar: int) -> None:
    header = {**COLOUR, "PhotometricInterpretation": "RGB", "Rows": 120, "Columns": 100}
    made = dataset(rgb(), **header, PlanarConfiguration=0)
    made.compress(RLE, generate_instance_uid=False)
    made.SamplesPerPixel, made.PlanarConfiguration = stated, planar
    made.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert error(tmp_path / "a.dcm") < 1


def test_a_grey_header_turns_its_colour_picture_round(tmp_path: Path) -> None:
    header = {**COLOUR, "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME1"}
    frame = saved("JPEG", "RGB", quality=100)
    pixels = read_image(write_compressed(tmp_path / "a.dcm", grey(), frame, JPEG, **header))
    assert np.abs(255 - pixels.array.astype(int) - grey()).mean() < 1
    assert pixels.flags == ("its header says 1 samples a pixel, its picture has 3",)


def test_colourful_films_stay_what_they_are_said_to_be(tmp_path: Path) -> None:
    colourful = np.dstack([grey(), 255 - grey(), grey() // 2])
    luma = np.asarray(Image.fromarray(colourful).convert("L"))
    path = write(
        tmp_path / "a.dcm", colourful, **COLOUR, PhotometricInterpretation="RGB", Rows=120, Columns=100
    )
    pixels = read_image(path)
    assert np.array_equal(pixels.array, luma)
    assert pixels.flags[0].startswith("coloured pixels")


def test_four_samples_are_refused(tmp_path: Path) -> None:
    Image.fromarray(grey()).convert("CMYK").save(buffer := BytesIO(), "JPEG")
    path = write_compressed(
        tmp_path / "a.dcm", grey(), buffer.getvalue(), JPEG, **COLOUR, PhotometricInterpretation="RGB"
    )
    with pytest.raises(ImageError, match="4 samples for a pixel"):
        read_image(path)


def palette(values: list[int], form: str, count: int, first: int, bits: int) -> dict[str, Any]:
    """The elements of a grey palette."""
    data = np.array(values, "<u2").tobytes() if form == "words" else bytes(values) + b"\0" * (len(values) % 2)
    elements: dict[str, Any] = {}
    for name in ("Red", "Green", "Blue"):
        elements[f"{name}PaletteColorLookupTableDescriptor"] = [count, first, bits]
        elements[f"{name}PaletteColorLookupTableData"] = data
    return elements


@pytest.mark.parametrize(
    ("table", "stored", "wanted"),
    [
        (palette(list(range(255, -1, -1)), "bytes", 256, 0, 8), grey(), 255 - grey()),
        (palette(list(range(255, -1, -1)), "words", 256, 0, 8), grey(), 255 - grey()),
        (palette(list(range(255, -1, -1)), "words", 256, 0, 16), grey(), 255 - grey()),
        (palette(list(range(0, 65536, 257)), "words", 256, 0, 16), grey(), grey()),
        (palette(list(range(255)), "bytes", 255, 0, 8), grey() // 2, grey() // 2),
        (palette(list(range(200)), "bytes", 200, 50, 8), grey() // 2 + 50, grey() // 2),
    ],
    ids=["bytes", "words", "8 bits in 16", "16 bits", "odd", "from 50 on"],
)
def test_palettes(tmp_path: Path, table: Any, stored: NDArray[Any], wanted: NDArray[Any]) -> None:
    header = {**COLOUR, "SamplesPerPixel": 1, "PhotometricInterpretation": "PALETTE COLOR"}
    path = write(tmp_path / "a.dcm", stored, **header, **table)
    assert np.abs(read_image(path).array.astype(int) - wanted).max() <= 1


def test_a_palette_that_is_not_there_is_named(tmp_path: Path) -> None:
    header = {**COLOUR, "SamplesPerPixel": 1, "PhotometricInterpretation": "PALETTE COLOR"}
    with pytest.raises(ImageError, match="its palette has no red"):
        read_image(write(tmp_path / "a.dcm", grey(), **header))
