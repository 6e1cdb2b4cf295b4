"""The documents of requests and answers, for the OpenAPI schema: those of `predictor.documents`, typed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from plainfilm.io import limits
from plainfilm.sources.common.saved_work import SavedFilm, SavedWork
from plainfilm.types import View


class Asked(BaseModel):
    """Base of requests: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")


class Told(BaseModel):
    """Base of answers: fields may be added."""

    model_config = ConfigDict(extra="allow")


Phrase = Annotated[str, Field(min_length=1, max_length=limits.LONGEST_PHRASE, pattern=r"\S")]
FilmId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Box(BaseModel):
    """A box in pixels of the film as opened, x to the right and y down."""

    x0: FiniteFloat
    y0: FiniteFloat
    x1: FiniteFloat
    y1: FiniteFloat


class ScoredBox(Box, Told):
    """A box with its score, 0 to 1."""

    score: float | None = None


class Film(Told):
    """A film that the server holds; see `serve.opening.OpenedFilm`."""

    film_id: str
    name: str
    width: int
    height: int
    spacing_mm: float | None
    view: View
    bits: int
    low: float
    high: float
    flags: list[str]
    sha256: str


class Finding(Told):
    """An observation; see `predictor.findings.Finding`."""

    observation: str
    probability: float | None
    positive_score: float
    negative_score: float | None
    abstains: bool | None
    positive: bool | None
    calibrated: bool


class Findings(Told):
    """All observations, most probable first."""

    findings: list[Finding]


class FoundPhrase(Told):
    """The boxes of a phrase, the best first, and the sentence of the model about it."""

    text: str
    boxes: list[ScoredBox]
    sentence: str | None


class Found(Told):
    """The boxes of all phrases, in their order."""

    find: list[FoundPhrase]


class DescribedBox(Box, Told):
    """A box and the sentence of the model about it."""

    sentence: str


class Described(Told):
    """The sentences of all boxes, in their order."""

    boxes: list[DescribedBox]


class ReportSentence(Told):
    """A sentence of a report and its boxes."""

    text: str
    boxes: list[ScoredBox]


class Report(Told):
    """A report."""

    sentences: list[ReportSentence]


class WrittenReport(Told):
    """The report of a film or study."""

    report: Report | None


class Document(Findings, Found, Described, WrittenReport):
    """The document of `plainfilm predict` about one film or study."""

    file: str
    films: list[dict[str, Any]] = []


class Reference(Asked):
    """A film by its path below the server's folder of films."""

    path: str = Field(min_length=1, max_length=limits.LONGEST_PHRASE)


class KeptFilm(Asked):
    """A film of saved work by the SHA-256 of its file; name: the one in answers."""

    sha256: Digest
    name: str = Field(default="film", max_length=255)


class Phrases(Asked):
    """Phrases to locate."""

    texts: list[Phrase] = Field(min_length=1, max_length=limits.MOST_TEXTS)


class Boxes(Asked):
    """Boxes to describe."""

    boxes: list[Box] = Field(min_length=1, max_length=limits.MOST_TEXTS)


class OnePhrase(Asked):
    """One phrase."""

    text: Phrase


class Number(Asked):
    """How many items."""

    k: int = Field(default=10, ge=1, le=100)


class PhraseAndNumber(OnePhrase, Number):
    """A phrase to search with, and how many items."""


class FilmOfStudy(Asked):
    """A film of a study; a view that is not stated is that of its header."""

    film_id: FilmId
    view: View | None = None


class StudyQuestions(Asked):
    """Questions about all films of a study."""

    films: list[FilmOfStudy] = Field(min_length=1, max_length=limits.MOST_TEXTS)
    report: bool = False


class JobQuestions(Asked):
    """The same questions about many films."""

    films: list[FilmId] = Field(min_length=1, max_length=limits.MOST_FILMS_HELD)
    find: list[Phrase] = Field(default=[], max_length=limits.MOST_TEXTS)
    report: bool = False


