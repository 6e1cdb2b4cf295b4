"""DICOM radiographs to 8-bit grey: what is refused, and the way from the file to a film."""

from __future__ import annotations

import contextlib
import functools
import logging
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from plainfilm.errors import ImageError, MissingDependency
from plainfilm.io.dicom.bit_depth import Words
from plainfilm.io.dicom.brightness import brightness
from plainfilm.io.dicom.colours import Colours
from plainfilm.io.dicom.grey import Grey, grey_table
from plainfilm.io.dicom.pixel_header import MONOCHROME, pixel_header
from plainfilm.io.dicom.pixels import FLOATING, stored_pixels
from plainfilm.io.dicom.safe_stream import safe_stream
from plainfilm.io.dicom.spacing import side_of_pixel
from plainfilm.io.dicom.subject import doubts
from plainfilm.io.dicom.values import StoredValues
from plainfilm.io.film_values import FilmValues
from plainfilm.io.optional import optional_import
from plainfilm.io.raster_images import Film, reduce, reduced_size

HEAD = 132
_SUFFIXES = (".dcm", ".dicom", ".dic")
# A file without preamble starts with an element of group 2 or 8, little endian, with an even small number.
_BARE_STARTS = (
    b"\x02\x00\x00\x00",
    # Group length, character set, image type, creation date, SOP class, SOP instance, study date.
    *(b"\x08\x00" + bytes([number, 0]) for number in (0x00, 0x05, 0x08, 0x12, 0x16, 0x18, 0x20)),
)
_QUOTED = re.compile(r"'[^']*'?|\"[^\"]*\"?")
# What pydicom and the decoders raise on damaged files.
_DAMAGE = (
    *(ValueError, KeyError, AttributeError, TypeError, EOFError, OSError, IndexError, OverflowError),
    *(NotImplementedError, RecursionError, AssertionError, struct.error, zlib.error),
)


def is_dicom(head: bytes, suffix: str) -> bool:
    """True for a DICOM file: by its first HEAD bytes (magic word, or first element), or by its name."""
    if head[128:132] == b"DICM" or head[:4] in _BARE_STARTS:
        return True
    return suffix.lower() in _SUFFIXES


def decode(
    stream: BinaryIO, path: Path, shortest_side: int | None = None, keep_refused: bool = False
) -> Film:
    """The film in a DICOM file, reduced so that its shortest side is at most `shortest_side` pixels.

    With `keep_refused`, a file that is no chest radiograph by its header is opened too, and a flag says so.

    Raises:
        ImageError: not DICOM, no pixels, not a chest radiograph, several frames, too large, or undecodable.
        MissingDependency: a package that reads DICOM is not installed.
    """
    with _naming(path):
        dataset = _pydicom().dcmread(safe_stream(stream), force=True)
        _refuse(dataset)
        doubt, flags = doubts(dataset)
        if doubt and not keep_refused:
            raise ImageError(f"{doubt}; correct the header, or keep it with --force")
        _state_transfer_syntax(dataset)
        film = _film(dataset, shortest_side)
        spacing, odd = side_of_pixel(dataset)
    flags = ((doubt,) if doubt else flags) + film.flags + odd
    return Film(film.array, film.original_width, film.original_height, spacing, flags)


def decode_values(stream: BinaryIO, path: Path) -> FilmValues | None:
    """The values of a DICOM file before window and level; `None` for a film in colour.

    Raises:
        ImageError: see `decode`, which looks at the header more closely.
        MissingDependency: a package that reads DICOM is not installed.
    """
    with _naming(path):
        dataset = _pydicom().dcmread(safe_stream(stream), force=True)
        _refuse(dataset)
        _state_transfer_syntax(dataset)
        pixels, _ = stored_pixels(dataset, pixel_header(dataset))
        return None if isinstance(pixels, Colours) else brightness(dataset, pixels)


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """While open, whatever pydicom and the decoders raise becomes an error that names the file."""
    damage = (*_DAMAGE, _pydicom().errors.BytesLengthException)
    with warnings.catch_warnings():
        # Odd value lengths and the like do not touch the pixels.
        warnings.simplefilter("ignore")
        try:
            yield
        except ImageError as error:
            raise ImageError(f"{path}: {error}") from None
        except MissingDependency as error:
            raise MissingDependency(f"{path}: {error}") from None
        except RuntimeError as error:
            raise ImageError(f"{path}: the pixels cannot be decoded ({_short(error)})") from None
        except damage as error:
            raise ImageError(f"{path}: the DICOM file is damaged or truncated ({_short(error)})") from None


@functools.cache
def _pydicom() -> Any:
    pydicom = optional_import("pydicom", "dicom", "DICOM")
    # Its warnings quote header values, which may name a patient; what matters becomes an error or a flag.
    logging.getLogger("pydicom").addHandler(logging.NullHandler())
    logging.getLogger("pydicom").propagate = False
    return pydicom


def _short(error: Exception) -> str:
    """What a library says, on one line, without the header values that it quotes: they may name a patient."""
    reason = _QUOTED.sub("'...'", " ".join(str(error).split()))
    return reason if len(reason) <= 160 else f"{reason[:157]}..."


def _refuse(dataset: Any) -> None:
    if not any(keyword in dataset for keyword in ("PixelData", *FLOATING)):
        raise ImageError("holds no pixels; not a DICOM image, or truncated before them")


def _state_transfer_syntax(dataset: Any) -> None:
    """Gives a file without file meta information the plain transfer syntax it was read with."""
    uid = optional_import("pydicom.uid", "dicom", "DICOM")
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        plain = uid.ImplicitVRLittleEndian if implicit else uid.ExplicitVRLittleEndian
        dataset.file_meta.TransferSyntaxUID = plain if little else uid.ExplicitVRBigEndian


def _film(dataset: Any, shortest_side: int | None) -> Film:
    header = pixel_header(dataset)
    pixels, flags = stored_pixels(dataset, header)
    if isinstance(pixels, Colours):
        flags += pixels.flags()
        if header.photometric not in MONOCHROME:
            return _reduced(pixels.grey(), shortest_side, flags)
        pixels = StoredValues(pixels.grey(), 8, signed=False, lossy=True)
    return _grey(dataset, pixels, shortest_side, flags)


def _grey(dataset: Any, stored: StoredValues, shortest_side: int | None, flags: tuple[str, ...]) -> Film:
    grey = grey_table(dataset, stored)
    film = _reduced(stored.words, shortest_side, flags + grey.flags, grey)
    if film.array.min() < film.array.max():
        return film
    grey = grey_table(dataset, stored, use_window=False)
    unseen = "its window shows one grey value only, so all values are shown"
    return _reduced(stored.words, shortest_side, (*flags, *grey.flags, unseen), grey)


def _reduced(
    words: Words, shortest_side: int | None, flags: tuple[str, ...], grey: Grey | None = None
) -> Film:
    height, width = words.shape
    size = reduced_size((width, height), shortest_side)
    array = reduce(words, size, grey.table, grey.ramp) if grey else reduce(words, size)
    return Film(array, width, height, flags=flags)
