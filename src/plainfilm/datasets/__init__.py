"""Collections from Python: tables as frames, films and studies as data sets for a PyTorch `DataLoader`."""

from __future__ import annotations

from plainfilm.datasets.collate import collate
from plainfilm.datasets.films import FilmRecord, Films
from plainfilm.datasets.opened import OpenCollection, open_collection
from plainfilm.datasets.studies import Studies, StudyRecord

__all__ = [
    "FilmRecord",
    "Films",
    "OpenCollection",
    "Studies",
    "StudyRecord",
    "collate",
    "open_collection",
]
