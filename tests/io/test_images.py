from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from plainfilm.errors import ImageError, UsageError
from plainfilm.io import raster_images
from plainfilm.io.images import as_film, one_or_many, read_image, write_jpeg


def gradient(height: int = 60, width: int = 80) -> NDArray[np.uint8]:
    rows, columns = np.mgrid[0:height, 0:width]
    return (rows + 2 * columns).astype(np.uint8)


def save(array: NDArray, path: Path, **options: object) -> Path:
    Image.fromarray(array).save(path, **options)  # type: ignore[arg-type]
    return path


def fails(path: Path, message: str) -> None:
    with pytest.raises(ImageError, match=message) as caught:
        read_image(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_grey_png_is_read_exactly(tmp_path: Path) -> None:
    pixels = read_image(save(gradient(), tmp_path / "a.png"))
    assert np.array_equal(pixels.array, gradient())
    assert (pixels.original_width, pixels.original_height, pixels.spacing_mm) == (80, 60, None)


def test_shortest_side_keeps_proportions(tmp_path: Path) -> None:
    pixels = read_image(save(gradient(), tmp_path / "a.png"), shortest_side=30)
    assert pixels.array.shape == (30, 40)
    assert (pixels.original_width, pixels.original_height) == (80, 60)


def test_a_small_film_is_never_enlarged(tmp_path: Path) -> None:
    assert read_image(save(gradient(), tmp_path / "a.png"), shortest_side=500).array.shape == (60, 80)


def test_reducing_averages_areas(tmp_path: Path) -> None:
    rows, columns = np.mgrid[0:128, 0:128]
    array = (rows + columns).astype(np.uint8)
    blocks = array.reshape(32, 4, 32, 4).mean(axis=(1, 3))
    reduced = read_image(save(array, tmp_path / "a.png"), shortest_side=32).array
    assert np.abs(reduced - blocks).max() <= 1.0


def test_jpeg_decoded_at_reduced_size_is_the_same_film(tmp_path: Path) -> None:
    rows, columns = np.mgrid[0:1200, 0:1000] / 100
    array = (127 + 60 * np.sin(rows) + 60 * np.cos(columns)).astype(np.uint8)
    path = save(array, tmp_path / "a.jpg", quality=95)
    with Image.open(path) as image:
        full = np.asarray(image.resize((125, 150), Image.Resampling.BOX), dtype=float)
    assert np.abs(read_image(path, shortest_side=125).array - full).mean() < 1.0


def test_16_bit_runs_from_its_smallest_to_its_largest_value(tmp_path: Path) -> None:
    array = np.array([[1000, 2000], [3000, 5000]], dtype=np.uint16)
    assert read_image(save(array, tmp_path / "a.png")).array.tolist() == [[0, 64], [128, 255]]


def test_transparent_pixels_are_black(tmp_path: Path) -> None:
    array = np.full((4, 4, 4), 200, dtype=np.uint8)
    array[:2, :, 3] = 0
    array[2:, :, 3] = 255
    read = read_image(save(array, tmp_path / "a.png")).array
    assert read[0, 0] == 0
    assert read[3, 3] == 200


def test_palette_is_resolved(tmp_path: Path) -> None:
    image = Image.fromarray(gradient() // 32).convert("P")
    image.putpalette([value for grey in range(256) for value in [255 - grey] * 3])
    image.save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png").array, 255 - gradient() // 32)


def test_cmyk_jpeg_is_not_inverted(tmp_path: Path) -> None:
    Image.fromarray(gradient()).convert("RGB").convert("CMYK").save(tmp_path / "a.jpg", quality=100)
    difference = read_image(tmp_path / "a.jpg").array.astype(int) - gradient()
    assert np.abs(difference).max() < 12


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = read_image(save(gradient(), tmp_path / "a.jpg", exif=exif, quality=100))
    assert pixels.array.shape == (80, 60)
    assert (pixels.original_width, pixels.original_height) == (60, 80)
    assert np.abs(pixels.array.astype(int) - np.rot90(gradient(), -1)).max() < 8


def test_exif_orientation_together_with_reducing(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    path = save(np.tile(gradient(), (10, 10)), tmp_path / "a.jpg", exif=exif)
    assert read_image(path, shortest_side=60).array.shape == (80, 60)


def test_a_name_that_lies_does_not_matter(tmp_path: Path) -> None:
    save(gradient(), tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    assert np.array_equal(read_image(tmp_path / "a.jpg").array, gradient())


def test_missing_file(tmp_path: Path) -> None:
    fails(tmp_path / "none.png", "no such file")


def test_folder_instead_of_file(tmp_path: Path) -> None:
    fails(tmp_path, "cannot be read")


def test_zero_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    fails(tmp_path / "a.png", r"is empty \(0 bytes\); fetch the file again")


def test_not_an_image(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("<html>404</html>")
    fails(tmp_path / "a.png", "not an image that can be read")


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "bmp", "webp"])
@pytest.mark.parametrize("kept", [0.3, 0.7, 0.95])
def test_truncated(tmp_path: Path, ending: str, kept: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (120, 90), dtype=np.uint8)
    path = save(noise, tmp_path / f"a.{ending}")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    fails(path, "truncated|damaged|not an image")


def test_jpeg_filled_up_with_zeros(tmp_path: Path) -> None:
    path = save(gradient(400, 400), tmp_path / "a.jpg")
    data = path.read_bytes()
    half = len(data) // 2
    path.write_bytes(data[:half] + bytes(len(data) - half))
    fails(path, "truncated")


def test_bytes_after_the_end_of_a_jpeg_do_no_harm(tmp_path: Path) -> None:
    path = save(gradient(), tmp_path / "a.jpg")
    path.write_bytes(path.read_bytes() + bytes(1000))
    assert read_image(path).array.shape == (60, 80)


def test_broken_png_checksum(tmp_path: Path) -> None:
    path = save(gradient(), tmp_path / "a.png")
    data = bytearray(path.read_bytes())
    place = data.index(b"IDAT") + 12
    data[place] ^= 0xFF
    path.write_bytes(bytes(data))
    fails(path, "truncated or damaged")


def test_decompression_bomb(tmp_path: Path) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(100)))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + body + chunk(b"IEND", b""))
    fails(tmp_path / "a.png", "refused as unsafe")


