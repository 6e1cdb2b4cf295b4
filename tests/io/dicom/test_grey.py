"""From stored values to grey, against the formulas of the standard and against pydicom's own pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from plainfilm.io.dicom.grey import grey_table, polarity, window
from plainfilm.io.dicom.values import StoredValues
from plainfilm.io.images import read_image
from tests.io.dicom.maker import dataset, gradient, look_up_table, write

pixels = pytest.importorskip("pydicom.pixels", reason="DICOM needs plainfilm[dicom]")


def table(words: NDArray[Any], *, bits: int = 12, signed: bool = False, lossy: bool = False, **header: Any):
    made = dataset(words, BitsStored=bits, HighBit=bits - 1, PixelRepresentation=int(signed), **header)
    return grey_table(made, StoredValues(words, bits, signed, lossy)).table


@pytest.mark.parametrize(
    ("function", "value", "shown"),
    [
        ("LINEAR", 99.5 - 199.5, 0.0),  # c = 100, w = 400: (x - 99.5) / 399 + 0.5
        ("LINEAR", 99.5, 0.5),
        ("LINEAR", 299, 1.0),
        ("LINEAR_EXACT", -100, 0.0),
        ("LINEAR_EXACT", 100, 0.5),
        ("LINEAR_EXACT", 300, 1.0),
        ("SIGMOID", 100, 0.5),
        ("SIGMOID", 200, 1 / (1 + np.exp(-1))),
        ("UNHEARD OF", 99.5, 0.5),
    ],
)
def test_window_functions_by_their_formulas(function: str, value: float, shown: float) -> None:
    result = window(np.array([value]), 100, 400, function)
    assert result is not None
    assert np.clip(result, 0, 1)[0] == pytest.approx(shown)


def test_a_window_of_width_one_is_a_threshold() -> None:
    shown = window(np.array([98.0, 99.0, 100.0, 101.0]), 100, 1)
    assert shown is not None
    assert shown.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("width", "function"), [(0, "LINEAR"), (0.5, "LINEAR"), (-3, "SIGMOID"), (0, "LINEAR_EXACT")]
)
def test_widths_that_the_standard_forbids_are_no_window(width: float, function: str) -> None:
    assert window(np.arange(4.0), 1, width, function) is None


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("signed", [False, True])
def test_windows_agree_with_pydicom(function: str, signed: bool) -> None:
    words = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    header = {
        "RescaleSlope": "2.5",
        "RescaleIntercept": "-700",
        "WindowCenter": ["900", "1"],
        "WindowWidth": ["3000", "2"],
    }
    made = dataset(words, PixelRepresentation=int(signed), VOILUTFunction=function, **header)
    stored = words.astype(np.int64)
    if signed:
        stored[stored >= 2048] -= 4096
    low, high = (-2048, 2047) if signed else (0, 4095)
    reference = pixels.apply_windowing(pixels.apply_modality_lut(stored, made), made)
    reference = (reference - (low * 2.5 - 700)) / ((high - low) * 2.5) * 255
    grey = grey_table(made, StoredValues(words, 12, signed, False)).table[words]
    assert np.abs(grey - reference).max() <= 0.51


def test_a_window_is_shown_over_its_whole_range_whatever_the_film_holds() -> None:
    words = np.array([[1000, 2000]], np.uint16)
    grey = table(words, WindowCenter="2048", WindowWidth="4096")[words]
    assert grey.tolist() == [[62, 125]]


def test_the_voi_look_up_table_goes_before_the_window() -> None:
    words = np.array([[99, 100, 101, 102, 103, 104]], np.uint16)
    lut = look_up_table(100, [0, 64, 255, 128], 8)
    grey = table(words, VOILUTSequence=[lut], WindowCenter="1", WindowWidth="2")[words]
    assert grey.tolist() == [[0, 0, 64, 255, 128, 128]]


def test_a_voi_look_up_table_of_more_bits_than_it_promises_is_not_black() -> None:
    words = np.array([[0, 1, 2, 3]], np.uint16)
    grey = table(words, VOILUTSequence=[look_up_table(0, [0, 1000, 3000, 4095], 16)])[words]
    assert grey.tolist() == [[0, 62, 187, 255]]


def test_the_modality_look_up_table_comes_first() -> None:
    words = np.array([[10, 11, 12, 13]], np.uint16)
    lut = look_up_table(10, [400, 300, 200, 100], 12)
    grey = table(words, ModalityLUTSequence=[lut], WindowCenter="250.5", WindowWidth="301")[words]
    assert grey.tolist() == [[255, 170, 85, 0]]


def test_look_up_tables_may_lie_in_the_file_as_bytes(tmp_path: Path) -> None:
    item = look_up_table(0, [0, 0, 0], 16)
    item.add_new(0x00283006, "OW", np.array([0, 40000, 65535], "<u2").tobytes())
    words = np.array([[0, 1, 2]], np.uint16)
    path = write(tmp_path / "a.dcm", words, VOILUTSequence=[item])
    assert read_image(path).array.tolist() == [[0, 156, 255]]


def test_a_negative_slope_turns_the_values_round() -> None:
    words = np.array([[0, 4095]], np.uint16)
    header = {"RescaleSlope": "-1", "RescaleIntercept": "4095", "WindowCenter": "2048", "WindowWidth": "4096"}
    assert table(words, **header)[words].tolist() == [[255, 0]]


def test_eight_bits_without_a_window_are_grey_values_already() -> None:
    words = np.array([[30, 200]], np.uint8)
    assert table(words, bits=8, BitsAllocated=8)[words].tolist() == [[30, 200]]


def test_more_bits_without_a_window_run_from_the_smallest_to_the_largest() -> None:
    words = np.array([[1000, 1500, 3000]], np.uint16)
    assert table(words)[words].tolist() == [[0, 64, 255]]


def test_signed_values_are_in_the_order_of_numbers() -> None:
    words = np.array([[-2000, 0, 2000]], np.int16).view(np.uint16)
    assert table(words, signed=True)[words].tolist() == [[0, 128, 255]]


def test_bits_above_those_stored_do_not_count() -> None:
    words = np.array([[0, 2047, 4095]], np.uint16)
    dirty = words | np.uint16(0xA000)
    header = {"WindowCenter": "2048", "WindowWidth": "4096"}
    assert table(dirty, **header)[dirty].tolist() == table(words, **header)[words].tolist() == [[0, 127, 255]]


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted", "flagged"),
    [
        ("MONOCHROME2", None, False, False),
        ("MONOCHROME2", "IDENTITY", False, False),
        ("MONOCHROME1", None, True, False),
        ("MONOCHROME1", "INVERSE", True, False),
        ("MONOCHROME2", "INVERSE", True, True),
        ("MONOCHROME1", "IDENTITY", True, True),
    ],
)
def test_polarity(photometric: str, shape: str | None, inverted: bool, flagged: bool) -> None:
    header = {"PresentationLUTShape": shape} if shape else {}
    result, flags = polarity(dataset(gradient(), PhotometricInterpretation=photometric, **header))
    assert (result, bool(flags)) == (inverted, flagged)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("padding", [0, 4095])
def test_padding_is_black_in_either_polarity(photometric: str, padding: int) -> None:
    words = np.array([[padding, 1000, 1500, 2000]], np.uint16)
    grey = table(words, PhotometricInterpretation=photometric, PixelPaddingValue=padding)[words][0]
    assert grey[0] == 0
    assert np.abs(np.sort(grey[1:]) - [0, 127.5, 255]).max() < 1


def test_a_range_of_padding() -> None:
    words = np.array([[0, 50, 100, 101, 4000]], np.uint16)
    header = {"PixelPaddingValue": 100, "PixelPaddingRangeLimit": 0, "WindowCenter": "50", "WindowWidth": "2"}
    assert table(words, **header)[words].tolist() == [[0, 0, 0, 255, 255]]


def test_signed_padding() -> None:
    words = np.array([[-2000, 0, 100]], np.int16).view(np.uint16)
    made = dataset(words, PixelRepresentation=1, PhotometricInterpretation="MONOCHROME1")
    made.add_new(0x00280120, "SS", -2000)
    assert grey_table(made, StoredValues(words, 12, True, False)).table[words].tolist() == [[0, 255, 0]]


def test_padding_that_lossy_coding_has_moved_is_still_black() -> None:
    words = np.array([[4095, 4090, 3000, 1000]], np.uint16)
    header = {"PixelPaddingValue": 4095, "WindowCenter": "2000", "WindowWidth": "100"}
    assert table(words, lossy=True, **header)[words].tolist() == [[0, 0, 255, 0]]
    assert table(words, **header)[words].tolist() == [[0, 255, 255, 0]]


def test_padding_of_more_bits_than_are_stored_is_compared_as_it_lies() -> None:
    words = np.array([[65535, 4095, 0]], np.uint16)
    header = {"PixelPaddingValue": 65535, "WindowCenter": "2048", "WindowWidth": "4096"}
    assert table(words, **header)[words].tolist() == [[0, 255, 0]]


def local_films() -> list[str]:
    from pydicom.data import get_testdata_file

    names = (
        *("CT_small", "MR_small", "MR_small_RLE", "MR_small_bigendian", "MR_small_expb", "MR_small_implicit"),
        *("MR_small_jp2klossless", "MR_small_jpeg_ls_lossless", "693_J2KI", "J2K_pixelrep_mismatch"),
        *("JPEG2000", "JPEGLSNearLossless_08", "JPEGLSNearLossless_16", "image_dfl", "examples_overlay"),
    )
    return [path for name in names if (path := get_testdata_file(f"{name}.dcm", download=False))]


@pytest.mark.parametrize("path", local_films(), ids=lambda path: Path(path).stem)
def test_the_files_that_come_with_pydicom_as_its_own_pipeline_shows_them(path: str) -> None:
    import pydicom

    made = pydicom.dcmread(path)
    values = pixels.apply_modality_lut(made.pixel_array, made).astype(np.float64)
    low, high = values.min(), values.max()
    if "WindowCenter" in made:
        values = pixels.apply_windowing(values, made)
        bits, signed = made.BitsStored, made.PixelRepresentation
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        slope, intercept = made.get("RescaleSlope", 1), made.get("RescaleIntercept", 0)
        low, high = low * slope + intercept, high * slope + intercept
    elif made.BitsStored == 8:
        low, high = 0, 255
    reference = (values - low) / (high - low) * 255
    assert np.abs(read_image(path, keep_refused=True).array - reference).max() <= 0.51


def test_an_extended_jpeg_of_12_bits(tmp_path: Path) -> None:
    """Two points that the makers of pydicom read off in another viewer."""
    import pydicom
    from pydicom.data import get_testdata_file

    from plainfilm.io.dicom.pixel_header import pixel_header
    from plainfilm.io.dicom.pixels import stored_pixels

    path = get_testdata_file("JPGExtended.dcm", download=False)
    if path is None:
        pytest.skip("this release of pydicom does not ship JPGExtended.dcm")
    made = pydicom.dcmread(path)
    stored, _ = stored_pixels(made, pixel_header(made))
    assert isinstance(stored, StoredValues)
    assert (stored.words[420, 140], stored.words[230, 120], stored.bits) == (244, 95, 12)


def test_reading_looks_up_and_reduces_at_once(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.dcm",
        np.kron(gradient(), np.ones((4, 4), np.uint16)),
        WindowCenter="900",
        WindowWidth="900",
    )
    small = write(tmp_path / "b.dcm", gradient(), WindowCenter="900", WindowWidth="900")
    assert np.array_equal(read_image(path, shortest_side=40).array, read_image(small).array)


@pytest.mark.parametrize(
    ("promised", "largest", "white"),
    [
        (12, 4095, 4095),  # as it promises
        (12, 2048, 4095),
        (12, 2047, 4095),  # one bit fewer: a film without a white place
        (12, 1024, 4095),
        (12, 1023, 1023),  # two bits fewer: the promise is wrong
        (16, 32_767, 65_535),
        (16, 16_383, 16_383),
        (8, 255, 255),
        (8, 64, 255),
        (8, 63, 63),
    ],
)
def test_a_voi_look_up_table_may_need_one_bit_less_than_it_promises(
    promised: int, largest: int, white: int
) -> None:
    words = np.array([[0, 1]], np.uint16)
    shown = table(words, VOILUTSequence=[look_up_table(0, [0, largest], promised)])[words]
    assert shown[0, 1] == pytest.approx(255 * largest / white, abs=1)
