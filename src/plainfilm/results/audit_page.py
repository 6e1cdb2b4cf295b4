"""The page of an audit: its findings, with pictures of the images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from plainfilm.collection import Collection
from plainfilm.pages import FilmPicture, film_picture, render

MOST_ENTRIES = 50
"""Entries of each group on the page; the JSON document has all."""

_TITLES = {
    "leaks": (
        "Leaks",
        "A score on these collections would be too good: the same patient or film is on both sides.",
    ),
    "duplicates": ("Duplicates", "Films and reports that occur more than once."),
    "conflicts": ("Conflicts", "Labels on which two origins contradict each other."),
    "damage": (
        "Damage",
        "Files that are missing, or differ from what was written; scores on them mean nothing.",
    ),
    "warnings": ("Warnings", "To check before the collections are used or passed on."),
}


def audit_page(
    findings: Mapping[str, Sequence[Mapping[str, Any]]], collections: Mapping[str, Collection]
) -> str:
    """The findings of `collection.audit` as one HTML document without outside requests."""
    return render(
        "results/audit.html",
        title=f"Audit of {', '.join(collections)}",
        has_leaks=bool(findings["leaks"]),
        counts={kind: len(findings[kind]) for kind in _TITLES},
        parts=[
            {
                "title": title,
                "introduction": introduction,
                "count": len(findings[kind]),
                "groups": _groups(findings[kind], collections),
            }
            for kind, (title, introduction) in _TITLES.items()
        ],
    )


def _groups(
    entries: Sequence[Mapping[str, Any]], collections: Mapping[str, Collection]
) -> list[dict[str, Any]]:
    """Entries by kind of repeat, what is expected at the end; findings that are no repeats are one group."""
    kinds: dict[tuple[bool, str], list[Mapping[str, Any]]] = {}
    for entry in entries:
        kinds.setdefault((bool(entry.get("expected")), str(entry.get("repeat", ""))), []).append(entry)
    return [
        {
            "title": title[:1].upper() + title[1:],
            "is_expected": is_expected,
            "count": len(own),
            "entries": [_entry(entry, collections) for entry in own[:MOST_ENTRIES]],
            "more": max(0, len(own) - MOST_ENTRIES),
        }
        for (is_expected, title), own in sorted(kinds.items(), key=lambda one: one[0][0])
    ]


def _entry(entry: Mapping[str, Any], collections: Mapping[str, Collection]) -> dict[str, Any]:
    pictures = [
        (f"{name}: {image}", _picture(collections[name], image)) for name, image in entry.get("images", ())
    ]
    return {
        "kind": str(entry["kind"]),
        "summary": _summary(entry),
        "films": [(caption, picture) for caption, picture in pictures if picture is not None],
    }


def _summary(entry: Mapping[str, Any]) -> str:
    message = entry.get("message")
    hidden = ("kind", "n", "images", "message", "repeat", "expected")
    facts = [
        f"{name.replace('_', ' ')}: {_value(value)}" for name, value in entry.items() if name not in hidden
    ]
    return "; ".join([str(message or f"{entry['n']} in all"), *facts])


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _picture(collection: Collection, image_id: str) -> FilmPicture | None:
    """The picture of an image; `None` if the collection has no pixels of it."""
    images = collection.table("images")
    row = images["image_id"].to_pylist().index(image_id)
    path = images["path"][row].as_py()
    return None if path is None else film_picture(collection.image_path(path))
