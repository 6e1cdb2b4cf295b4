"""Finds the file a name stands for. The only dynamic import in Plainfilm.

`use: infonce` in the objective part of a recipe means `objectives/infonce.py`: the folder is the list,
there is no registry to edit. A name with a dot is a module of the user's own (`mylab.losses`); a name
that ends in `.py` is a file of the user's own.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

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
"""What can be added as one file, and the folder it goes to."""

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
"""What a module of a kind must have; `docs/extending.md` explains them."""

_ROOT = Path(__file__).parent


def names(kind: str) -> list[str]:
    """The names a recipe or command may use for `kind`, read from the folder without importing."""
    files = (_ROOT / KINDS[kind]).glob("*.py")
    return sorted(file.stem for file in files if file.stem not in ("__init__", "base"))


def is_foreign(name: str) -> bool:
    """Whether `name` stands for code that does not come with Plainfilm: a file, or a module of the user's."""
    return name.endswith(".py") or "." in name


def resolve(kind: str, name: str) -> ModuleType:
    """The module that `name` stands for.

    Raises:
        ConfigError: no such name (with the nearest one), or a module of the user's that does not import.
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
        raise ConfigError(f"{kind} '{name}': has no {missing[0]}; docs/extending.md says what it needs")
    return module


def _from_module(kind: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ConfigError(f"{kind} '{name}': no module named {error.name} can be imported") from None


def _from_file(kind: str, path: Path) -> ModuleType:
    from plainfilm.seeding import stable_hash  # brings numpy, which naming what there is does without

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
