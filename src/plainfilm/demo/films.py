"""The phantom films that come with Plainfilm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from plainfilm.errors import DataError
from plainfilm.io.json_records import Record, read_record

FOLDER = Path(__file__).parent.parent / "shipped" / "films"
FACTS = "films.json"


class FilmFacts(Record):
    """What is known of a film: its file, its view, the text of its report and what that states as present."""

    file: str
    view: str
    report: str
    present: tuple[str, ...]


class _Facts(Record):
    films: tuple[FilmFacts, ...]


@dataclass(frozen=True)
class PhantomFilm:
    """A film and what is known of it."""

    path: Path
    facts: FilmFacts


def phantom_films(folder: Path = FOLDER) -> list[PhantomFilm]:
    """The films in `folder`, by default those that come with Plainfilm.

    Raises:
        DataError: their table is missing or damaged.
    """
    stored = read_record(folder / FACTS, _Facts, DataError, "install Plainfilm again")
    return [PhantomFilm(folder / one.file, one) for one in stored.films]
