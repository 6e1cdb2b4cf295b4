"""Unique identifiers that follow from what they name, so that the same answer gives the same object."""

from __future__ import annotations

import json
import uuid

_NAMESPACE = uuid.UUID("6d5f1a52-7f0e-4d55-9a38-5b7b0c0f3f11")
"""The namespace of Plainfilm's name-based UUIDs (RFC 9562, version 5)."""


def derived_uid(*parts: object) -> str:
    """A DICOM UID of `parts`, which JSON can hold: a name-based UUID below 2.25 (PS3.5 B.2).

    >>> derived_uid("report", 1) == derived_uid("report", 1) != derived_uid("report", 2)
    True
    """
    name = json.dumps(parts, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    return f"2.25.{uuid.uuid5(_NAMESPACE, name).int}"
