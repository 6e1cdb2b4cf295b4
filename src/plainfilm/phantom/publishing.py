"""Shared by the layouts: writing tables and films, and access to films and boxes of a study."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from PIL import Image

from plainfilm.io.files import replacing
from plainfilm.phantom.truth import Film, FilmBox, Finding, PatientTruth, StudyTruth
from plainfilm.types import Box, View


def write_text(path: Path, text: str, *, encoding: str = "utf-8") -> None:
    """Write a text file as given; gzip without a time stamp if the name ends in `.gz`."""
    data = text.encode(encoding)
    with replacing(path) as temporary:
        # Without a time stamp, the same corpus is the same bytes.
        temporary.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def write_csv(
    path: Path,
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    encoding: str = "utf-8",
    line_end: str = "\n",
    delimiter: str = ",",
) -> None:
    """Write a CSV file; `encoding` "utf-8-sig" adds a byte order mark, `line_end` may be CRLF."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=line_end, delimiter=delimiter)
    if header:
        writer.writerow(header)
    writer.writerows(rows)
    write_text(path, text.getvalue(), encoding=encoding)


def write_json_lines(path: Path, value: Any) -> None:
    """Write a JSON document on one line, as corpora publish them."""
    write_text(path, json.dumps(value, ensure_ascii=False))


def write_png(path: Path, array: NDArray[Any]) -> None:
    """Write a PNG of a film (H, W) uint8 or uint16, or of colours (H, W, 3 or 4) uint8."""
    with replacing(path) as temporary:
        Image.fromarray(array).save(temporary, format="PNG", compress_level=1)


def studies_of(patients: Sequence[PatientTruth]) -> Iterator[tuple[PatientTruth, StudyTruth]]:
    """Every study with its patient."""
    for patient in patients:
        for study in patient.studies:
            yield patient, study


def frontal_films(study: StudyTruth) -> list[Film]:
    """The frontal films of a study, in order."""
    return [film for film in study.films if View(film.view).is_frontal]


def finding_boxes(study: StudyTruth, film: Film) -> Iterator[tuple[Finding, FilmBox]]:
    """The boxes of findings on a film, each with its finding."""
    findings = {finding.key: finding for finding in study.findings}
    for box in film.boxes:
        if box.kind == "finding" and box.name in findings:
            yield findings[box.name], box


def region_boxes(film: Film) -> Mapping[str, FilmBox]:
    """The boxes of regions on a film by the region's name."""
    return {box.name: box for box in film.boxes if box.kind == "region"}


def box_of(box: FilmBox, name: str, kind: str = "observation", annotator: str | None = None) -> Box:
    """A true box with a corpus' name for it, in pixels of its film."""
    return Box(name, kind, box.x0, box.y0, box.x1, box.y1, annotator)
