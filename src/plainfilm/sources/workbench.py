"""Work that was saved in the workbench, with the films beside it.

    plainfilm-2026-11-29-10-15.json     saved work (`common.saved_work`); or one such file as RAW
    4f0c....work.json                   the same as a server keeps it: RAW may be the folder of its --work
    chest.dcm, more/000123.png, ...     its films, at any depth, found by their content

What a person accepted, edited, drew or wrote is taken; what was rejected or never judged is not. Boxes become
boxes of the observation or region that the phrase names, else of the phrase. Sentences become the report,
labels the labels of the film. Of work on the same film in several files, the one that was saved last counts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from plainfilm.config import build
from plainfilm.errors import ConfigError, DataError, SourceError
from plainfilm.io import paths
from plainfilm.io.archives import files_below, open_binary
from plainfilm.io.json_records import LARGEST, read_values
from plainfilm.sources.base import SourceConfig
from plainfilm.sources.common.known_observations import KnownObservations
from plainfilm.sources.common.region_names import REGIONS
from plainfilm.sources.common.saved_work import (
    FORMAT,
    KEPT_ENDING,
    SavedBox,
    SavedFilm,
    SavedSentence,
    SavedWork,
)
from plainfilm.types import Box, Image, Label, Rejection, Report, Section, State, Study

ORIGIN = "workbench"

_STATES = {"positive": State.POSITIVE, "negative": State.NEGATIVE, "uncertain": State.UNCERTAIN}


class Config(SourceConfig):
    """proposed: take what the model proposed and nobody judged, too. films: the folder of the films, if they
    are not beside the saved work."""

    proposed: bool = False
    films: Path | None = None


class _Work(NamedTuple):
    """A film and the file that its work was saved in."""

    film: SavedFilm
    file: Path


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """The studies of a file or folder of saved work, in the order of its films.

    Raises:
        SourceError: no saved work.
    """
    files = [raw] if paths.is_file(raw) else list(files_below(raw, lambda name: name.endswith(".json")))
    works: dict[str, _Work] = {}
    any_work = False
    for file, document in _documents(files):
        any_work = True
        if isinstance(document, Rejection):
            yield document
            continue
        for film in document.films:
            older = works.pop(film.sha256, None)
            if older is not None:
                yield Rejection(f"{older.file.name} {film.name}", f"saved again later, in {file.name}")
            works[film.sha256] = _Work(film, file)
    if not any_work:
        raise SourceError(f"{raw}: no work that was saved in the workbench (JSON of format {FORMAT})")
    yield from _studies(works, _Films(config.films or (raw if paths.is_folder(raw) else raw.parent)), config)


def _documents(files: list[Path]) -> Iterator[tuple[Path, SavedWork | Rejection]]:
    """The saved work of each file that is some, the one that was saved last at the end."""
    found: list[tuple[str, Path, SavedWork | Rejection]] = []
    for file in files:
        try:
            values = _kept(file) if file.name.endswith(KEPT_ENDING) else read_values(file)
        except DataError:
            continue  # another file
        except (ValueError, RecursionError) as error:
            found.append(("", file, Rejection(file.name, f"damaged work of a server ({error})")))
            continue
        if values.get("format") != FORMAT:
            continue
        try:
            work = build(SavedWork, values, str(file))
            found.append((work.saved, file, work))
        except ConfigError as error:
            found.append(("", file, Rejection(file.name, str(error))))
    for _, file, document in sorted(found, key=lambda one: (one[0], one[1])):
        yield file, document


def _kept(file: Path) -> dict[str, Any]:
    """The document in a file of a server.

    Raises:
        ValueError: it is damaged.
    """
    with open_binary(file) as stream:
        stream.readline()
        values = json.loads(stream.read(LARGEST))
    if not isinstance(values, dict) or not isinstance(values.get("work"), dict):
        raise ValueError("it has no key `work`")
    work: dict[str, Any] = values["work"]
    return work


class _Films:
    """The files below a folder, by the SHA-256 of their content."""

    def __init__(self, folder: Path) -> None:
        files = list(files_below(folder, lambda name: not name.endswith(".json")))
        self._by_name: dict[str, list[Path]] = {}
        for path in files:
            self._by_name.setdefault(path.name, []).append(path)
        self._files = files
        self._known: dict[Path, str] = {}

    def of(self, film: SavedFilm) -> Path | None:
        """The file with the content of a film; those of its name are looked at first."""
        named = self._by_name.get(Path(film.name).name, [])
        return next((path for path in (*named, *self._files) if self._digest(path) == film.sha256), None)

    def _digest(self, path: Path) -> str:
        if path not in self._known:
            with open_binary(path) as stream:
                self._known[path] = hashlib.file_digest(cast("Any", stream), "sha256").hexdigest()
        return self._known[path]


def _studies(works: Mapping[str, _Work], films: _Films, config: Config) -> Iterator[Study | Rejection]:
    groups: dict[tuple[str, str], list[tuple[SavedFilm, Path]]] = {}
    for film, file in works.values():
        path = films.of(film)
        if path is None and not config.tables_only:
            reason = "no file with its content lies beside the saved work; put the film there, under any name"
            yield Rejection(f"{file.name} {film.name}", reason)
            continue
        groups.setdefault(ids_of(film), []).append((film, path or Path(film.name)))
    for (patient, study), members in groups.items():
        yield Study(
            study_id=study,
            patient_id=patient,
            images=tuple(_image(film, path, config) for film, path in members),
            report=_report([film for film, _ in members]),
        )


def _image(film: SavedFilm, path: Path, config: Config) -> Image:
    boxes = [
        _box(box, one) for one in film.sentences for box in one.kept_boxes(confirmed=not config.proposed)
    ]
    return Image(
        image_id=film.sha256[:32],
        path=path,
        view=film.view,
        labels=tuple(Label(name, _STATES[state], ORIGIN) for name, state in film.labels.items()),
        boxes=tuple(boxes),
        width=film.width,
        height=film.height,
        spacing_mm=film.spacing_mm,
    )


def ids_of(film: SavedFilm) -> tuple[str, str]:
    """The patient and study of a film; one that nobody named is a patient and a study of its own."""
    own = f"film-{film.sha256[:16]}"
    patient = film.patient or own
    return patient, f"{patient}-{film.study}" if film.study else own


def name_of_box(sentence: SavedSentence) -> tuple[str, str]:
    """What the boxes of a sentence show, and its kind: the observation or region asked for, or a phrase."""
    asked = " ".join((sentence.phrase or "").split())
    observation = KnownObservations().named(asked)
    if observation:
        return observation, "observation"
    if asked.lower() in REGIONS:
        return asked.lower(), "region"
    return asked or "phrase", "phrase"


def _box(box: SavedBox, sentence: SavedSentence) -> Box:
    name, kind = name_of_box(sentence)
    corners = (box.x0, box.y0, box.x1, box.y1)
    return Box(name, kind, *corners, annotator=ORIGIN, phrase=sentence.text or sentence.phrase)


def _report(films: list[SavedFilm]) -> Report | None:
    text = " ".join(film.text for film in films if film.text)
    return Report(text, (Section("findings", text, 0, len(text)),)) if text else None
