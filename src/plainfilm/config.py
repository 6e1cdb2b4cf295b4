"""Strict settings: pydantic models that refuse unknown keys and suggest the nearest one.

`Settings` is the base of every `Config` in the project. `build` converts a plain dictionary (from YAML) to
one and translates pydantic's report into a single line with a remedy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from plainfilm.errors import ConfigError, nearest
from plainfilm.limited_yaml import parse_yaml

_UNION_TAG = re.compile(r"(literal|tuple|list|dict|nullable)\[.*\]|(constrained-)?(int|float|str)|bool|none")
"""Suffixes that pydantic adds to a key of several types, such as "literal['epoch']"."""

_LARGEST_YAML = 8 * 2**20
"""Bytes of a file."""
_RENAMED = "renamed_key"


class Settings(BaseModel):
    """Base of every configuration: immutable, unknown keys refused, defaults checked."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, protected_namespaces=())

    RENAMED: ClassVar[Mapping[str, str]] = {}
    """Keys of earlier versions and their present names, from the top of the file; refused with that name."""

    @model_validator(mode="before")
    @classmethod
    def _keys_are_present_ones(cls, values: Any) -> Any:
        for key in values if isinstance(values, Mapping) else ():
            if key in cls.RENAMED:
                raise PydanticCustomError(_RENAMED, "renamed", {"key": key, "now": cls.RENAMED[key]})
        return values

    @model_validator(mode="before")
    @classmethod
    def _truth_is_no_number(cls, values: Any) -> Any:
        """Refuse `true` for a number: pydantic would read it as 1."""
        for key, value in values.items() if isinstance(values, Mapping) else ():
            field = cls.model_fields.get(key)
            if isinstance(value, bool) and field and not _takes_truth(field.annotation):
                raise ValueError(f"'{key}' is {str(value).lower()}: it does not take true or false")
        return values


def _takes_truth(annotation: Any) -> bool:
    return annotation in (bool, Any) or any(_takes_truth(part) for part in get_args(annotation))


SettingsType = TypeVar("SettingsType", bound=Settings)


def build(kind: type[SettingsType], values: Mapping[str, Any], where: str) -> SettingsType:
    """Build a `kind` from `values`; `where` names the file or section in the error.

    Raises:
        ConfigError: an unknown key (with the nearest one), a missing key or an invalid value.
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigError(f"{where}: {_first_problem(kind, error)}") from None


def _first_problem(kind: type[BaseModel], error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    path = [str(part) for part in problem["loc"]]
    if len(path) > 1 and _UNION_TAG.fullmatch(path[-1]):
        del path[-1]
    if problem["type"] == _RENAMED:
        renamed = problem["ctx"]
        return f"unknown key '{'.'.join([*path, renamed['key']])}': it is '{renamed['now']}' now"
    if problem["type"] == "extra_forbidden":
        return f"unknown key '{'.'.join(path)}': {nearest(path[-1], _fields_at(kind, path[:-1]))}"
    if problem["type"] == "missing":
        return f"key '{'.'.join(path)}' is missing"
    message = problem["msg"].removeprefix("Value error, ")
    return f"'{'.'.join(path)}' is {problem['input']!r}: {message}" if path else message


def _fields_at(kind: type[BaseModel], path: Sequence[str]) -> list[str]:
    for part in path:
        field = kind.model_fields.get(part)
        inner = field.annotation if field else kind
        if get_origin(inner) is dict:
            inner = get_args(inner)[1]  # the next part of the path is a key of the mapping
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        kind = inner
    return [field.alias or name for name, field in kind.model_fields.items()]


@contextmanager
def naming(where: str) -> Iterator[None]:
    """While open, a `ConfigError` that does not begin with `where` is raised with it in front: settings that
    a validator checks by a `Config` of their own know their key, but not their file."""
    try:
        yield
    except ConfigError as error:
        is_named = str(error).startswith(where)
        raise ConfigError(str(error) if is_named else f"{where}: {error}") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        ConfigError: no such file, not YAML (with the line), beyond the limits, or not a mapping.
    """
    try:
        with path.open(encoding="utf-8") as stream:  # which may be a device, and have no end
            text = stream.read(_LARGEST_YAML + 1)
        loaded = parse_yaml(text) if len(text) <= _LARGEST_YAML else None
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not valid YAML ({error})") from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    if len(text) > _LARGEST_YAML:
        raise ConfigError(f"{path}: is larger than {_LARGEST_YAML >> 20} MB: not a file of settings")
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path}: expected a mapping of keys to values, found {type(loaded).__name__}")
    return loaded


def override(values: Mapping[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """A copy of nested `values` with dotted `key=value` assignments applied; values are parsed as YAML.

    >>> override({"training": {"epochs": 3}}, ["training.epochs=5"])
    {'training': {'epochs': 5}}
    """
    result = {key: dict(value) if isinstance(value, dict) else value for key, value in values.items()}
    for assignment in assignments:
        dotted, separator, text = assignment.partition("=")
        if not separator or not dotted:
            raise ConfigError(f"'{assignment}': write an override as key=value, e.g. training.epochs=5")
        try:
            value = parse_yaml(text) if text else None
        except ConfigError:
            raise ConfigError(
                f"'{assignment}': '{text}' is not a value (brackets and quotes must be paired)"
            ) from None
        _assign(result, dotted.split("."), value, assignment)
    return result


def _assign(target: dict[str, Any], path: Sequence[str], value: Any, assignment: str) -> None:
    for part in path[:-1]:
        inner = target.get(part)
        if inner is not None and not isinstance(inner, dict):
            raise ConfigError(f"'{assignment}': '{part}' has a value, not keys below it")
        target[part] = dict(inner or {})
        target = target[part]
    target[path[-1]] = value
