"""Studies on disk in one format: preparing, opening, describing, auditing and labelling them.

What describes, audits and labels is imported from its own module, so that processes that decode films start
without it.
"""

from __future__ import annotations

from plainfilm.collection.collection import Collection
from plainfilm.collection.leaks import check_patients_apart, patients_of, refuse_shared
from plainfilm.collection.prepare import prepare

__all__ = ["Collection", "check_patients_apart", "patients_of", "prepare", "refuse_shared"]
