"""Collections: studies on disk in one format, with functions to prepare, open, describe, audit and label.

The functions that describe, audit and label are imported from their own modules, so that processes that
decode images start without them.
"""

from __future__ import annotations

from plainfilm.collection.collection import Collection
from plainfilm.collection.leaks import check_patients_apart, patients_of, refuse_shared
from plainfilm.collection.prepare import prepare

__all__ = ["Collection", "check_patients_apart", "patients_of", "prepare", "refuse_shared"]
