"""Work that people saved on the server: one file each, by a random name, with a revision.

A file has two lines of JSON: what a list shows, and the whole. No revision is overwritten unseen.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from plainfilm.errors import DataError, UsageError
from plainfilm.io import limits
from plainfilm.io.files import make_folder, replacing
from plainfilm.io.locks import writing_file
from plainfilm.serve.problems import Problem

_ENDING = ".work.json"
_NAMES_SHOWN = 3
_AGAIN_S = 1


class WorkStore:
    """The files of saved work in `folder`, which is made where it is missing.

    Raises:
        DataError: the folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        try:
            for made in make_folder(folder):
                made.chmod(0o700)
        except OSError as error:
            raise DataError(f"--work {folder}: cannot be made ({error.strerror or error})") from None
        if not folder.is_dir():
            raise DataError(f"--work {folder}: is no folder")
        self._folder = folder
        self._lock = threading.Lock()

    def all(self) -> list[dict[str, Any]]:
        """What a list shows of each piece of work, the last saved first."""
        found = []
        for file in self._folder.glob(f"*{_ENDING}"):
            with contextlib.suppress(OSError, ValueError), file.open("rb") as stream:  # removed, or damaged
                found.append(json.loads(stream.readline()))
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
        with self._lock:
            if sum(1 for _ in self._folder.glob(f"*{_ENDING}")) >= limits.MOST_WORKS:
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
        with self._changing(work_id, revision):
            return self._write(work_id, record)

    def remove(self, work_id: str, revision: str) -> None:
        """Remove work.

        Raises:
            Problem: there is none of this id, or somebody has saved it since.
        """
        with self._changing(work_id, revision):
            self._file(work_id).unlink(missing_ok=True)

    @contextmanager
    def _changing(self, work_id: str, revision: str) -> Iterator[None]:
        """While open, nobody else changes the work, in this process or another of the same folder."""
        self._lines(work_id)
        try:
            with self._lock, writing_file(self._file(work_id)):
                if json.loads(self._lines(work_id)[0])["revision"] != revision:
                    raise Problem(
                        "conflict", "somebody has saved this work since it was opened: open it again"
                    )
                yield
        except UsageError:
            raise Problem("busy", "this work is being saved by another server; try again", _AGAIN_S) from None

    def _file(self, work_id: str) -> Path:
        return self._folder / f"{work_id}{_ENDING}"

    def _lines(self, work_id: str) -> tuple[bytes, bytes]:
        try:
            first, _, second = self._file(work_id).read_bytes().partition(b"\n")
        except FileNotFoundError:
            raise Problem("not_found", "there is no such work, or no longer") from None
        return first, second

    def _write(self, work_id: str, record: Mapping[str, Any]) -> dict[str, Any]:
        facts = {
            "work_id": work_id,
            "revision": secrets.token_hex(8),
            "saved": datetime.now(UTC).isoformat(timespec="seconds"),
            **_shown(record["work"]),
        }
        lines = [json.dumps(part, allow_nan=False) for part in (facts, {**facts, **record})]
        with replacing(self._file(work_id)) as target:
            target.write_text("\n".join(lines), "utf-8")
        self._file(work_id).chmod(0o600)
        return facts


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
