"""Finds the module for a name: the only dynamic import in Plainfilm.

`use: infonce` in the objective part of a recipe means `objectives/infonce.py`: the folder is the list,
without a registry. A name with a dot is a module of the user (`mylab.losses`); a name that ends in `.py` is a
file of the user.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from plainfilm.errors import ConfigError, nearest

KINDS = {
    "source": "sources",
    "image encoder": "nn/image",
    "text encoder": "nn/text",
    "model": "models",
    "target": "batches/targets",
    "objective": "objectives",
    "evaluator": "evaluators",
    "task": "tasks",
    "phantom layout": "phantom/layouts",
    "interchange format": "interchange",
    "checkpoint family": "checkpoints",
}
"""The kinds of plugins, each with its folder."""

_PARTS = {
    "source": ("Config", "read"),
    "image encoder": ("Config", "build"),
    "text encoder": ("Config", "build"),
    "model": ("Config", "TINY", "PURPOSE", "LIMITS", "build"),
    "target": ("open_target", "example"),
    "objective": ("Config", "NEEDS", "build"),
    "evaluator": ("Config", "NEEDS", "metrics", "build"),
    "task": ("Config", "run"),
    "phantom layout": ("write_study", "write_tables", "expected"),
    "interchange format": ("Config", "write"),
    "checkpoint family": ("Config", "read"),
}
"""The names that a module of each kind must have; `docs/extending.md` explains them."""

_ROOT = Path(__file__).parent


def names(kind: str) -> list[str]:
    """The names for `kind` in recipes and commands, read from the folder without importing."""
    files = (_ROOT / KINDS[kind]).glob("*.py")
    return sorted(file.stem for file in files if file.stem not in ("__init__", "base"))


def is_foreign(name: str) -> bool:
    """Whether `name` stands for code outside Plainfilm: a file or a module of the user."""
    return name.endswith(".py") or "." in name


def foreign_code(values: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Every key in nested `values` that names a user's own code, with that name."""
    if isinstance(values, Mapping):
        for key, value in values.items():
            place = f"{where}.{key}" if where else str(key)
            if key == "use" and isinstance(value, str) and is_foreign(value):
                yield place, value
            elif key in ("auto_map", "trust_remote_code") and value:
                yield place, str(value)
            else:
                yield from foreign_code(value, place)
    elif isinstance(values, list | tuple):
        for number, value in enumerate(values):
            yield from foreign_code(value, f"{where}[{number}]")
    elif isinstance(values, str) and values.endswith(".py"):
        yield where, values


def resolve(kind: str, name: str) -> ModuleType:
    """The module that `name` stands for.

    Raises:
        ConfigError: no such name (with the nearest one), or a module of the user that cannot be imported.
    """
    if name in names(kind):
        return importlib.import_module(f"plainfilm.{KINDS[kind].replace('/', '.')}.{name}")
    if name.endswith(".py"):
        return _complete(kind, name, _from_file(kind, Path(name)))
    if "." in name:
        return _complete(kind, name, _from_module(kind, name))
    raise ConfigError(f"unknown {kind} '{name}': {nearest(name, names(kind))}")


def _complete(kind: str, name: str, module: ModuleType) -> ModuleType:
    missing = [part for part in _PARTS.get(kind, ()) if not hasattr(module, part)]
    if missing:
        raise ConfigError(f"{kind} '{name}': has no {missing[0]}; docs/extending.md lists what it needs")
    return module


def _from_module(kind: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ConfigError(f"{kind} '{name}': no module named {error.name} can be imported") from None


def _from_file(kind: str, path: Path) -> ModuleType:
    from plainfilm.seeding import stable_hash  # imports numpy, which listing names does not need

    if not path.is_file():
        raise ConfigError(f"{kind} '{path}': no such file")
    module_name = f"plainfilm_plugin_{path.stem}_{stable_hash(path.resolve()):x}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    specification = importlib.util.spec_from_file_location(module_name, path)
    if specification is None or specification.loader is None:
        raise ConfigError(f"{kind} '{path}': not a Python file")
    module = importlib.util.module_from_spec(specification)
    sys.modules[module_name] = module
    specification.loader.exec_module(module)
    return module
