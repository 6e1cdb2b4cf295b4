"""Copies of the films of saved work, one for each content, so that it can go on after the server has ended.

A copy is named by the SHA-256 digest of its bytes, and only its owner reads it.
"""

from __future__ import annotations

import shutil
from collections.abc import Set
from pathlib import Path

from plainfilm.errors import DataError
from plainfilm.io import limits
from plainfilm.io.dicom.read import HEAD, is_dicom
from plainfilm.io.files import replacing, sha256_of
from plainfilm.serve.films import FilmStore, HeldFilm

_DICOM = ".dcm"


class FilmCopies:
    """The copies in `folder`, which is made with the first one; who changes it must be alone there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, sha256: str) -> Path | None:
        """The copy of the film with this digest, if there is one."""
        places = (self._folder / f"{sha256}{suffix}" for suffix in ("", _DICOM))
        return next((place for place in places if place.is_file()), None)

    def keep(self, wanted: Set[str], films: FilmStore) -> None:
        """Copy the films that are held and wanted, as far as there is room."""
        missing = [one for one in sorted(wanted) if self.path(one) is None]
        held = [film for film in map(films.of_content, missing) if film is not None]
        taken = sum(file.stat().st_size for file in self._files()) if held else 0
        for film in held:
            taken += _size(film.file)
            if taken > limits.MOST_BYTES_KEPT:
                return
            self._copy(film)

    def take(self, sha256: str, folder: Path) -> Path | None:
        """The film with this digest, copied into `folder`; `None` where there is none."""
        copy = self.path(sha256)
        if copy is None:
            return None
        try:
            return shutil.copyfile(copy, folder / f"film{copy.suffix}")
        except FileNotFoundError:  # removed meanwhile
            return None

    def remove_all_but(self, wanted: Set[str]) -> None:
        """Remove the copies of other films, and what a killed process left half-written."""
        for file in self._files():
            if file.stem not in wanted:
                file.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return list(self._folder.iterdir()) if self._folder.is_dir() else []

    def _copy(self, film: HeldFilm) -> None:
        """Copy a film, unless it is gone or no longer what was opened, or the disk is full."""
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with film.file.open("rb") as stream:
                suffix = _DICOM if is_dicom(stream.read(HEAD), film.file.suffix) else ""
            target = self._folder / f"{film.facts.sha256}{suffix}"
            with replacing(target) as part:
                shutil.copyfile(film.file, part)
                if sha256_of(part) != film.facts.sha256:
                    raise DataError(f"{film.name}: was changed since it was opened")
            target.chmod(0o600)
        except (OSError, DataError):
            return  # the work is kept without it, and says so


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
