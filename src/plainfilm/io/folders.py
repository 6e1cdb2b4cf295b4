"""Where a raw corpus already lies on this machine, as the environment says.

Whoever comes from ChEX has its variables set; they serve as the RAW of `plainfilm prepare SOURCE`. Names and
defaults are those of its settings: a variable per corpus, else a folder below MIMIC_CXR_BASE_DIR or DATA_DIR.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class _Place:
    """A corpus: its own variable, its folder below a base, that base, and its project on PhysioNet."""

    variable: str
    folder: str
    base: tuple[str, str] | None = None
    project: str | None = None


_MIMIC = ("MIMIC_CXR_BASE_DIR", "MIMIC-CXR")

_PLACES = {
    "mimic_cxr": _Place("MIMIC_CXR_JPG_DIR", "mimic-cxr-jpg_2-0-0", _MIMIC, "mimic-cxr-jpg"),
    "imagenome": _Place("CHEST_IMAGENOME_DIR", "chest-imagenome-dataset-1.0.0", _MIMIC, "chest-imagenome"),
    "ms_cxr": _Place("MS_CXR_DIR", "ms-cxr_0-1", _MIMIC, "ms-cxr"),
    "vindr_cxr": _Place("VINDR_CXR_DIR", "vindr-cxr", None, "vindr-cxr"),
    "nih14": _Place("CXR14_DIR", "CXR8"),
}
_REPORTS = _Place("MIMIC_CXR_REPORT_DIR", "mimic-cxr_2-0-0", _MIMIC, "mimic-cxr")
_WITH_REPORTS = ("mimic_cxr", "imagenome", "ms_cxr")


def default_raw(source: str, environment: Mapping[str, str] = os.environ) -> Path | None:
    """The raw folder of a source as the environment names it, or `None`.

    The folder in a corpus's own variable is returned even if it does not exist, so that a wrong one is
    reported; a default below a base only if it exists. A folder that wget filled is entered down to its
    release (`physionet.org/files/PROJECT/VERSION`).
    """
    place = _PLACES.get(source)
    return _folder(place, environment) if place else None


def default_options(source: str, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The options that go with `default_raw`: where MIMIC-CXR's reports lie, for those who read them."""
    reports = _folder(_REPORTS, environment) if source in _WITH_REPORTS else None
    return {"reports": str(reports)} if reports else {}


def variable_of(source: str) -> str | None:
    """The variable that names the raw folder of a source, for messages."""
    return _PLACES[source].variable if source in _PLACES else None


def expanded(path: Path | str) -> Path:
    """`path` with the home of the user in place of "~"; unchanged for a user without a home."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 (pathlib raises an error without a home)


def _folder(place: _Place, environment: Mapping[str, str]) -> Path | None:
    named = environment.get(place.variable)
    if named:
        return _release(expanded(named), place.project)
    base = expanded(environment.get("DATA_DIR") or "~/datasets")
    if place.base:
        variable, folder = place.base
        base = expanded(environment.get(variable) or base / folder)
    found = base / place.folder
    return _release(found, place.project) if found.is_dir() else None


def _release(root: Path, project: str | None) -> Path:
    """`root`, or the newest release that wget has put below it."""
    releases = sorted(root.glob(f"physionet.org/files/{project}/*/")) if project else []
    return releases[-1] if releases else root
