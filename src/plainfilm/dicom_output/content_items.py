"""Content items of structured reports (PS3.3 C.17.3), read from any software's file without trusting it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from plainfilm.dicom_output.concepts import CodedName
from plainfilm.io.dicom.header import items, numbers, text

_CODE_VALUES = ("CodeValue", "LongCodeValue", "URNCodeValue")


def children(item: Any, value_type: str = "", *concepts: CodedName) -> Iterator[Any]:
    """The direct children of an item, in order; only those of a value type and of one of the concepts, where
    these are given."""
    for child in items(item, "ContentSequence"):
        is_typed = not value_type or text(child, "ValueType") == value_type
        if is_typed and (not concepts or any(is_named(child, concept) for concept in concepts)):
            yield child


def child(item: Any, value_type: str, *concepts: CodedName) -> Any:
    """The first of `children`, or `None`."""
    return next(children(item, value_type, *concepts), None)


def concept_of(item: Any, sequence: str = "ConceptNameCodeSequence") -> CodedName | None:
    """The name of an item, or with `ConceptCodeSequence` its coded value; `None` where there is none."""
    for one in items(item, sequence)[:1]:
        value = next(filter(None, (text(one, keyword) for keyword in _CODE_VALUES)), "")
        return CodedName(value, text(one, "CodingSchemeDesignator"), text(one, "CodeMeaning"))
    return None


def is_named(item: Any, concept: CodedName) -> bool:
    """Whether an item has this name; meanings may be in another language."""
    name = concept_of(item)
    return name is not None and (name.value, name.scheme) == (concept.value, concept.scheme)


def text_of(item: Any, *concepts: CodedName) -> str | None:
    """The words of the first TEXT child with one of these names, or `None`."""
    found = child(item, "TEXT", *concepts)
    return (text(found, "TextValue") or None) if found is not None else None


def number_of(item: Any, concept: CodedName) -> float | None:
    """The value of the first NUM child with this name, or `None`."""
    found = child(item, "NUM", concept)
    values = [
        number for one in items(found, "MeasuredValueSequence") for number in numbers(one, "NumericValue")
    ]
    return values[0] if values else None


def code_of(item: Any, *concepts: CodedName) -> CodedName | None:
    """The coded value of the first CODE child with one of these names, or `None`."""
    found = child(item, "CODE", *concepts)
    return concept_of(found, "ConceptCodeSequence") if found is not None else None
