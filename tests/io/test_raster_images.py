"""Every way that PNG, JPEG and TIFF keep a grey film, and reduced decoding against decoding in full."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from plainfilm.errors import ImageError
from plainfilm.io import raster_images
from plainfilm.io.area_resize import area_mean
from plainfilm.io.images import read_image
from plainfilm.io.raster_images import colour_flag


def gradient(height: int = 60, width: int = 80) -> NDArray[np.uint8]:
    rows, columns = np.mgrid[0:height, 0:width]
    return (rows + 2 * columns).astype(np.uint8)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def write_png(
    path: Path, rows: list[bytes], size: tuple[int, int], *, depth: int, colour: int, adam7: int = 0
) -> Path:
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, adam7)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )
    return path


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P"])
def test_an_opaque_png_of_every_mode_is_the_same_film(tmp_path: Path, mode: str) -> None:
    Image.fromarray(gradient()).convert(mode).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png").array, gradient())


def test_one_bit(tmp_path: Path) -> None:
    Image.fromarray(gradient() > 100).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png").array, 255 * (gradient() > 100))


def test_two_grey_tones_and_transparency(tmp_path: Path) -> None:
    film = np.dstack([gradient(), np.full_like(gradient(), 255)])
    film[:10, :, 1] = 0
    Image.fromarray(film, "LA").save(tmp_path / "a.png")
    read = read_image(tmp_path / "a.png").array
    assert read[:10].max() == 0
    assert np.array_equal(read[10:], gradient()[10:])


def test_an_interlaced_png(tmp_path: Path) -> None:
    film = gradient(16, 24)
    starts = (
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    )
    rows = [row.tobytes() for y, x, down, across in starts for row in film[y::down, x::across]]
    path = write_png(tmp_path / "a.png", rows, (24, 16), depth=8, colour=0, adam7=1)
    assert np.array_equal(read_image(path).array, film)


@pytest.mark.parametrize(("colour", "samples"), [(2, 3), (4, 2), (6, 4)])
def test_16_bit_colour_would_lose_a_film_and_is_refused(tmp_path: Path, colour: int, samples: int) -> None:
    rows = [bytes(range(8 * samples * 2)) for _ in range(8)]
    path = write_png(tmp_path / "a.png", rows, (8, 8), depth=16, colour=colour)
    with pytest.raises(ImageError, match="16 bits in colour or with transparency; save it as 16-bit grey"):
        read_image(path)


@pytest.mark.parametrize("kept_as", [{}, {"progressive": True}, {"keep_rgb": True}, {"subsampling": 0}])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_jpeg_of_every_colour_space_is_the_same_film(
    tmp_path: Path, mode: str, kept_as: dict[str, object]
) -> None:
    film = np.kron(gradient(40, 50), np.ones((8, 8), np.uint8))
    Image.fromarray(film).convert("RGB").convert(mode).save(tmp_path / "a.jpg", quality=97, **kept_as)
    for side in (None, 100):
        plain, examined = (
            read_image(tmp_path / "a.jpg", side, flag_colours=look).array for look in (False, True)
        )
        assert np.array_equal(plain, examined)
        assert np.abs(plain.astype(int) - area_mean(film, *plain.shape)).mean() < 1


def test_a_colour_profile_changes_nothing(tmp_path: Path) -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(gradient()).convert("RGB").save(tmp_path / "a.png", icc_profile=profile)
    assert np.array_equal(read_image(tmp_path / "a.png").array, gradient())


def test_a_photograph_with_a_second_picture_behind_it(tmp_path: Path) -> None:
    film = Image.fromarray(gradient(64, 64))
    film.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[film.rotate(90)], quality=100)
    assert np.abs(read_image(tmp_path / "a.jpg").array.astype(int) - gradient(64, 64)).max() < 6


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_a_tiff_of_many_bits_runs_from_its_smallest_to_its_largest_value(tmp_path: Path, dtype: type) -> None:
    film = np.array([[1000, 2000], [3000, 5000]], dtype)
    Image.fromarray(film).save(tmp_path / "a.tif")
    assert read_image(tmp_path / "a.tif").array.tolist() == [[0, 64], [128, 255]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_tiff_whose_zero_is_white(tmp_path: Path, dtype: type) -> None:
    film = np.array([[0, 51], [102, 255]], dtype)
    Image.fromarray(film).save(tmp_path / "a.tif")
    black, white = (struct.pack("<HHIHH", 262, 3, 1, zero, 0) for zero in (1, 0))
    data = (tmp_path / "a.tif").read_bytes()
    assert black in data
    (tmp_path / "a.tif").write_bytes(data.replace(black, white))
    assert read_image(tmp_path / "a.tif").array.tolist() == (255 - film).tolist()


def differences(path: Path, side: int) -> tuple[float, int]:
    """Mean and largest difference of reduced decoding from decoding in full and averaging areas."""
    reduced = read_image(path, side).array
    full = area_mean(read_image(path).array, *reduced.shape)
    difference = np.abs(reduced.astype(int) - full)
    return float(difference.mean()), int(difference.max())


@pytest.mark.parametrize("side", [224, 256, 384, 512])
def test_reduced_decoding_is_decoding_in_full_within_half_a_grey_value(tmp_path: Path, side: int) -> None:
    rows, columns = np.mgrid[0:1600, 0:1400] / 60
    noise = np.random.default_rng(0).normal(0, 5, rows.shape)
    film = 127 + 60 * np.sin(rows) + 50 * np.cos(columns) + noise
    Image.fromarray(np.clip(film, 0, 255).astype(np.uint8)).save(tmp_path / "a.jpg", quality=90)
    mean, largest = differences(tmp_path / "a.jpg", side)
    assert mean < 0.5
    assert largest <= 12


@pytest.mark.parametrize("side", [224, 256, 384])
def test_reduced_decoding_of_a_real_film(real_data: Path, side: int) -> None:
    mean, largest = differences(real_data / "originals" / "hannover_2000x2000_L.jpg", side)
    assert mean < 0.5
    assert largest <= 12


def test_colours_are_told_from_grey() -> None:
    grey = np.repeat(gradient()[..., None], 3, axis=2).astype(np.int16)
    assert colour_flag(grey) == ()
    grey[:6, :8, 0] += 60
    assert colour_flag(grey) == ("coloured pixels (1 %)",)


def png_header(width: int, height: int, kind: int, bits: int = 8) -> bytes:
    """A PNG that is nothing but its header and the start of its data."""
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))


def webp_header(kind: bytes, width: int, height: int) -> bytes:
    """A WebP that is nothing but its header."""
    if kind == b"VP8X":
        body = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    elif kind == b"VP8L":
        body = b"\x2f" + ((width - 1) | (height - 1) << 14).to_bytes(4, "little") + bytes(5)
    else:
        body = b"\x30\x01\x00\x9d\x01\x2a" + struct.pack("<HH", width, height)
    return b"RIFF" + struct.pack("<I", 100) + b"WEBP" + kind + struct.pack("<I", len(body)) + body


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    "data",
    [
        png_header(13_300, 13_300, 6),
        png_header(13_300, 13_300, 2),
        png_header(13_300, 13_300, 0, 16),
        webp_header(b"VP8X", 16_000, 16_000),
        webp_header(b"VP8L", 16_000, 16_000),
        webp_header(b"VP8 ", 16_000, 16_000),
    ],
    ids=["RGBA", "RGB", "16 bits", "VP8X", "VP8L", "VP8"],
)
def test_a_small_file_that_would_take_gigabytes_is_refused_by_its_header(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(ImageError, match=r"would take \d\.\d GB; refused as unsafe"):
        read_image(tmp_path / "a")


def test_progressive_jpeg_of_thousands_of_scans_is_refused(tmp_path: Path) -> None:
    Image.fromarray(gradient()).save(tmp_path / "a.jpg", progressive=True)
    data = (tmp_path / "a.jpg").read_bytes()
    scan = data[data.rindex(b"\xff\xda") : -2]
    (tmp_path / "b.jpg").write_bytes(data[:-2] + scan * 100 + data[-2:])
    assert read_image(tmp_path / "a.jpg").array.shape == gradient().shape
    with pytest.raises(ImageError, match="more than 100 scans"):
        read_image(tmp_path / "b.jpg")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "CMYK", "1"])
def test_large_films_are_converted_in_bands_to_the_same_pixels(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = Image.fromarray(gradient()).convert(mode)
    whole = np.asarray(raster_images.to_grey(image))
    flags = raster_images._colour_flag(image)
    monkeypatch.setattr(raster_images, "_BAND_PIXELS", 7 * image.width + 3)
    assert np.array_equal(np.asarray(raster_images.to_grey(image)), whole)
    assert raster_images._colour_flag(image) == flags


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32, np.float64])
def test_large_films_are_scaled_in_bands_to_the_same_pixels(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = (gradient().astype(np.float64) * 37 - (0 if kind == np.uint16 else 999)).astype(kind)
    if np.issubdtype(kind, np.floating):
        values[3, :5] = np.nan
    whole = raster_images.scale_to_8bit(values)
    monkeypatch.setattr(raster_images, "_BAND_PIXELS", 500)
    assert np.array_equal(raster_images.scale_to_8bit(values), whole)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["L", "RGB", "I;16"])
def test_orientations_as_pillow_turns_them(tmp_path: Path, orientation: int, mode: str) -> None:
    film = gradient()
    image = Image.fromarray(film.astype(np.uint16)) if mode == "I;16" else Image.fromarray(film).convert(mode)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as opened:
        wanted = np.asarray(raster_images.to_grey(ImageOps.exif_transpose(opened)))
    assert np.array_equal(read_image(tmp_path / "a.png").array, wanted)
