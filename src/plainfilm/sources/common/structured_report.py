"""The text of a DICOM structured report: its TEXT items under the headings they stand in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from plainfilm.io.dicom.header import items, text
from plainfilm.text.structured import report_of, section_of
from plainfilm.types import Report


def report_of_dataset(dataset: Any) -> Report | None:
    """The report in a Basic Text, Enhanced or Comprehensive SR (PS3.3 A.35); `None` where it has no text.

    The heading of a container, or the name of the item itself, says which section it is. Names of persons,
    dates and codes are no text.
    """
    parts: dict[str, list[str]] = {}
    for section, words in _texts(dataset, "other"):
        parts.setdefault(section, []).append(words)
    report = report_of((name, "\n".join(texts)) for name, texts in parts.items())
    return report if report.text else None


def _texts(item: Any, section: str) -> Iterator[tuple[str, str]]:
    for inner in items(item, "ContentSequence"):
        heading = " ".join(text(code, "CodeMeaning") for code in items(inner, "ConceptNameCodeSequence"))
        named = section_of(heading)
        own = section if named == "other" else named
        if text(inner, "ValueType") == "TEXT" and text(inner, "TextValue"):
            yield own, text(inner, "TextValue")
        yield from _texts(inner, own)
