"""Ids of films, studies and patients from the paths of films: the one place where a path becomes an id."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from plainfilm.io import paths
from plainfilm.io.archives import is_file
from plainfilm.io.scratch import Scratch, packed, unpacked
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


class FilmIds(Mapping[str, str]):
    """An id for each path: the file's name where all names differ, else the path without its ending, else it.

    Two spellings of one path (`a.png` and `./a.png`) share an id. Of absolute paths the part that all have in
    common is left out. The paths are kept on disk.
    """

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self._scratch = Scratch("CREATE TABLE cells (place INTEGER PRIMARY KEY, cell BLOB UNIQUE)")
        self._count = 0
        self._common: str | None = None
        self._shorten: Callable[[str], str] | None = None
        for path in paths:
            self.add(path)

    def add(self, cell: str) -> None:
        """Add a path; the ids of all that were added before may change."""
        if self._scratch.execute("INSERT OR IGNORE INTO cells (cell) VALUES (?)", (packed(cell),)).rowcount:
            self._count += 1
            path, self._shorten = _plain(cell), None
            if path.startswith("/"):
                folder = posixpath.dirname(path)
                self._common = folder if self._common is None else os.path.commonpath([self._common, folder])

    def __getitem__(self, cell: str) -> str:
        self._shorten = self._shorten or self._shortest()
        return self._shorten(_whole(cell, self._common))

    def __iter__(self) -> Iterator[str]:
        return (unpacked(cell) for (cell,) in self._scratch.rows("SELECT cell FROM cells ORDER BY place"))

    def __len__(self) -> int:
        return self._count

    def _shortest(self) -> Callable[[str], str]:
        """The function from whole paths to ids that makes the shortest ones that differ."""
        count = self._distinct(str)
        return next((one for one in (film_name, without_ending) if self._distinct(one) == count), str)

    def _distinct(self, shorten: Callable[[str], str]) -> int:
        """The number of ids that `shorten` makes."""
        common, name = self._common, f"{shorten.__name__}_{self._count}"
        self._scratch.use(name, lambda cell: packed(shorten(_whole(unpacked(cell), common))))
        return int(self._scratch.value(f"SELECT COUNT(DISTINCT {name}(cell)) FROM cells"))


def _whole(cell: str, common: str | None) -> str:
    """A path in its one spelling, relative to the folder that absolute paths have in common."""
    path = _plain(cell)
    return posixpath.relpath(path, common) if path.startswith("/") and common else path


def _plain(cell: str) -> str:
    return posixpath.normpath(cell.replace("\\", "/"))


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
