"""Tells a phantom corpus from a real one: only the former has the truth beside its files."""

from __future__ import annotations

from pathlib import Path

from plainfilm.io import paths

TRUTH = "truth"
"""The folder of the truth, which is no part of any published layout (see `phantom.truth_tables`)."""


def is_phantom_corpus(raw: Path) -> bool:
    """Whether `raw`, the folder of a corpus or its table, was written by `phantom.write`."""
    folder = raw if paths.is_folder(raw) else raw.parent
    return paths.is_file(folder / TRUTH / "films.parquet")
