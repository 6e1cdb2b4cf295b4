"""The folders of a download as they are listed, on disk or in an archive, and where in it a corpus begins."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from plainfilm.errors import DataError
from plainfilm.io import paths
from plainfilm.io.archives import files_below, split_path, stamp

_DEEPEST = 4
"""`wget -r` of PhysioNet makes physionet.org/files/PROJECT/VERSION."""
_PATIENTS_AND_STUDIES = re.compile(r"[ps]\d+")
_ZIP = ".zip"


def children(folder: Path) -> Sequence[str]:
    """The names of what lies directly in a folder, sorted; none where there is no such folder.

    A zip or plain tar archive is a folder too, and what is in it is listed once for each process.

    Raises:
        DataError: the folder or archive cannot be read.
    """
    inner = split_path(folder / "any")
    if inner is not None:
        archive, name = inner
        return _index(archive, *stamp(archive)).get(name.rpartition("/")[0], ())
    try:
        return paths.names_in(folder)
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror or error})") from None


def subfolders(folder: Path) -> list[Path]:
    """The folders that lie directly in a folder, zip archives among them, sorted."""
    if split_path(folder / "any") is not None:
        return [folder / name for name in children(folder) if children(folder / name)]
    archives = [path.name for path in paths.files_in(folder) if path.name.lower().endswith(_ZIP)]
    return [folder / name for name in sorted({*archives, *paths.folders_in(folder)})]


def find_folder(raw: Path, fits: Callable[[Path, Sequence[str]], bool]) -> Path | None:
    """The folder at or below `raw` that `fits` by its path and its names, or `None`.

    The shallowest is taken, of several the last by name, which is the newest release. Folders of MIMIC's
    patients and studies are not entered.
    """
    level = [raw]
    for _ in range(_DEEPEST + 1):
        fitting = [folder for folder in level if fits(folder, children(folder))]
        if fitting:
            return fitting[-1]
        below = (inner for folder in level for inner in subfolders(folder))
        level = [folder for folder in below if not _PATIENTS_AND_STUDIES.fullmatch(folder.name)]
    return None


@functools.lru_cache(maxsize=8)
def _index(archive: Path, size: int, changed_ns: int) -> dict[str, Sequence[str]]:
    """The names in every folder of an archive, by the folder's name; "" is the archive itself."""
    found: dict[str, set[str]] = {"": set()}
    start = len(archive.as_posix()) + 1
    for path in files_below(archive):
        name = path.as_posix()[start:]
        while name:
            folder, _, leaf = name.rpartition("/")
            names = found.setdefault(folder, set())
            if leaf in names:
                break
            names.add(leaf)
            name = folder
    return {folder: sorted(names) for folder, names in found.items()}
