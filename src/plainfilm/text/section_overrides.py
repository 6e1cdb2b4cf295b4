"""Studies whose sections a file states, because no header rule finds them.

A CSV file with the columns study_id, section, start and end. A row names either the one section to read, or
the characters of the report to read; a row with neither says that the study has nothing to read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from plainfilm.errors import DataError, nearest
from plainfilm.io.csv_files import find_header, open_csv, require_columns
from plainfilm.types import SECTIONS, Section

_COLUMNS = ("study_id", "section", "start", "end")


@dataclass(frozen=True)
class Override:
    """What to read of one study: the `section` of that name, the characters of `span`, or nothing."""

    section: str | None = None
    span: tuple[int, int] | None = None

    def apply(self, text: str, sections: Sequence[Section]) -> tuple[Section, ...]:
        """The sections to read of a report `text` that was cut into `sections`."""
        if self.section is not None:
            return tuple(section for section in sections if section.name == self.section)
        if self.span is None:
            return ()
        low, high = (min(place, len(text)) for place in self.span)
        inner = text[low:high].strip()
        start = text.index(inner, low) if inner else low
        return (Section("other", inner, start, start + len(inner)),) if inner else ()


def read_overrides(path: Path) -> dict[str, Override]:
    """The overrides in a file, by study id.

    Raises:
        DataError: a missing column, an unknown section, characters that are no numbers or run backwards, or
            a study that occurs twice; each names file, line and value.
    """
    found: dict[str, Override] = {}
    with open_csv(Path(path)) as reader:
        require_columns(path, reader.headers, _COLUMNS)
        columns = {name: find_header(path, name, reader.headers) for name in _COLUMNS}
        for row in reader:
            where = f"{path}: line {reader.first_line}"
            if len(row) > len(reader.headers):
                raise DataError(f"{where}: has {len(row)} cells, the header {len(reader.headers)}")
            stated = dict(zip(reader.headers, row, strict=False))
            cells = {name: stated.get(header or "", "").strip() for name, header in columns.items()}
            study = cells["study_id"]
            if not study or study in found:
                raise DataError(f"{where}: study_id '{study}' " + ("occurs twice" if study else "is blank"))
            found[study] = _override(cells, where)
    return found


def _override(cells: dict[str, str], where: str) -> Override:
    section, start, end = cells["section"], cells["start"], cells["end"]
    if section and (start or end):
        raise DataError(f"{where}: names section '{section}' and characters as well; leave one blank")
    if section and section not in SECTIONS:
        raise DataError(f"{where}: unknown section '{section}': {nearest(section, SECTIONS)}")
    if section or not (start or end):
        return Override(section or None)
    if not (start.isdecimal() and end.isdecimal() and int(start) <= int(end)):
        raise DataError(
            f"{where}: start '{start}' and end '{end}' are no characters from one place to a later"
        )
    return Override(span=(int(start), int(end)))
