"""Studies on disk in one format: preparing, opening, describing, auditing and labelling them."""

from __future__ import annotations

from plainfilm.collection.audit import audit
from plainfilm.collection.collection import Collection
from plainfilm.collection.info import info
from plainfilm.collection.label import label_collection
from plainfilm.collection.leaks import check_patients_apart, patients_of, refuse_shared
from plainfilm.collection.prepare import prepare

__all__ = [
    "Collection",
    "audit",
    "check_patients_apart",
    "info",
    "label_collection",
    "patients_of",
    "prepare",
    "refuse_shared",
]
