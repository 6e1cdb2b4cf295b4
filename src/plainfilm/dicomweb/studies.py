"""Studies that an archive lists, from answers in the DICOM JSON format (PS3.18 annex F)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_STUDY, _DATE, _DESCRIPTION = "0020000D", "00080020", "00081030"
_PATIENT_ID, _PATIENT_NAME = "00100020", "00100010"
_MODALITIES, _OBJECTS = "00080061", "00201208"
FIELDS = ("StudyDescription", "ModalitiesInStudy", "NumberOfStudyRelatedInstances")
"""What is asked for beside what an archive always says."""
_LONGEST = 200


@dataclass(frozen=True)
class ListedStudy:
    """A study as an archive lists it; "" where it does not say.

    study: its UID. date: YYYYMMDD. objects: how many it has.
    """

    study: str
    date: str
    description: str
    patient_id: str
    patient_name: str
    modalities: tuple[str, ...]
    objects: int | None


def listed_study(found: Mapping[str, Any]) -> ListedStudy | None:
    """The study in an answer; `None` where it has no UID."""
    study = _text(found, _STUDY)
    if not study:
        return None
    stated = _text(found, _OBJECTS)
    return ListedStudy(
        study,
        _text(found, _DATE),
        _text(found, _DESCRIPTION),
        _text(found, _PATIENT_ID),
        _text(found, _PATIENT_NAME),
        tuple(_value(one) for one in _values(found, _MODALITIES)),
        int(stated) if stated.isdecimal() else None,
    )


def _values(found: Mapping[str, Any], tag: str) -> list[Any]:
    element = found.get(tag)
    values = element.get("Value") if isinstance(element, Mapping) else None
    return values if isinstance(values, list) else []


def _text(found: Mapping[str, Any], tag: str) -> str:
    return next((_value(one) for one in _values(found, tag)), "")


def _value(one: Any) -> str:
    """A value as text; a name has up to three spellings, of which the first that is there is taken."""
    if isinstance(one, Mapping):
        spellings = (one.get(kind) for kind in ("Alphabetic", "Ideographic", "Phonetic"))
        one = next((spelling for spelling in spellings if spelling), "")
        one = str(one).replace("^", " ").strip()
    return "" if one is None else str(one)[:_LONGEST]
