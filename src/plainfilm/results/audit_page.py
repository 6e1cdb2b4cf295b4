"""The page of an audit: what was found, with the pictures of the films it was found on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from plainfilm.collection import Collection
from plainfilm.errors import ImageError
from plainfilm.results.page import document, film_picture

MOST_ENTRIES = 50
"""Entries of each kind that are shown; the JSON document has all."""

_TITLES = {
    "leaks": (
        "Leaks",
        "A score on these collections would flatter: the same patient or film is on both sides.",
    ),
    "duplicates": ("Duplicates", "Films and reports that occur more than once; normal reports repeat."),
    "conflicts": ("Conflicts", "Labels on which two origins contradict each other."),
    "warnings": ("Warnings", "Worth a look before the collections are used or passed on."),
}


def audit_page(
    found: Mapping[str, Sequence[Mapping[str, Any]]], collections: Mapping[str, Collection]
) -> str:
    """What `collection.audit` found as one HTML document without any outside request."""
    names = ", ".join(collections)
    parts = [
        f"<h1>Audit of {escape(names)}</h1>",
        f'<p class="facts">{_verdict(found)}</p>',
        *(_part(kind, found[kind], collections) for kind in _TITLES),
    ]
    return document(f"Audit of {names}", "\n".join(parts))


def _verdict(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    counts = " · ".join(f"<b>{len(found[kind])}</b> {kind}" for kind in _TITLES)
    return counts if found["leaks"] else f"No leak was found. {counts}"


def _part(kind: str, entries: Sequence[Mapping[str, Any]], collections: Mapping[str, Collection]) -> str:
    title, explained = _TITLES[kind]
    heading = f"<h2>{title}: {len(entries)}</h2>"
    if not entries:
        return f"{heading}<p>None.</p>"
    shown = "".join(_entry(entry, collections) for entry in entries[:MOST_ENTRIES])
    more = len(entries) - MOST_ENTRIES
    rest = f"<p>{more} more are in the JSON document.</p>" if more > 0 else ""
    return f"{heading}<p>{explained}</p>{shown}{rest}"


def _entry(entry: Mapping[str, Any], collections: Mapping[str, Collection]) -> str:
    pictures = "".join(_picture(collections[name], image) for name, image in entry.get("images", ()))
    row = f'<div class="films">{pictures}</div>' if pictures else ""
    return f'<article class="found"><h3>{escape(str(entry["kind"]))}</h3><p>{_said(entry)}</p>{row}</article>'


def _said(entry: Mapping[str, Any]) -> str:
    message = entry.get("message")
    hidden = ("kind", "n", "images", "message")
    facts = [
        f"{name.replace('_', ' ')}: {_value(value)}" for name, value in entry.items() if name not in hidden
    ]
    return escape("; ".join([str(message or f"{entry['n']} in all"), *facts]))


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _picture(collection: Collection, image_id: str) -> str:
    images = collection.table("images")
    row = images["image_id"].to_pylist().index(image_id)
    path = images["path"][row].as_py()
    if path is None:
        return ""
    try:
        drawn = film_picture(str(collection.image_path(path)), image_id)
    except ImageError:
        drawn = '<p class="none">cannot be opened</p>'
    return f"<figure>{drawn}<figcaption>{escape(f'{collection.name}: {image_id}')}</figcaption></figure>"
