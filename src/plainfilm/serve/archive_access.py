"""The archive that a server may open studies from: one address, given when the server starts."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from plainfilm.dicom_output.objects import without_warnings
from plainfilm.dicomweb.archive import Archive, Instance
from plainfilm.download.retry_policy import Exhausted, RetryPolicy, Stopped
from plainfilm.errors import ArchiveError
from plainfilm.io import limits
from plainfilm.io.dicom.header import number, text
from plainfilm.io.dicom.subject import OURS
from plainfilm.serve.engine import Engine
from plainfilm.serve.films import FilmStore, HeldFilm
from plainfilm.serve.problems import Problem
from plainfilm.sources.common.dicom_records import Record, record_of

Answer = TypeVar("Answer")

_NO_FILE = (ValueError, KeyError, AttributeError, TypeError)
"""What pydicom raises where an object of an archive cannot be written to a file."""
_ATTEMPTS, _FIRST_PAUSE_S, _LONGEST_PAUSE_S = 2, 0.5, 1.0
"""A person waits for the answer."""


@dataclass(frozen=True)
class OpenedStudy:
    """The films of a study that are held now, and why others are not."""

    films: list[HeldFilm]
    left_out: list[str]


class ArchiveAccess:
    """Asks the archive at `url` one question at a time, as a model is asked.

    Raises:
        UsageError: `url` is no address of an archive.
        MissingDependency: a package for DICOMweb is not installed.
    """

    def __init__(self, url: str) -> None:
        self._stop = threading.Event()
        policy = RetryPolicy(_ATTEMPTS, _FIRST_PAUSE_S, _LONGEST_PAUSE_S, self._stop)
        self.archive = Archive(url, policy)
        self._engine = Engine("archive")

    async def run(self, function: Callable[[Archive], Answer]) -> Answer:
        """The result of `function` of the archive.

        Raises:
            Problem: the archive fails or refuses, or too many questions wait.
        """

        def asked() -> Answer:
            try:
                return function(self.archive)
            except (ArchiveError, Exhausted) as error:
                raise Problem("archive_failed", str(error)) from None
            except Stopped:
                raise Problem("archive_failed", "the server is ending") from None

        return await self._engine.run(asked)

    def close(self) -> None:
        """End the present question and drop those that wait."""
        self._stop.set()
        self._engine.close()


def open_study(archive: Archive, study: str, films: FilmStore) -> OpenedStudy:
    """Take the films of a study, by their headers, from the archive.

    Raises:
        ArchiveError: the archive refuses to list the study.
        Exhausted: it does not answer.
    """
    opened: list[HeldFilm] = []
    left_out: list[str] = []
    for place, instance in enumerate(archive.radiographs(study), start=1):
        if len(opened) == limits.MOST_FILMS_OF_A_STUDY:
            left_out.append(f"object {place} and all after it: {len(opened)} films are open already")
            break
        try:
            opened.append(_open(archive, instance, films))
        except (Problem, ArchiveError) as error:
            left_out.append(f"object {place}: {error}")
    return OpenedStudy(opened, left_out)


def _open(archive: Archive, instance: Instance, films: FilmStore) -> HeldFilm:
    """One object of an archive, held under the day and the view of its header.

    Raises:
        Problem: it is no usable film.
    """
    header = archive.header(instance)
    record = record_of(Path("film.dcm"), header)
    reason = record.reason or _not_wanted(header, record)
    if reason:
        raise Problem("not_possible", reason)
    folder = films.new_folder()
    file = folder / "film.dcm"
    try:
        with without_warnings():
            archive.film(instance).save_as(file, enforce_file_format=True)
    except _NO_FILE as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise Problem("not_possible", f"cannot be written to a file ({type(error).__name__})") from None
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    day = "" if record.taken is None else f"{record.taken} "
    return films.open(file, f"{day}{record.view}", folder)


def _not_wanted(header: Any, record: Record) -> str | None:
    """Why an object is not fetched: the pictures that Plainfilm made are no films, and size has a limit."""
    if text(header, "Manufacturer") == OURS:
        return f"was made by {OURS} from a film"
    if (record.width or 0) * (record.height or 0) * (
        number(header, "NumberOfFrames") or 1
    ) > limits.MOST_PIXELS:
        return f"has more than {limits.MOST_PIXELS:,} pixels"
    return None
