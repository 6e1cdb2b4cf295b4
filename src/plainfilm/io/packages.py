"""Files that ship inside an installed package, named `package:NAME` or `package:NAME/path/inside`.

Some model weights install from the package index like any code. Naming them this way needs neither a
download nor a path of this machine in a recipe. The package is located, never imported.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from plainfilm.errors import ModelError
from plainfilm.io.folders import expanded

PREFIX = "package:"


def local_path(name: str) -> Path | None:
    """The file or folder `name` stands for on this machine, or `None` where it is a name to look up.

    Raises:
        ModelError: `package:` names a package that is not installed or a path it does not hold, or the
            name is plainly a path (starts with `/`, `.` or `~`) and nothing is there.
    """
    if name.startswith(PREFIX):
        return _inside_package(name)
    path = expanded(name)
    if path.exists():
        return path
    if name.startswith(("/", ".", "~")):
        raise ModelError(f"{name}: no such file or folder")
    return None


def _inside_package(name: str) -> Path:
    package, _, inside = name.removeprefix(PREFIX).partition("/")
    found = find_spec(package) if package.isidentifier() else None
    if found is None or not found.submodule_search_locations:
        hint = package.replace("_", "-")
        raise ModelError(f"{name}: package '{package}' is not installed; try: pip install {hint}")
    root = Path(found.submodule_search_locations[0])
    path = (root / inside).resolve()
    if not path.is_relative_to(root.resolve()) or not path.exists():
        raise ModelError(f"{name}: package '{package}' holds no '{inside}'")
    return path
