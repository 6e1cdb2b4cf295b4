"""Reports with sections stated by the corpus: Open-i's XML, ReXrank's JSON, columns of a table.

The mapping of fields to sections is data (`header_rules.yaml` has the headers of running text).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from plainfilm.errors import DataError
from plainfilm.io.archives import read_bytes
from plainfilm.types import SECTIONS, Report, Section

_BETWEEN = "\n\n"


def section_of(header: str) -> str:
    """The section for the header of a field or column, in any case, or "other".

    >>> section_of("Report_Findings"), section_of("clinical history"), section_of("summary")
    ('findings', 'indication', 'other')
    """
    folded = header.lower()
    if "history" in folded:
        return "indication"
    return next((name for name in SECTIONS if name in folded), "other")


def report_of(parts: Iterable[tuple[str, str]], header_rules: str = "plain") -> Report:
    """One report from (section name, text) parts; blank parts are left out, and offsets are exact."""
    sections: list[Section] = []
    start = 0
    for name, text in parts:
        inner = text.strip()
        if inner:
            sections.append(Section(name, inner, start, start + len(inner)))
            start += len(inner) + len(_BETWEEN)
    text = _BETWEEN.join(section.text for section in sections)
    return Report(text, tuple(sections), header_rules)


def read_open_i(path: Path) -> Report:
    """The report in one of Open-i's XML files: its `AbstractText` elements, in their order.

    Raises:
        DataError: as `open_i_document`.
    """
    return open_i_report(open_i_document(Path(path)))


def open_i_document(path: Path) -> ElementTree.Element:
    """The root of one of Open-i's XML files, which may lie in an archive.

    Raises:
        DataError: not XML, or XML that declares a document type (which could expand without end).
    """
    try:
        data = read_bytes(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise DataError(f"{path}: declares a document type, which Open-i reports lack; not read")
    try:
        return ElementTree.fromstring(data)
    except (ElementTree.ParseError, LookupError, ValueError) as error:  # LookupError: of an unknown encoding
        raise DataError(f"{path}: not XML ({error})") from None


def open_i_report(root: ElementTree.Element) -> Report:
    """The report in one of Open-i's documents."""
    texts = root.iter("AbstractText")
    return report_of((section_of(text.get("Label", "")), "".join(text.itertext())) for text in texts)


def rexrank_report(entry: Mapping[str, Any], where: str) -> Report:
    """The report of one study of a ReXrank JSON file, from its text fields that name a section.

    An entry whose only such field is "report" is running text.

    Raises:
        DataError: there is no such field; `where` names the file and study.
    """
    texts = {name: value for name, value in entry.items() if isinstance(value, str)}
    stated = [(section_of(name), text) for name, text in texts.items() if section_of(name) != "other"]
    if stated:
        return report_of(stated)
    whole = next((text for name, text in texts.items() if name.lower() == "report"), None)
    if whole is None:
        fields = ", ".join(entry) or "none"
        raise DataError(f"{where}: no field names a section and none is 'report' (fields: {fields})")
    return Report(whole)
