"""Files beside a model's weights with what was fitted to them afterwards, and holds for them alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from plainfilm.config import Settings, build
from plainfilm.errors import ConfigError, DataError, ModelError
from plainfilm.io.json_records import DIGEST, check_digest, read_values, write_record
from plainfilm.model_folder import writing_beside
from plainfilm.model_folder.shipped import check_changeable


class _Fitted(Protocol):
    """What such a file states at least."""

    format_version: int
    model_fingerprint: str


FittedType = TypeVar("FittedType", bound=Settings)


def write_fitted(folder: Path, name: str, fitted: Settings, what: str) -> Path:
    """Write `fitted` as file `name` of a model folder, replacing an earlier one; return the file.

    Raises:
        ModelError: not a model folder; the message has `what` it cannot hold.
        DataError: the file cannot be written.
        UsageError: another process is writing there, or the model comes with Plainfilm.
    """
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder}: not a model folder (no config.json), so it cannot hold {what}")
    check_changeable(folder)
    with writing_beside(folder):
        write_record(fitted.model_dump(mode="json"), folder / name)
    return folder / name


def read_fitted(path: Path, kind: type[FittedType], version: int, fingerprint: str, again: str) -> FittedType:
    """What a file states, checked to be for the weights with `fingerprint`.

    Raises:
        ModelError: the file is damaged, has another format version, or was made for other weights; the
            message ends with how to make it `again`.
    """
    try:
        raw: dict[str, Any] = read_values(path)
    except DataError as error:
        raise ModelError(f"{error}; {again}") from None
    if raw.get("format_version") != version:
        found = raw.get("format_version")
        raise ModelError(f"{path}: format {found}, but this version reads {version}; {again}")
    try:
        fitted = build(kind, {key: value for key, value in raw.items() if key != DIGEST}, str(path))
        check_digest(raw, path, fitted)
    except (ConfigError, DataError) as error:
        raise ModelError(f"{error}; {again}") from None
    stated = cast(_Fitted, fitted).model_fingerprint
    if stated != fingerprint:
        raise ModelError(
            f"{path}: was made for other weights ({stated}, here {fingerprint}); {again}, or delete it"
        )
    return fitted
