"""Records of the patients whose files are written, kept until the corpus is finished: none is made twice."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from plainfilm.errors import DataError
from plainfilm.io.tables import read_json, write_json
from plainfilm.phantom.truth import PatientTruth

_FOLDER = ".unfinished"


def keep(root: Path, number: int, patient: PatientTruth) -> None:
    """Note that all files of patient `number` of the corpus in `root` are written."""
    write_json(asdict(patient), _file(root, number))


def kept(root: Path, number: int) -> PatientTruth | None:
    """The record of patient `number`, if its files are written."""
    try:
        record: PatientTruth = _rebuilt(PatientTruth, read_json(_file(root, number)))
    except (DataError, KeyError, TypeError):  # none, or cut off by a loss of power
        return None
    return record


def forget(root: Path) -> None:
    """Remove all records: what follows may rename or remove files of patients."""
    shutil.rmtree(root / _FOLDER, ignore_errors=True)


def _file(root: Path, number: int) -> Path:
    return root / _FOLDER / f"{number // 1000:04d}" / f"{number:07d}.json"


def _rebuilt(kind: Any, value: Any) -> Any:
    """The value of the type `kind` that was written as JSON; whole numbers stay whole."""
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        found = {field.name: _rebuilt(hints[field.name], value[field.name]) for field in fields(kind)}
        return kind(**found)  # type: ignore[operator]
    if get_origin(kind) is tuple:
        return tuple(_rebuilt(each, one) for each, one in _pairs(get_args(kind), value))
    return value


def _pairs(kinds: tuple[Any, ...], values: list[Any]) -> Iterable[tuple[Any, Any]]:
    if kinds[1:] == (Ellipsis,):
        return [(kinds[0], value) for value in values]
    return zip(kinds, values, strict=True)
