"""What a DICOM header says of modality, body part and species: is it a radiograph of a human chest?

A file is doubted only where the header speaks up. A header that says nothing, or names the chest anywhere,
is believed; one that names the chest and another part is kept with a flag. Reasons quote the list's word and
the name of the element, never the element's text, which may hold more than a body part.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from pathlib import Path
from typing import Any

import yaml

from plainfilm.io.deidentify import kept_header
from plainfilm.io.dicom.header import items, text
from plainfilm.io.optional import optional_import

RADIOGRAPHS = ("CR", "DX", "DR", "RG", "XR", "OT", "SC")
"""Modalities that may be a plain film; a file that states none is given the benefit of the doubt."""

OURS = "Plainfilm"
"""The manufacturer of the pictures that Plainfilm makes of films with their results."""
_STORAGE = ("Computed Radiography", "Digital X-Ray", "Secondary Capture", "Multi-frame", "Hardcopy")
"""How the names of the storage classes begin that a film may come in."""
_PARTS = (
    *("BodyPartExamined", "StudyDescription", "SeriesDescription", "ProtocolName"),
    *("AcquisitionDeviceProcessingDescription", "PerformedProcedureStepDescription"),
    *("RequestedProcedureDescription", "AnatomicRegionSequence"),
)
_SPECIES = ("PatientSpeciesDescription", "PatientSpeciesCodeSequence")
_PLACES = ("InstitutionName", "InstitutionalDepartmentName")
_HUMAN = ("homo sapiens", "human", "mensch", "humain", "humano", "umano", "337915000", "l 85b00", "9606")
_STROKES = str.maketrans("łøđı", "lodi")
_NO_SPACES = re.compile(r"[\u0590-\u0fff\u1100-\u11ff\u3040-\u9fff\uac00-\ud7af]")


def doubts(dataset: Any) -> tuple[str | None, tuple[str, ...]]:
    """Why the header says that this is no chest radiograph (or `None`), and flags on what is merely odd."""
    if text(dataset, "Manufacturer") == OURS:
        return f"was made by {OURS} from a film, and is none", ()
    reason = _other_modality(dataset) or _animal(dataset)
    if reason:
        return reason, ()
    chest, other = _parts(dataset)
    if other and not chest:
        return f"{other}, not of the chest", ()
    flags: tuple[str, ...] = (f"{other}, and of the chest as well",) if other else ()
    if text(dataset, "PresentationIntentType").upper() == "FOR PROCESSING":
        flags += ("raw detector values (FOR PROCESSING), not meant to be looked at",)
    return None, flags


def _other_modality(dataset: Any) -> str | None:
    modality = text(dataset, "Modality").upper()
    if modality and modality not in RADIOGRAPHS:
        stated = f"is '{modality}'" if "Modality" in kept_header(dataset) else "is none that DICOM knows"
        return f"modality {stated}, not a radiograph ({', '.join(RADIOGRAPHS)})"
    if "LOCALIZER" in text(dataset, "ImageType").upper():
        return "image type is LOCALIZER, the scout view of a scanner and no radiograph"
    name = optional_import("pydicom.uid", "dicom", "DICOM").UID(text(dataset, "SOPClassUID")).name
    if "Storage" in name and not name.startswith(_STORAGE):
        return f"its class is '{name}', not a radiograph"
    return None


def _animal(dataset: Any) -> str | None:
    for keyword in _SPECIES:
        stated = _plain(_words_of(dataset, keyword))
        if stated and not any(f" {human} " in f" {stated} " for human in _HUMAN):
            return f"{keyword} is not human"
    if text(dataset, "ResponsiblePersonRole").upper() == "OWNER":
        return "ResponsiblePersonRole is OWNER, so the patient is an animal"
    speaking = (
        f"{keyword} speaks of an animal ('{word}')"
        for keywords, wanted in ((_PARTS, "animal"), (_PLACES, "animal place"))
        for keyword in keywords
        for kind, word in _mentions(_words_of(dataset, keyword), wanted == "animal place")
        if kind == wanted
    )
    return next(speaking, None)


def _parts(dataset: Any) -> tuple[bool, str | None]:
    """Whether anything speaks of the chest, and what speaks of another part first."""
    chest, other = False, None
    for keyword in _PARTS:
        said = _mentions(_words_of(dataset, keyword))
        chest |= any(kind == "chest" for kind, _ in said)
        word = next((word for kind, word in said if kind == "other"), None)
        if word and other is None:
            other = f"{keyword} speaks of another part of the body ('{word}')"
    return chest, other


def _words_of(dataset: Any, keyword: str) -> str:
    """The text of an element, or the meanings and values of the codes of a sequence."""
    codes = items(dataset, keyword)
    if not keyword.endswith("Sequence"):
        return text(dataset, keyword)
    return " ".join(f"{text(code, 'CodeMeaning')} {text(code, 'CodeValue')}" for code in codes)


def _plain(words: str) -> str:
    """Lower case, without accents, one space for everything between words."""
    folded = unicodedata.normalize("NFKD", words.casefold()).translate(_STROKES)
    bare = "".join(letter for letter in folded if not unicodedata.combining(letter))
    return " ".join(re.findall(r"[^\W_]+", bare))


@functools.lru_cache(maxsize=4096)
def _mentions(words: str, is_place: bool = False) -> tuple[tuple[str, str], ...]:
    """(kind, phrase) of everything on the lists that `words` speak of, in order."""
    if not words:
        return ()
    pattern, kinds = _lists(is_place)
    return tuple((kinds[found.lastindex or 0], found.group()) for found in pattern.finditer(_plain(words)))


@functools.cache
def _lists(is_place: bool) -> tuple[re.Pattern[str], dict[int, str]]:
    """All phrases about bodies, or about places, as one expression, and the kind of each of its groups."""
    lists = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))
    phrases = {
        _plain(phrase) + "*" * phrase.endswith("*"): kind
        for kind, rows in lists.items()
        for row in rows
        for phrase in row
        if kind.endswith("place") == is_place
    }
    longest_first = sorted(phrases, key=len, reverse=True)
    pattern = re.compile("|".join(f"({_expression(phrase)})" for phrase in longest_first))
    return pattern, {number: phrases[phrase] for number, phrase in enumerate(longest_first, 1)}


def _expression(phrase: str) -> str:
    if _NO_SPACES.search(phrase):
        return re.escape(phrase.removesuffix("*"))
    ending = r"\w*" if phrase.endswith("*") else r"(?!\w)"
    return rf"(?<!\w){re.escape(phrase.removesuffix('*'))}{ending}"
