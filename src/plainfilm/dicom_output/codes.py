"""Coded concepts (PS3.3 8.8) of what a box or a film shows: observations, regions, free phrases."""

from __future__ import annotations

import functools
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from plainfilm.dicom_output.concepts import DESCRIBED_REGION, PRIVATE, CodedName

_VALUE_CHARACTERS, _MEANING_CHARACTERS = 16, 64
_SIDES = {"left": ("7771000", "Left"), "right": ("24028007", "Right"), "bilateral": ("51440002", "Bilateral")}


@dataclass(frozen=True)
class Subject:
    """What a name speaks of: a finding, and where it is, as far as the name says so."""

    finding: CodedName
    site: CodedName | None = None
    side: CodedName | None = None


def subject_of(name: str | None) -> Subject:
    """The coded subject of a phrase or of the name of an observation or region.

    A name that begins or ends with a side ("left lung", "pleural effusion, right") is looked up without it.
    """
    if name is None:
        return Subject(DESCRIBED_REGION)
    observations, regions, sites = _table()
    bare, side = _without_side(name)
    if bare in observations:
        finding, site = observations[bare]
        return Subject(finding, sites.get(site), side)
    if bare in regions:
        return Subject(DESCRIBED_REGION, regions[bare], side)
    return Subject(private_code(name), None, side)


def kind_of(name: str | None) -> Literal["observation", "region", "phrase"]:
    """What a name is, as boxes of a collection say it."""
    observations, regions, _ = _table()
    bare = _without_side(name or "")[0]
    return "observation" if bare in observations else "region" if bare in regions else "phrase"


def private_code(name: str) -> CodedName:
    """The name itself as a code of our private scheme, the same on every machine."""
    digest = hashlib.sha256(_folded(name).encode()).hexdigest()
    return CodedName(
        f"N{digest[: _VALUE_CHARACTERS - 1]}".upper(), PRIVATE, shortened(name, _MEANING_CHARACTERS)
    )


def shortened(words: str, characters: int) -> str:
    """Words on one line of at most so many characters, without the backslash, which separates values."""
    line = " ".join(words.replace("\\", "/").split())
    return line if len(line) <= characters else f"{line[: characters - 3]}..."


def _folded(name: str) -> str:
    return " ".join(re.sub(r"[_\s,]+", " ", name).casefold().split()).rstrip(".")


def _without_side(name: str) -> tuple[str, CodedName | None]:
    words = _folded(name).split()
    if _folded(name) in _table()[1]:  # "right atrium" is a place of its own
        return _folded(name), None
    for place in (0, -1):
        if len(words) > 1 and words[place] in _SIDES:
            code, meaning = _SIDES[words[place]]
            return " ".join(words[1:] if place == 0 else words[:-1]), CodedName(code, "SCT", meaning)
    return " ".join(words), None


@functools.cache
def _table() -> tuple[dict[str, tuple[CodedName, str]], dict[str, CodedName], dict[str, CodedName]]:
    table: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))
    sites = {name: CodedName(*row) for name, row in table["sites"].items()}
    observations = {
        _folded(name): (CodedName(*row["code"]), row.get("site", ""))
        for row in table["observations"]
        for name in row["names"]
    }
    regions = {_folded(name): CodedName(*row["code"]) for row in table["regions"] for name in row["names"]}
    return observations, regions, sites
