"""Work that people saved on the server, and copies of its films.

A piece of work is a file with a random name and a revision. It has two lines of JSON: what a list shows, and
the whole. No revision is overwritten unseen. A film is kept once, and goes with the last work that needs it.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from plainfilm.errors import DataError, UsageError
from plainfilm.io import limits
from plainfilm.io.files import make_folder, replacing
from plainfilm.io.locks import writing
from plainfilm.serve.film_copies import FilmCopies
from plainfilm.serve.films import FilmStore
from plainfilm.serve.problems import Problem
from plainfilm.sources.common.saved_work import KEPT_ENDING

_NAMES_SHOWN = 3
_CONTENTS = "contents"
_WAIT_S, _PAUSE_S, _AGAIN_S = 5.0, 0.02, 1
"""How long a change waits for those of other servers of the folder, and when to try again."""


class WorkStore:
    """The files of saved work in `folder`, which is made where it is missing; several servers may share it.

    Films of the work that `films` holds are copied to its subfolder `films`; `None` copies none.

    Raises:
        DataError: the folder cannot be made.
    """

    def __init__(self, folder: Path, films: FilmStore | None = None) -> None:
        try:
            for made in make_folder(folder):
                made.chmod(0o700)
        except OSError as error:
            raise DataError(f"--work {folder}: cannot be made ({error.strerror or error})") from None
        if not folder.is_dir():
            raise DataError(f"--work {folder}: is no folder")
        self.copies = FilmCopies(folder / "films")
        self._folder, self._films = folder, films
        self._lock = threading.Lock()

    def all(self) -> list[dict[str, Any]]:
        """What a list shows of each piece of work, the last saved first."""
        found = [{k: v for k, v in facts.items() if k != _CONTENTS} for facts in self._facts()]
        return sorted(found, key=lambda facts: str(facts.get("saved")), reverse=True)

    def read(self, work_id: str) -> bytes:
        """The whole of saved work as JSON.

        Raises:
            Problem: there is none of this id.
        """
        return self._lines(work_id)[1]

    def create(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Keep new work; what a list shows of it, with the id and the revision that it got.

        Raises:
            Problem: there is too much saved work.
            DataError: it cannot be written.
        """
        with self._alone():
            if sum(1 for _ in self._folder.glob(f"*{KEPT_ENDING}")) >= limits.MOST_WORKS:
                raise Problem(
                    "not_possible", f"{limits.MOST_WORKS} pieces of work are kept: remove some first"
                )
            return self._write(secrets.token_hex(16), record)

    def replace(self, work_id: str, revision: str, record: Mapping[str, Any]) -> dict[str, Any]:
        """Keep work in place of `revision` of it; what a list shows of it, with its new revision.

        Raises:
            Problem: there is none of this id, or somebody has saved it since.
            DataError: it cannot be written.
        """
        with self._alone():
            before = self._seen(work_id, revision)
            after = self._write(work_id, record)
            if set(before.get(_CONTENTS, ())) - _contents(record):
                self._remove_copies()
            return after

    def remove(self, work_id: str, revision: str) -> None:
        """Remove work, and the copies of films that no other work needs.

        Raises:
            Problem: there is none of this id, or somebody has saved it since.
        """
        with self._alone():
            self._seen(work_id, revision)
            self._file(work_id).unlink(missing_ok=True)
            self._remove_copies()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While open, nobody else changes what is kept, in this process or another of the same folder."""
        with self._lock, ExitStack() as stack:
            self._wait_for_others(stack)
            yield

    def _wait_for_others(self, stack: ExitStack) -> None:
        end = time.monotonic() + _WAIT_S
        while True:
            try:
                stack.enter_context(writing(self._folder))
                return
            except UsageError:
                if time.monotonic() > end:
                    raise Problem("busy", "another server is saving; try again", _AGAIN_S) from None
            time.sleep(_PAUSE_S)

    def _seen(self, work_id: str, revision: str) -> dict[str, Any]:
        """The first line of work, if `revision` is still that of it."""
        facts: dict[str, Any] = json.loads(self._lines(work_id)[0])
        if facts["revision"] != revision:
            raise Problem("conflict", "somebody has saved this work since it was opened: open it again")
        return facts

    def _facts(self) -> Iterator[dict[str, Any]]:
        """The first lines of all files but damaged ones."""
        for file in self._folder.glob(f"*{KEPT_ENDING}"):
            try:
                with file.open("rb") as stream:
                    facts = json.loads(stream.readline())
            except (FileNotFoundError, ValueError):
                continue
            if isinstance(facts, dict):
                yield facts

    def _remove_copies(self) -> None:
        """Remove the copies of films that no work needs; none where that cannot be known."""
        with contextlib.suppress(OSError):
            needed = {one for facts in self._facts() for one in facts.get(_CONTENTS, ())}
            self.copies.remove_all_but(needed)

    def _file(self, work_id: str) -> Path:
        return self._folder / f"{work_id}{KEPT_ENDING}"

    def _lines(self, work_id: str) -> tuple[bytes, bytes]:
        try:
            first, _, second = self._file(work_id).read_bytes().partition(b"\n")
        except FileNotFoundError:
            raise Problem("not_found", "there is no such work, or no longer") from None
        return first, second

    def _write(self, work_id: str, record: Mapping[str, Any]) -> dict[str, Any]:
        contents = _contents(record)
        if self._films is not None:
            self.copies.keep(contents, self._films)
        films = [film["sha256"] for film in record["work"]["films"]]
        facts = {
            "work_id": work_id,
            "revision": secrets.token_hex(8),
            "saved": datetime.now(UTC).isoformat(timespec="seconds"),
            "kept": sum(self.copies.path(one) is not None for one in films),
            **_shown(record["work"]),
        }
        parts = ({**facts, _CONTENTS: sorted(contents)}, {**facts, **record})
        lines = [json.dumps(part, allow_nan=False) for part in parts]
        with replacing(self._file(work_id)) as target:
            target.write_text("\n".join(lines), "utf-8")
        self._file(work_id).chmod(0o600)
        return facts


def _contents(record: Mapping[str, Any]) -> set[str]:
    """The digests of the films of work and of its history."""
    steps = [one for part in ("past", "future") for step in record.get(part, ()) for one in step]
    return {film["sha256"] for film in (*record["work"]["films"], *steps)}


def _shown(work: Mapping[str, Any]) -> dict[str, Any]:
    """films: how many. sentences, judged: of all films. names: of the first films."""
    films = work["films"]
    sentences = [one for film in films for one in film.get("sentences", ())]
    return {
        "films": len(films),
        "sentences": len(sentences),
        "judged": sum(one["state"] != "proposed" for one in sentences),
        "names": [film["name"] for film in films[:_NAMES_SHOWN]],
    }
