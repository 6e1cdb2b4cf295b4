"""Reports in columns of a table, or in a folder of one text file a report, as hospitals export them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from plainfilm.errors import DataError, SourceError, nearest
from plainfilm.io import limits, paths
from plainfilm.io.csv_files import open_text
from plainfilm.sources.base import is_blank
from plainfilm.sources.common.rows import Row, read_rows
from plainfilm.text.structured import report_of, section_of
from plainfilm.types import Rejection, Report

_KEYS = ("accession_number", "accession", "study_instance_uid", "study_uid", "study_id", "study")
_TEXTS = ("report", "report_text", "text", "findings", "impression", "indication", "history", "comparison")


@dataclass(frozen=True)
class FoundReport:
    """A report, the accession number or study UID it is known by, and where it stands."""

    key: str = field(repr=False)
    report: Report
    place: str


def read_reports(
    path: Path, key: str | None, texts: str | None, header_rules: str
) -> Iterator[FoundReport | Rejection]:
    """The reports of a CSV file, or of a folder of `KEY.txt`.

    `key` and `texts` (separated by commas) name columns; without them those with usual names are taken.

    Raises:
        SourceError: no such file or folder, or no column that can be meant.
    """
    if paths.is_folder(path):
        for number, file in enumerate(paths.files_in(path, "*.txt"), start=1):
            yield _report_file(file, f"report file {number}", header_rules)
        return
    columns: tuple[str, tuple[str, ...]] | None = None
    for row in read_rows(path):
        if isinstance(row, Rejection):
            yield row
            continue
        columns = columns or _columns(path, list(row.cells), key, texts)
        yield _report(row, columns, header_rules)


def _report_file(file: Path, place: str, header_rules: str) -> FoundReport | Rejection:
    try:
        with open_text(file) as stream:
            text = stream.read(limits.LONGEST_TEXT + 1)  # of a longer one, `prepare` tells
    except DataError as error:
        return Rejection(place, str(error).removeprefix(f"{file}: "))
    return FoundReport(file.stem, Report(text, header_rules=header_rules), place)


def _columns(
    path: Path, headers: list[str], key: str | None, texts: str | None
) -> tuple[str, tuple[str, ...]]:
    folded = {header.lower().replace(" ", "_"): header for header in reversed(headers)}
    folded |= {name.replace("_", ""): header for name, header in folded.items()}
    stated = [name.strip() for name in (texts or "").split(",") if name.strip()]
    for name in (*stated, *([key] if key else ())):
        if name not in headers:
            raise SourceError(f"{path}: no column '{name}': {nearest(name, headers)}")
    keys = [key] if key else [folded[name] for name in _spelled(_KEYS) if name in folded]
    chosen = stated or list(dict.fromkeys(folded[name] for name in _spelled(_TEXTS) if name in folded))
    if not keys or not chosen:
        what = "the study (option report_key)" if not keys else "the text (option report_text)"
        raise SourceError(f"{path}: which column holds {what}? {nearest('report', headers)}")
    return keys[0], tuple(chosen)


def _spelled(names: tuple[str, ...]) -> Iterator[str]:
    """The names with and without underscores, the first choice first."""
    for name in names:
        yield from dict.fromkeys((name, name.replace("_", "")))


def _report(row: Row, columns: tuple[str, tuple[str, ...]], header_rules: str) -> FoundReport | Rejection:
    key, texts = columns
    parts = [(header, row[header]) for header in texts if not is_blank(row[header])]
    if not row[key] or not parts:
        return Rejection(row.place, f"the row has no {key if not row[key] else 'text'}")
    return FoundReport(row[key], join_sections(parts, header_rules), row.place)


def join_sections(parts: Sequence[tuple[str, str]], header_rules: str) -> Report:
    """One report of (header, text) parts; a single column that names no section is parsed instead."""
    names = [section_of(header) for header, _ in parts]
    if len({header for header, _ in parts}) == 1 and names[0] == "other":
        return Report("\n\n".join(text.strip() for _, text in parts), header_rules=header_rules)
    return report_of(zip(names, (text for _, text in parts), strict=True), header_rules)
