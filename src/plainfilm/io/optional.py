"""Packages that not every installation has: imported here, and where one is missing, what to install.

The command names the packages themselves, as the extra of this distribution lists them. So it works for a
checkout, a wheel and an installation from an index alike.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import re
from typing import Any

from plainfilm.errors import MissingDependency

_DISTRIBUTION = "plainfilm"
_OF_EXTRA = re.compile(r"(?P<requirement>[^;]+);.*\bextra\s*==\s*[\"'](?P<extra>[\w-]+)[\"']")


def optional_import(module: str, extra: str, purpose: str) -> Any:
    """The module called `module`, which the extra `extra` installs; `purpose` begins the message without it.

    Raises:
        MissingDependency: it is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise missing(error.name or module, extra, purpose) from None


def missing(package: str, extra: str, purpose: str) -> MissingDependency:
    """The error for a package that is not installed."""
    return MissingDependency(f"{purpose} needs {package}, which is not installed: {install_command(extra)}")


def install_command(extra: str) -> str:
    """What a person types to install the packages of an extra."""
    try:
        required = importlib.metadata.requires(_DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:  # the source is used without being installed
        required = []
    found = [match for match in map(_OF_EXTRA.fullmatch, required) if match and match["extra"] == extra]
    if not found:
        return f"see the extra '{extra}' in pyproject.toml"
    return " ".join(["pip install", *(f"'{match['requirement'].strip()}'" for match in found)])
