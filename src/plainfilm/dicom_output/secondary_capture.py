"""Results of a film as a picture (secondary capture, PS3.3 A.8.1), for viewers that draw neither structured
reports nor presentation states: the film with its boxes in colour, and below it what is said of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from plainfilm.dicom_output.annotations import FilmResults
from plainfilm.dicom_output.captions import captions, heading, numbered
from plainfilm.dicom_output.fonts import REPLACEMENT, fitting_font
from plainfilm.dicom_output.objects import BODY_PART, Algorithm, identity, without_warnings
from plainfilm.dicom_output.source_film import EXTRA, PURPOSE, SourceFilm
from plainfilm.io.images import read_image
from plainfilm.io.optional import optional_import

LONGEST_SIDE = 1024
"""Pixels of the film in the picture; the film itself lies beside it in full."""
_COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#CC79A7", "#D55E00")
"""Okabe and Ito's palette, whose colours are told apart with any colour vision."""
_PAPER, _INK = "#101418", "#E8E8E8"
_INDENT = "     "
_PIECES = re.compile(r"[\u2e80-\u9fff\uf900-\uffef]|[^\s\u2e80-\u9fff\uf900-\uffef]+|\s+")
"""A Chinese or Japanese character, a word, or the space between words."""
CANNOT_DRAW = f"{REPLACEMENT}: a character that no font here has; the structured report holds it."
_FONT_SHARE = 50
"""The longest side of the picture is so many times the size of the font."""


def secondary_capture(film: SourceFilm, results: FilmResults, algorithm: Algorithm) -> Any:
    """The picture as a pydicom dataset; the same arguments give the same identifiers.

    Raises:
        ImageError: the film cannot be read.
        MissingDependency: a package that writes DICOM is not installed.
    """
    sc = optional_import("highdicom.sc", EXTRA, PURPOSE)
    pixels = picture(read_image(film.path).array, results, algorithm)
    header = film.header
    with without_warnings():
        capture = sc.SCImage(
            pixel_array=pixels,
            photometric_interpretation="RGB",
            bits_allocated=8,
            coordinate_system="PATIENT",
            patient_orientation=("L", "F"),
            study_instance_uid=header.StudyInstanceUID,
            patient_id=header.PatientID,
            patient_name=header.PatientName,
            patient_birth_date=header.PatientBirthDate,
            patient_sex=header.PatientSex,
            accession_number=header.AccessionNumber,
            study_id=header.StudyID,
            study_date=header.StudyDate,
            study_time=header.StudyTime,
            referring_physician_name=header.ReferringPhysicianName,
            specific_character_set=header.SpecificCharacterSet,
            **identity(film, results, algorithm, "secondary capture"),
        )
        capture.copy_patient_and_study_information(header)
    capture.PatientOrientation = header.get("PatientOrientation")
    capture.SourceImageSequence = [_reference(film)]
    capture.DerivationDescription = "Film with the boxes and sentences of a model"
    capture.BodyPartExamined = BODY_PART
    return capture


def picture(film: NDArray[np.uint8], results: FilmResults, algorithm: Algorithm) -> NDArray[np.uint8]:
    """The film (H, W) as RGB (H', W', 3) with its boxes, and a list of what is said below it."""
    height, width = film.shape
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    shown = Image.fromarray(film).resize(size, Image.Resampling.BOX)
    said = [heading(algorithm), *map(str, captions(results))]
    fitting = fitting_font(said)
    font = fitting.of_size(max(size) // _FONT_SHARE + 4)
    notes = [CANNOT_DRAW] if fitting.missing else []
    lines = _wrapped([*map(fitting.drawable, said), *notes], font, size[0])
    step = round(font.getbbox("Ag")[3] * 1.3)
    canvas = Image.new("RGB", (size[0], size[1] + step * (len(lines) + 1)), _PAPER)
    canvas.paste(shown, (0, 0))
    draw = ImageDraw.Draw(canvas)
    for number, one in numbered(results):
        assert one.box is not None
        _draw_box(draw, number, tuple(value * scale for value in one.box), font)
    for row, line in enumerate(lines):
        draw.text((step // 2, size[1] + step // 2 + row * step), line, fill=_INK, font=font)
    return np.asarray(canvas)


def _draw_box(draw: Any, number: int, corners: tuple[float, ...], font: Any) -> None:
    x0, y0, x1, y1 = corners
    colour = _COLOURS[(number - 1) % len(_COLOURS)]
    draw.rectangle((x0 - 1, y0 - 1, x1 + 1, y1 + 1), outline="black", width=4)
    draw.rectangle((x0, y0, x1, y1), outline=colour, width=2)
    left, top, right, bottom = draw.textbbox((x0 + 5, y0 + 3), str(number), font=font)
    draw.rectangle((left - 3, top - 2, right + 3, bottom + 2), fill="black")
    draw.text((x0 + 5, y0 + 3), str(number), fill=colour, font=font)


def _wrapped(lines: list[str], font: Any, width: int) -> list[str]:
    room = max(width - 2 * font.getlength("n"), 20 * font.getlength("n"))
    return [part for line in lines for part in _parts(line, font, room)]


def _parts(line: str, font: Any, room: float) -> Iterator[str]:
    """A line in parts that are not longer than `room`: it breaks between words, and around characters that
    are written without spaces; a longer word is cut."""
    part = ""
    for found in _PIECES.finditer(line):
        piece = found.group() if not found.group().isspace() else " " * len(found.group())
        while font.getlength((part + piece).rstrip()) > room:
            if not part.strip():
                left = room - font.getlength(part)
                keep = max(1, int(len(piece) * left / font.getlength(piece)))
                part, piece = part + piece[:keep], piece[keep:]
            yield part.rstrip()
            part, piece = _INDENT, piece.lstrip()
        part += piece
    if part.strip():
        yield part.rstrip()


def _reference(film: SourceFilm) -> Any:
    reference = optional_import("pydicom", EXTRA, PURPOSE).Dataset()
    reference.ReferencedSOPClassUID = film.header.SOPClassUID
    reference.ReferencedSOPInstanceUID = film.uid
    return reference
