"""A small manifest for tests: one importable model, one corpus, one evaluation."""

from __future__ import annotations

from typing import Any

from plainfilm.reproduce.manifest import Paper


def values(**changes: Any) -> dict[str, Any]:
    """The manifest's values, with `changes` to its only published value."""
    published = {
        "what": "recall at 10",
        "metric": "image->report/recall@10",
        "value": 50.0,
        "table": "Table 1",
        "source": "page",
    }
    published.update(changes)
    return {
        "title": "A paper",
        "citation": "Nobody, 2026.",
        "links": ["https://example.org/paper"],
        "about": "Retrieval of reports.",
        "sources": {"page": {"title": "a page", "address": "https://example.org/table"}},
        "models": {
            "first": {"family": "cxr-clip", "file": "first.tar", "origin": "https://example.org/first.tar"},
            "second": {
                "family": "cxr-clip",
                "file": "second.tar",
                "origin": "https://example.org/second.tar",
            },
        },
        "corpora": {"world": {"source": "table"}, "nih": {"source": "nih14"}},
        "evaluations": {
            "texts": {
                "title": "Reports of a world",
                "corpus": "world",
                "task": "retrieval",
                "options": {"bank_split": None, "resamples": 100, "directions": ["image->report"]},
                "values": [{key: one for key, one in published.items() if one is not None}],
            }
        },
    }


def made(**changes: Any) -> Paper:
    """The manifest, with `changes` to its only published value."""
    return Paper.model_validate(values(**changes))
