"""Which column of a table plays which role: as the user says, or by usual headers in any spelling."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from plainfilm.errors import SourceError, nearest
from plainfilm.io.csv_files import find_header, folded_header

logger = logging.getLogger(__name__)

USUAL_HEADERS = {
    "image": ("image", "path", "image_path", "filepath", "file", "filename"),
    "image_id": ("image_id", "dicom_id"),
    "text": ("text", "report", "report_text"),
    "labels": ("labels",),
    "patient": ("patient_id", "subject_id", "patient"),
    "study": ("study_id", "study"),
    "view": ("view", "ViewPosition", "view_position"),
    "split": ("split",),
    "age": ("age",),
    "sex": ("sex", "gender"),
    "licence": ("licence", "license"),
    "order": ("order", "study_date"),
}
"""Every role, and the headers taken for it where no columns are stated, in any case, with any signs."""

_SECTIONS = ("findings", "impression")
"""Headers of text where none is that of a whole report."""

_SEVERAL = ("text", "labels")
_ASKED_ABOUT = ("image", "text", "patient", "study")
"""Roles without which films, reports or people are lost: a header that is nearly usual is asked about."""
_NEARLY = 0.85


def headers_of_roles(headers: Sequence[str], file: Path, stated: Mapping[str, str]) -> dict[str, list[str]]:
    """The headers that play each role: those `stated` by role, or the usual ones.

    Raises:
        SourceError: a stated header is not there, nothing plays image or text, or a header is nearly a usual
            one of a role that no other plays.
    """
    if stated:
        roles = {role: _named(named, role, headers, file) for role, named in sorted(stated.items())}
    else:
        roles = {role: [found] for role in USUAL_HEADERS if (found := _usual(role, headers, file))}
        sections = [found for name in _SECTIONS if (found := find_header(file, name, headers))]
        roles |= {"text": sections} if sections and "text" not in roles else {}
        _ask_about_near_ones(headers, file, roles)
        _tell_what_is_not_read(headers, file, roles)
    if "image" not in roles and "text" not in roles:
        raise SourceError(
            f"{file}: no column plays the role image or text; "
            f"say --column image=HEADER or --column text=HEADER ({nearest('path', headers)})"
        )
    return roles


def _usual(role: str, headers: Sequence[str], file: Path) -> str | None:
    exact = next((name for name in USUAL_HEADERS[role] if name in headers), None)
    found = (find_header(file, name, headers) for name in USUAL_HEADERS[role])
    return exact or next(filter(None, found), None)


def _ask_about_near_ones(headers: Sequence[str], file: Path, roles: Mapping[str, Sequence[str]]) -> None:
    taken = {header for names in roles.values() for header in names}
    for role in (role for role in _ASKED_ABOUT if role not in roles):
        usual = [folded_header(name) for name in USUAL_HEADERS[role]]
        for header in headers:
            near = difflib.get_close_matches(folded_header(header), usual, n=1, cutoff=_NEARLY)
            if near and header not in taken:
                raise SourceError(
                    f"{file}: is column '{header}' the {role}? Say --column {role}={header} (and name "
                    "the other columns too), or rename it"
                )


def _tell_what_is_not_read(headers: Sequence[str], file: Path, roles: Mapping[str, Sequence[str]]) -> None:
    taken = {header for names in roles.values() for header in names}
    others = [header for header in headers if header not in taken]
    if others and ("image" in roles or "text" in roles):
        logger.warning("%s: columns that are not read: %s (--column ROLE=HEADER)", file, ", ".join(others))


def _named(named: str, role: str, headers: Sequence[str], file: Path) -> list[str]:
    whole = find_header(file, named, headers)
    if whole is not None:
        return [whole]
    found = []
    for name in (part.strip() for part in (named.split(",") if role in _SEVERAL else [named])):
        header = find_header(file, name, headers)
        if header is None:
            raise SourceError(f"{file}: no column '{name}' (role {role}): {nearest(name, headers)}")
        found.append(header)
    return found