class JobState(Told):
    """A job. done: how many of its films are answered; answers: their documents, in their order."""

    job_id: str
    state: Literal["waiting", "running", "done", "cancelled"]
    films: int
    done: int
    answers: list[dict[str, Any]]


Word = Annotated[str, Field(max_length=64, pattern=r"^[^*?\\\\\x00-\x1f]*$")]
"""What a search in an archive looks for; wildcards are not taken from outside."""
Day = Annotated[str, Field(pattern=r"^([0-9]{8})?$")]
Uid = Annotated[str, Field(max_length=64, pattern=r"^[0-9]+(\.[0-9]+)*$")]


class ArchiveSearch(Asked):
    """Studies to look for; "" is no condition. patient: the whole ID. name: part of it. since, until: days
    YYYYMMDD."""

    patient: Word = ""
    name: Word = ""
    since: Day = ""
    until: Day = ""


class ArchiveStudy(Told):
    """A study as the archive lists it; see `dicomweb.studies.ListedStudy`."""

    study: str
    date: str
    description: str
    patient_id: str
    patient_name: str
    modalities: list[str]
    objects: int | None


class ArchiveStudies(Told):
    """The studies that were found, the newest first."""

    studies: list[ArchiveStudy]


class StudyOfArchive(Asked):
    """A study by its UID."""

    study: Uid


class ArchiveFilms(Told):
    """The films that were opened, and why other objects of the study were not."""

    films: list[Film]
    left_out: list[str]


class FilmBefore(Asked):
    """A film before a step of a person; `None` where it was not in the work."""

    sha256: Digest
    film: SavedFilm | None


Step = Annotated[list[FilmBefore], Field(max_length=limits.MOST_FILMS_HELD)]
Steps = Annotated[list[Step], Field(max_length=limits.MOST_STEPS)]


class KeptWork(Asked):
    """Work with its history. past, future: the films that each step to undo, or to do again, brings back."""

    work: SavedWork
    past: Steps = []
    future: Steps = []


class ChangedWork(KeptWork):
    """Work in place of a revision."""

    revision: str = Field(pattern=r"^[0-9a-f]{16}$")


class WorkFacts(Told):
    """What a list shows of saved work.

    kept: films of which there is a copy. judged: sentences with a verdict. names: of the first films.
    """

    work_id: str
    revision: str
    saved: str
    films: int
    kept: int = 0
    sentences: int
    judged: int
    names: list[str]


class StoredWork(WorkFacts):
    """Saved work with its history, as it was kept."""

    work: dict[str, Any]
    past: list[list[dict[str, Any]]]
    future: list[list[dict[str, Any]]]


class SimilarItem(Told):
    """An item of the bank, as `plainfilm retrieve` gives it."""

    rank: int
    score: float
    kind: str
    study_id: str | None
    count: int
    labels: dict[str, int]


class Similar(Told):
    """The closest items of the bank, the best first."""

    query: dict[str, Any]
    results: list[SimilarItem]


class Point(BaseModel):
    """A point in pixels of the film as opened, x to the right and y down."""

    x: float
    y: float


class SimilarityMap(Told):
    """The cosines of a phrase with the patches of a film; see `predictor.documents.similarity_map`."""

    text: str
    score: float
    low: float
    high: float
    peak: Point
    seen: Box
    extent: Box
    grid: list[list[float | None]]


class ModelFacts(Told):
    """A model and what it can do.

    offers: groups of routes that it answers. regions: phrases for parts of the anatomy. threshold: the score
    from which on its boxes were tuned to count as found.
    """

    name: str
    kind: str
    fingerprint: str
    abilities: list[str]
    offers: list[str]
    observations: list[str]
    regions: list[str]
    most_films: int | None
    threshold: float | None


class ServerFacts(ModelFacts):
    """The first model, the others that requests may name, and what the server takes."""

    version: str
    others: list[ModelFacts]
    bank: dict[str, Any] | None
    notice: str
