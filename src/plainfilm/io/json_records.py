"""JSON files that Plainfilm writes for itself: what each must hold, and a digest that shows a change.

`write_record` adds the SHA-256 digest of the values under `sha256`. `check_digest` compares it; files of
earlier versions have none, and whoever changes such a file removes the key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ConfigDict

from plainfilm.config import Settings, build
from plainfilm.errors import ConfigError, DataError, PlainfilmError
from plainfilm.io.tables import read_json, write_json

DIGEST = "sha256"
LARGEST = 256 * 2**20
"""Bytes of the largest file that is read as a record."""


class Record(Settings):
    """Base of what a stored JSON file must hold; keys of later versions are kept."""

    model_config = ConfigDict(extra="allow")


RecordType = TypeVar("RecordType", bound=Record)


def write_record(values: Mapping[str, Any], path: Path) -> None:
    """Write `values` with their digest, atomically.

    Raises:
        DataError: a value is not JSON, or the file cannot be written.
    """
    write_json({**values, DIGEST: _digest(values)}, path)


def read_values(path: Path) -> dict[str, Any]:
    """The keys and values of a JSON file, with its digest if it has one.

    Raises:
        DataError: no such file, not JSON, or a list or a single value.
    """
    if path.is_file() and path.stat().st_size > LARGEST:
        raise DataError(f"{path}: is larger than {LARGEST >> 20} MB, so nothing that Plainfilm writes")
    values = read_json(path)
    if not isinstance(values, dict):
        raise DataError(f"{path}: holds {_kind(values)} where keys and values belong")
    return values


def read_record(path: Path, kind: type[RecordType], error: type[PlainfilmError], way_out: str) -> RecordType:
    """The record in a JSON file, checked for its keys and then against its digest.

    Raises:
        error: no such file, not JSON, a missing key or another kind of value, or a digest that differs; the
            message ends with `way_out`.
    """
    try:
        values = read_values(path)
        record = build(kind, values, str(path))
        check_digest(values, path)
    except (DataError, ConfigError) as problem:
        raise error(f"{problem}; {way_out}") from None
    return record


def check_digest(values: Mapping[str, Any], path: Path) -> None:
    """Compare `values`, as read from `path`, with the digest among them.

    Raises:
        DataError: they differ.
    """
    kept = {key: value for key, value in values.items() if key != DIGEST}
    if DIGEST in values and values[DIGEST] != _digest(kept):
        raise DataError(
            f"{path}: is not what was written (its key '{DIGEST}' differs): it is damaged, or was changed by "
            f"hand (then remove '{DIGEST}' from it)"
        )


def _digest(values: Mapping[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _kind(value: Any) -> str:
    return {list: "a list", str: "a text", type(None): "null", bool: "true or false"}.get(
        type(value), "a number"
    )
