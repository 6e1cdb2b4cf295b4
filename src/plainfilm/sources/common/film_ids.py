"""Ids of films, studies and patients from the paths of films: the one place where a path becomes an id."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable
from pathlib import Path

from plainfilm.io import paths
from plainfilm.io.archives import is_file
from plainfilm.sources.common.chexpert_tree import study_name

_ENDINGS = re.compile(
    r"\.(?:png|jpe?g|jpe|jfif|dcm|dicom|dic|ima|tiff?|bmp|gif|webp|jp2|j2k|jls|pgm|ppm|pnm|npy|nii)(?:\.gz)?$",
    re.IGNORECASE,
)
_MIMIC = re.compile(r"(?:^|[/\\])(p\d+)[/\\](s\d+)(?:[/\\]|$)")
_LONGEST_PATH = 4096


def without_ending(path: str) -> str:
    """A path without the ending of an image file. What else stands behind a dot belongs to the name.

    >>> without_ending("a/film.1.PNG"), without_ending("1.2.840.113619.5")
    ('a/film.1', '1.2.840.113619.5')
    """
    return _ENDINGS.sub("", path)


def film_name(path: str) -> str:
    """The name of a film's file without folders and ending; `/` and `\\` both part folders.

    >>> film_name("films/1.2.840.113619.5"), film_name("a\\\\b.png")
    ('1.2.840.113619.5', 'b')
    """
    return without_ending(re.split(r"[/\\]", path.rstrip("/\\"))[-1])


def film_ids(paths: Iterable[str]) -> dict[str, str]:
    """An id for each path: the file's name where all names differ, else the path without its ending, else it.

    Two spellings of one path (`a.png` and `./a.png`) share an id. Of absolute paths the part that all have in
    common is left out.
    """
    cells = list(dict.fromkeys(paths))
    whole = _relative({cell: posixpath.normpath(cell.replace("\\", "/")) for cell in cells})
    for shorten in (film_name, without_ending):
        ids = {cell: shorten(path) for cell, path in whole.items()}
        if len(set(ids.values())) == len(set(whole.values())):
            return ids
    return whole


def _relative(paths: dict[str, str]) -> dict[str, str]:
    absolute = {path for path in paths.values() if path.startswith("/")}
    common = os.path.commonpath([posixpath.dirname(path) for path in absolute]) if absolute else ""
    return {
        cell: posixpath.relpath(path, common) if path in absolute else path for cell, path in paths.items()
    }


def people_in(path: str) -> tuple[str, str] | None:
    """(patient, study) that a path names as MIMIC-CXR or CheXpert do, or `None`.

    >>> people_in("files/p10/p10000032/s50414267/a.jpg")
    ('p10000032', 's50414267')
    >>> people_in("CheXpert-v1.0/train/patient00002/study1/view1_frontal.jpg")
    ('patient00002', 'patient00002_study1')
    """
    found = _MIMIC.search(path)
    if found:
        return found[1], found[2]
    study = study_name(path.replace("\\", "/"))
    return (study.patient, str(study)) if study else None


def film_path(folder: Path, cell: str) -> Path:
    """Where a film lies that a cell names; on a path of Windows, `\\` parts folders where it must."""
    path = folder / cell
    return folder / cell.replace("\\", "/") if "\\" in cell and not is_there(path) else path


def is_there(path: Path) -> bool:
    """`archives.is_file`, and False for what can be no path."""
    try:
        return len(str(path)) <= _LONGEST_PATH and is_file(path)
    except (OSError, ValueError):
        return False


def leaves(folder: Path, name: str) -> bool:
    """Whether a name leads out of the folder it is relative to: by `..`, or by being absolute elsewhere."""
    root = os.path.normpath(paths.absolute(folder))
    target = os.path.normpath(paths.absolute(folder) / name.replace("\\", "/"))
    return os.path.commonpath([root, target]) != root or re.match(r"[A-Za-z]:", name) is not None
