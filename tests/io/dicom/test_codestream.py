"""What compressed pictures say of themselves, and how they lie in pixel data."""

from __future__ import annotations

import contextlib
import struct
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from plainfilm.errors import ImageError
from plainfilm.io.dicom.codestream import Codec, Picture, frame_of, is_encapsulated, picture_of
from tests.io.dicom.maker import film, shown

ITEM, END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0\0\0\0\0"


def saved(kind: str, mode: str = "L", **options: Any) -> bytes:
    Image.fromarray(shown(film())).convert(mode).save(buffer := BytesIO(), kind, **options)
    return buffer.getvalue()


def items(*parts: bytes) -> bytes:
    return b"".join(ITEM + len(part).to_bytes(4, "little") + part for part in parts) + END


def without_jfif(jpeg: bytes) -> bytes:
    """The same picture without the segment that says that it is JFIF."""
    return jpeg[:2] + jpeg[4 + int.from_bytes(jpeg[4:6], "big") :]


def as_named(jpeg: bytes, names: bytes) -> bytes:
    """The same picture with other names of its components."""
    frame, scan = jpeg.index(b"\xff\xc0") + 10, jpeg.index(b"\xff\xda") + 5
    changed = bytearray(jpeg)
    changed[frame : frame + 9 : 3], changed[scan : scan + 6 : 2] = names, names
    return bytes(changed)


def test_a_grey_picture_of_every_codec() -> None:
    jpeg_ls = pytest.importorskip("jpeg_ls")
    assert picture_of(saved("JPEG")) == Picture(Codec.JPEG, 100, 120, is_lossy=True)
    assert picture_of(saved("JPEG2000")) == Picture(Codec.JPEG_2000, 100, 120)
    assert picture_of(saved("JPEG2000", irreversible=True)) == Picture(
        Codec.JPEG_2000, 100, 120, is_lossy=True
    )
    coded = bytes(jpeg_ls.encode_array(film()))
    assert picture_of(coded) == Picture(Codec.JPEG_LS, 100, 120, bits=12)
    assert picture_of(bytes(100)) is None
    assert picture_of(b"") is None


def test_jpeg_2000_of_more_bits_and_in_colour() -> None:
    Image.fromarray(film()).save(buffer := BytesIO(), "JPEG2000")
    assert picture_of(buffer.getvalue()) == Picture(Codec.JPEG_2000, 100, 120, bits=16)
    mixed, plain = (picture_of(saved("JPEG2000", "RGB", mct=mct, no_jp2=True)) for mct in (1, 0))
    assert mixed is not None
    assert plain is not None
    assert (mixed.samples, mixed.is_ycbcr, plain.is_ycbcr) == (3, False, None)


@pytest.mark.parametrize(
    ("jpeg", "is_ycbcr"),
    [
        (saved("JPEG", "RGB"), True),
        (saved("JPEG", "RGB", keep_rgb=True), False),
        (without_jfif(saved("JPEG", "RGB", subsampling=2)), True),
        (without_jfif(saved("JPEG", "RGB", subsampling=0)), True),
        (as_named(without_jfif(saved("JPEG", "RGB", subsampling=0)), b"RGB"), False),
    ],
    ids=["JFIF", "Adobe", "subsampled", "chroma has its own quantisation", "named RGB"],
)
def test_the_colours_of_a_jpeg(jpeg: bytes, is_ycbcr: bool) -> None:
    picture = picture_of(jpeg)
    assert picture is not None
    assert (picture.samples, picture.is_ycbcr) == (3, is_ycbcr)


def test_a_jpeg_without_marks_of_its_colours_says_nothing() -> None:
    one_table = saved("JPEG", "RGB", subsampling=0, qtables=[[5] * 64])
    picture = picture_of(without_jfif(one_table))
    assert picture is not None
    assert picture.is_ycbcr is None


def test_a_picture_without_an_end_is_truncated() -> None:
    with pytest.raises(ImageError, match="truncated"):
        picture_of(saved("JPEG")[:-2])


@pytest.mark.parametrize(
    "table",
    [b"", bytes(4), bytes(16), b"\0\0\0\0\x99\x99\0\0"],
    ids=["empty", "right", "of fragments", "wrong"],
)
@pytest.mark.parametrize("parts", [1, 2, 5])
def test_the_fragments_of_a_frame_are_one_picture_whatever_the_offset_table_says(
    table: bytes, parts: int
) -> None:
    jpeg = saved("JPEG")
    step = -(-len(jpeg) // parts)
    cut = [jpeg[place : place + step] for place in range(0, len(jpeg), step)]
    assert frame_of(items(table, *cut)) == jpeg


def test_pictures_without_a_table_and_without_items() -> None:
    jpeg = saved("JPEG")
    assert frame_of(items(jpeg)) == jpeg
    assert frame_of(jpeg) == jpeg
    assert is_encapsulated(jpeg)
    assert is_encapsulated(items(b"", jpeg))
    assert not is_encapsulated(film().tobytes())


def test_several_pictures_are_no_film() -> None:
    with pytest.raises(ImageError, match="has 2 frames"):
        frame_of(items(b"", saved("JPEG"), saved("JPEG")))


def test_no_picture_is_no_film() -> None:
    with pytest.raises(ImageError, match="hold no picture"):
        frame_of(items(b""))


def test_random_bytes_say_nothing_or_fail_as_damage_does() -> None:
    rng = np.random.default_rng(0)
    for start in (b"\xff\xd8\xff\xe0", b"\xff\x4f\xff\x51", ITEM, b""):
        for _ in range(200):
            data = start + rng.integers(0, 256, int(rng.integers(0, 200)), np.uint8).tobytes()
            with contextlib.suppress(ImageError, ValueError, IndexError, struct.error):
                picture_of(frame_of(data))