def test_constant_image(tmp_path: Path) -> None:
    fails(save(np.full((9, 9), 7, dtype=np.uint8), tmp_path / "a.png"), "every pixel has the grey value 7")


def test_constant_16_bit_image(tmp_path: Path) -> None:
    fails(save(np.full((9, 9), 700, dtype=np.uint16), tmp_path / "a.png"), "every pixel has the grey value 0")


def test_several_frames(tmp_path: Path) -> None:
    frames = [Image.fromarray(gradient() + extra) for extra in (0, 9)]
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    fails(tmp_path / "a.tif", "has 2 frames")


def test_a_switch_that_hides_damage_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(gradient(), tmp_path / "a.png")
    monkeypatch.setattr(raster_images.ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    fails(path, "LOAD_TRUNCATED_IMAGES is on")


def test_infinite_values_do_not_decide_the_scale() -> None:
    values = np.array([0.0, 1.0, np.inf, np.nan])
    assert raster_images.scale_to_8bit(values).tolist() == [0, 255, 0, 0]


def test_jpeg_is_written_with_its_checksum(tmp_path: Path) -> None:
    import hashlib

    digest = write_jpeg(gradient(), tmp_path / "deep" / "a.jpg")
    data = (tmp_path / "deep" / "a.jpg").read_bytes()
    assert digest == hashlib.sha256(data).hexdigest()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.jpg"]
    assert np.abs(read_image(tmp_path / "deep" / "a.jpg").array.astype(int) - gradient()).max() < 8


def test_real_films_are_upright_in_grey_value(real_data: Path) -> None:
    # In a chest film that is not inverted the spine, in the middle, is brighter than the lung beside it.
    for name in ("derived_rg1_16bit_mono2.png", "nih_rgba_1024.png", "hannover_2000x2000_L.jpg"):
        array = read_image(real_data / "originals" / name, shortest_side=200).array.astype(float)
        height, width = array.shape
        rows = slice(int(0.35 * height), int(0.5 * height))
        spine = array[rows, int(0.47 * width) : int(0.53 * width)].mean()
        lung = array[rows, int(0.2 * width) : int(0.35 * width)].mean()
        assert spine > lung + 20, name


def toned() -> NDArray[np.uint8]:
    """(40, 50) grey values from 10 to 187, so that a stretch to the whole range would show."""
    rows, columns = np.mgrid[0:40, 0:50]
    return (10 + rows * 2 + columns * 2).astype(np.uint8)


FILM_LIKE = {
    "uint8": lambda film: film,
    "float": lambda film: film / 255.0,
    "float16": lambda film: (film / 255.0).astype(np.float16),
    "one channel last": lambda film: film[..., None],
    "RGB": lambda film: np.stack([film] * 3, axis=-1),
    "RGB of floats, channels first": lambda film: np.stack([film] * 3).astype(np.float32) / 255,
    "RGBA": lambda film: np.dstack([film, film, film, np.full_like(film, 255)]),
    "PIL": Image.fromarray,
    "PIL in colour": lambda film: Image.fromarray(film).convert("RGB"),
    "Fortran order": np.asfortranarray,
    "list of lists": lambda film: (film / 255.0).tolist(),
}


@pytest.mark.parametrize("given", FILM_LIKE.values(), ids=FILM_LIKE.keys())
def test_anything_film_like_is_the_same_film(given: Any) -> None:
    film = as_film(given(toned()))
    assert film.dtype == np.uint8
    assert np.array_equal(film, toned())
    assert as_film(given(toned()), 20).shape == (20, 25)


def test_tensors_are_films(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    film = torch.from_numpy(toned())
    for tensor in (film, film[None], (film / 255).requires_grad_(), (film / 255).expand(3, -1, -1)):
        assert np.array_equal(as_film(tensor), toned())


def test_a_film_in_memory_is_the_film_of_its_file(tmp_path: Path) -> None:
    clear = np.dstack([toned()] * 3 + [np.full_like(toned(), 128)])
    for name, picture in (
        ("a.png", Image.fromarray(clear)),
        ("b.png", Image.fromarray(toned() * np.uint16(257))),
    ):
        picture.save(tmp_path / name)
        of_file = read_image(tmp_path / name).array
        assert np.array_equal(as_film(tmp_path / name), of_file)
        assert np.array_equal(as_film(picture), of_file)
    assert np.array_equal(as_film(clear), read_image(tmp_path / "a.png").array)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (toned().astype(np.uint16) * 257, "uint16 does not say which value is white"),
        (toned().astype(np.int64), "int64 does not say"),
        (toned().astype(np.float32), "from 10 to 186; films run from 0 to 1"),
        (np.where(toned() == 10, np.nan, 0.5), "films run from 0 to 1"),
        (np.zeros((2, 3, 40, 50), np.uint8), "2 x 3 x 40 x 50"),
        (np.zeros((5, 40, 50), np.uint8), "neither 1, 3 nor 4 channels"),
        (np.zeros((0, 4), np.uint8), "0 x 4"),
        (np.array([["a", "b"]]), "does not say which value is white"),
        (None, "NoneType"),
        (b"film.png", "bytes"),
        (BytesIO(b"film.png"), "BytesIO"),
        (np.ma.masked_less(toned(), 20), "a masked array does not say"),
        (torch.rand(4, 4).to_sparse(), "4 x 4 of torch.float32 cannot be made an array"),
        (torch.empty(4, 4, device="meta"), "cannot be made an array"),
        (torch.rand(4, 4).to(torch.complex64).conj(), "complex64 cannot be made an array"),
    ],
)
def test_what_is_no_film_is_one_line(given: Any, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint) as raised:
        as_film(given)
    assert "\n" not in str(raised.value)


def test_a_blank_array_is_refused_as_a_blank_file_is() -> None:
    with pytest.raises(ImageError, match="the grey value 7"):
        as_film(np.full((4, 4), 7, np.uint8))


def test_read_image_takes_a_path() -> None:
    with pytest.raises(UsageError, match=r"not ndarray of 40 x 50 of uint8"):
        read_image(toned())  # type: ignore[arg-type]


def test_one_film_where_films_belong_is_one_film() -> None:
    film = toned()
    for one in ("a.png", Path("a.png"), film, np.dstack([film] * 3), Image.fromarray(film)):
        assert [item is one for item in one_or_many(one)] == [True]
    assert len(list(one_or_many(np.stack([film] * 5)))) == 5
    assert one_or_many(["a.png", film])[1] is film  # type: ignore[index]
    with pytest.raises(UsageError, match="one film or 3"):
        one_or_many(np.stack([film] * 3))
    with pytest.raises(UsageError, match="not int"):
        one_or_many(3)
