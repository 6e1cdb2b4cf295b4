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

from pydantic import BaseModel, ConfigDict

from plainfilm.config import Settings, build
from plainfilm.errors import ConfigError, DataError, PlainfilmError
from plainfilm.io import paths
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
    write_json({**values, DIGEST: digest_of_values(values)}, path)


def read_values(path: Path) -> dict[str, Any]:
    """The keys and values of a JSON file, with its digest if it has one.

    Raises:
        DataError: no such file, not JSON, or a list or a single value.
    """
    if paths.is_file(path) and paths.stamp(path)[0] > LARGEST:
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
        check_digest(values, path, record)
    except (DataError, ConfigError) as problem:
        raise error(f"{problem}; {way_out}") from None
    return record


def check_record(values: Mapping[str, Any], kind: type[Record], path: Path) -> None:
    """Check that `values`, as read from `path`, are those of a record.

    Raises:
        DataError: a key is missing or has another kind of value.
    """
    try:
        build(kind, values, str(path))
    except ConfigError as error:
        raise DataError(str(error)) from None


def check_digest(values: Mapping[str, Any], path: Path, record: BaseModel | None = None) -> None:
    """Compare `values`, as read from `path`, with the digest among them; `record` is what was made of them.

    Raises:
        DataError: they differ; if `record` has a key that they lack, the message names it.
    """
    kept = {key: value for key, value in values.items() if key != DIGEST}
    if DIGEST not in values or values[DIGEST] == digest_of_values(kept):
        return
    absent = _absent(record.model_dump(mode="json"), kept) if record is not None else None
    what = f"its key '{DIGEST}' differs" if absent is None else f"key '{absent}' is missing"
    raise DataError(
        f"{path}: is not what was written ({what}): it is damaged, or was changed by hand (then remove "
        f"'{DIGEST}' from it)"
    )


def _absent(whole: Any, found: Any) -> str | None:
    """The first key of nested `whole` that `found` lacks."""
    if isinstance(whole, list) and isinstance(found, list):
        pairs = [(str(number), *both) for number, both in enumerate(zip(whole, found, strict=False))]
    elif isinstance(whole, dict) and isinstance(found, dict):
        missing = next((key for key in whole if key not in found), None)
        if missing is not None:
            return str(missing)
        pairs = [(key, value, found[key]) for key, value in whole.items()]
    else:
        return None
    for key, one, other in pairs:
        inner = _absent(one, other)
        if inner is not None:
            return f"{key}.{inner}"
    return None


def digest_of_values(values: Mapping[str, Any]) -> str:
    """The SHA-256 digest, in hexadecimal, of values that are JSON."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _kind(value: Any) -> str:
    return {list: "a list", str: "a text", type(None): "null", bool: "true or false"}.get(
        type(value), "a number"
    )
