"""The documents of requests and answers, for the OpenAPI schema: those of `predictor.documents`, typed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from plainfilm.io import limits
from plainfilm.types import View


class Asked(BaseModel):
    """Base of requests: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")


class Told(BaseModel):
    """Base of answers: fields may be added."""

    model_config = ConfigDict(extra="allow")


Phrase = Annotated[str, Field(min_length=1, max_length=limits.LONGEST_PHRASE, pattern=r"\S")]
FilmId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


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
    """The model, what it can do, and what the server takes. regions: phrases for parts of the anatomy."""

    name: str
    kind: str
    fingerprint: str
    version: str
    abilities: list[str]
    offers: list[str]
    observations: list[str]
    regions: list[str]
    most_films: int | None
    bank: dict[str, Any] | None
    notice: str
