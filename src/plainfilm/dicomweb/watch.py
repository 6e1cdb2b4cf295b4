"""Watches an archive: new films of the chest are taken, a model answers, and the results are written back.

No film is done twice. What is done stands in a state on disk; where that is lost, the archive is asked for
the series of results, whose identifiers follow from film and model. A film counts as done when the archive,
asked back, has all its results.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from plainfilm.dicom_output.annotations import results_of_document
from plainfilm.dicom_output.objects import KINDS, Algorithm, Kind, series_uid, without_warnings
from plainfilm.dicom_output.source_film import read_source_film
from plainfilm.dicom_output.write import objects
from plainfilm.dicomweb.archive import Archive, Instance
from plainfilm.dicomweb.watch_state import FilmState, Outcome, WatchState
from plainfilm.errors import ArchiveError, ImageError
from plainfilm.io.dicom.header import text
from plainfilm.io.dicom.subject import OURS, RADIOGRAPHS
from plainfilm.predictor.documents import Answers, document
from plainfilm.sources.common.dicom_records import Record, record_of
from plainfilm.types import View

Answer = Callable[[Sequence[Path]], Iterator[Answers]]
"""Answers about files, in their order."""
BATCH = 16
"""Films that are on disk and in work at a time."""
_NO_FILE = (ValueError, KeyError, AttributeError, TypeError)
"""What pydicom raises where an object of an archive cannot be written to a file."""
ATTEMPTS, FIRST_PAUSE_S = 5, 60.0
"""How often a film is tried that the archive refuses to give or take, with doubling pauses."""


@dataclass(frozen=True)
class Watcher:
    """One archive and one model. views: those that the model knows, or `None` for all. since: the day of the
    earliest study (YYYYMMDD)."""

    archive: Archive
    state: WatchState
    algorithm: Algorithm
    answer: Answer
    since: str
    views: Sequence[View] | None = None

    def once(self) -> dict[str, int]:
        """Do all films that are new in the archive; the number of films by what became of them.

        Raises:
            ArchiveError: the archive refuses to be searched.
            Exhausted: the archive was not there for so many attempts as its retries allow.
            OSError: there is no room for the films.
        """
        done = {"stored": 0, "skipped": 0, "failed": 0}
        due = self._due()
        while batch := list(islice(due, BATCH)):
            for outcome in self._batch(batch):
                done[outcome] += 1
        return done

    def run(self, interval_s: float, stop: threading.Event, say: Callable[[str], None]) -> None:
        """Do what is new, again and again with pauses, until `stop` is set.

        Raises:
            ArchiveError: the archive refuses to be searched.
            OSError: there is no room for the films.
        """
        while not stop.is_set():
            done = self.once()
            if any(done.values()):
                say(summary(done))
            stop.wait(interval_s)

    def _due(self) -> Iterator[Instance]:
        """The films that are not done, and those that failed and may be tried again."""
        for modality in RADIOGRAPHS:
            for instance in self.archive.images(modality, self.since):
                known = self.state.of(instance.uid)
                if known is None or (known.outcome == "failed" and _may_be_tried(known)):
                    yield instance

    def _batch(self, instances: Sequence[Instance]) -> Iterator[Outcome]:
        with tempfile.TemporaryDirectory(prefix="plainfilm-watch-") as folder:
            taken: dict[Path, tuple[Instance, list[Kind]]] = {}
            for number, instance in enumerate(instances):
                path = Path(folder, f"{number}.dcm")
                missing = yield from self._take(instance, path)
                if missing:
                    taken[path] = (instance, missing)
            for path, answers in zip(taken, self.answer(list(taken)), strict=True):
                yield self._give(*taken[path], path, answers)

    def _take(self, instance: Instance, path: Path) -> Generator[Outcome, None, list[Kind]]:
        """Fetch a film whose header is that of a chest film; the kinds of results that the archive lacks."""
        try:
            header = self.archive.header(instance)
            if text(header, "Manufacturer") == OURS:
                self._put(instance.uid, "own")
                return []
            record = record_of(path, header)
            reason = record.reason or record.doubt or self._other_view(record)
            if reason:
                yield self._put(instance.uid, "skipped", reason)
                return []
            missing = [kind for kind in KINDS if not self._stored(instance, kind)]
            if missing:
                with without_warnings():
                    self.archive.film(instance).save_as(path, enforce_file_format=True)
            else:
                yield self._put(instance.uid, "stored", "was there already")
            return missing
        except ArchiveError as error:
            yield self._put(instance.uid, "failed", str(error))
        except _NO_FILE as error:
            yield self._put(instance.uid, "failed", f"cannot be written to a file ({type(error).__name__})")
        return []

    def _give(self, instance: Instance, missing: list[Kind], path: Path, answers: Answers) -> Outcome:
        """Write the results of a film to the archive, and ask back for them."""
        try:
            if answers.error is not None:
                raise answers.error
            results = results_of_document(document(answers))
            made = objects(read_source_film(path), results, self.algorithm)
            self.archive.store(instance.study, [made[kind] for kind in missing])
            for kind in missing:
                if made[kind].SOPInstanceUID not in self._stored(instance, kind):
                    raise ArchiveError(f"{self.archive.name}: took the {kind} and does not have it")
            self._put(made["secondary capture"].SOPInstanceUID, "own")
        except ImageError as error:
            return self._put(instance.uid, "skipped", str(error).removeprefix(f"{path}: "))
        except ArchiveError as error:
            return self._put(instance.uid, "failed", str(error))
        return self._put(instance.uid, "stored")

    def _stored(self, instance: Instance, kind: Kind) -> set[str]:
        return self.archive.stored(instance.study, series_uid(instance.uid, self.algorithm, kind))

    def _other_view(self, record: Record) -> str | None:
        known = self.views is None or record.view in (*self.views, View.UNKNOWN)
        return None if known else f"its view is {record.view}, which the model was not trained on"

    def _put(self, uid: str, outcome: Outcome, reason: str = "") -> Outcome:
        self.state.put(uid, outcome, reason)
        return outcome


def summary(counts: Mapping[str, int]) -> str:
    """What became of how many films, in words.

    >>> summary({"stored": 2, "failed": 1})
    '2 films stored, 0 skipped, 1 failed'
    """
    stored, skipped, failed = (counts.get(outcome, 0) for outcome in ("stored", "skipped", "failed"))
    return f"{stored} films stored, {skipped} skipped, {failed} failed"


def _may_be_tried(known: FilmState) -> bool:
    pause_s = FIRST_PAUSE_S * 2 ** (known.attempts - 1)
    return known.attempts < ATTEMPTS and time.time() >= known.at + pause_s
