"""What a case is read with, and what must be true of whatever comes out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from plainfilm.errors import DataError, PlainfilmError
from plainfilm.io import archives
from plainfilm.io.csv_files import open_csv
from plainfilm.io.images import read_image
from plainfilm.io.tables import read_json
from plainfilm.labelling import Labeller
from plainfilm.sources.common.rows import Row, read_rows
from plainfilm.text.sections import HEADER_RULES, parse_sections
from plainfilm.text.sentences import report_sentences
from plainfilm.text.structured import read_open_i
from plainfilm.types import Rejection, Report


def image(path: Path) -> None:
    """A film, whatever it is."""
    pixels = read_image(path, 64, keep_refused=True, flag_colours=True)
    assert pixels.array.dtype == np.uint8
    assert pixels.array.ndim == 2
    assert min(pixels.array.shape) <= 64
    assert pixels.array.min() < pixels.array.max()
    assert pixels.spacing_mm is None or 0 < pixels.spacing_mm < 1e6


def csv(path: Path) -> None:
    """A table, row by row."""
    with open_csv(path) as reader:
        for row in reader:
            assert all(isinstance(cell, str) for cell in row)
    for item in read_rows(path):
        assert isinstance(item, Row | Rejection)


def xml(path: Path) -> None:
    """A report of Open-i."""
    _check(read_open_i(path))


def json(path: Path) -> None:
    """A document."""
    read_json(path)


def archive(path: Path) -> None:
    """Every member of an archive, opened as a film and as bytes."""
    for member in archives.files_below(path.parent, lambda name: True):
        if member == path:
            continue
        try:
            archives.read_bytes(member)
        except OSError as error:
            raise DataError(str(error)) from None
        try:
            read_image(member, 64)
        except PlainfilmError:
            continue


def report(path: Path) -> None:
    """A report's sections, sentences and labels."""
    text = path.read_bytes().decode("utf-8", "replace")
    for rules in HEADER_RULES:
        _check(Report(text, tuple(parse_sections(text, rules))))


_LABELLER = Labeller.load("chexpert")


def _check(report: Report) -> None:
    for section in report.sections or ():
        assert report.text[section.start : section.end] == section.text
    sentences = report_sentences(report)
    for sentence in sentences:
        assert " ".join(report.text[sentence.start : sentence.end].split()) == sentence.text
    for sentence, labels in zip(sentences, _LABELLER.label_sentences(sentences), strict=True):
        for label in labels:
            assert label.start is None or sentence.start <= label.start < label.end <= sentence.end


READERS = {
    "image": image,
    "dicom": image,
    "csv": csv,
    "xml": xml,
    "json": json,
    "zip": archive,
    "report": report,
}
TEXT = ("csv", "xml", "json", "report")
SUFFIXES = {"image": ".png", "dicom": ".dcm", "report": ".txt"}
