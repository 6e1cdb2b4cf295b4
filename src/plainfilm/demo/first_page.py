"""The first page of the demo: eight phantom films, and what a model finds, retrieves and points at on each.

A shipped model answers at once. When the demo has trained one of its own, that is asked about the same films,
and its answers stand beside the first, with its scores on unseen patients.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plainfilm.bank import Bank
from plainfilm.bank.query import ask
from plainfilm.bank.selection import SelectionConfig
from plainfilm.demo.films import PhantomFilm
from plainfilm.io.files import replacing
from plainfilm.pages import FilmPicture, data_uri, film_picture, render
from plainfilm.pages.films import SMALL
from plainfilm.predictor import Finding, Predictor
from plainfilm.predictor.answers import default_pack
from plainfilm.results.baselines import baseline
from plainfilm.results.similarity_maps import coloured, drawn_film
from plainfilm.results.text import interval, number
from plainfilm.tasks.base import Metric

SENTENCES, FINDINGS = 3, 5
"""How many retrieved sentences and findings of a film are shown."""


@dataclass(frozen=True)
class Shown:
    """What a model says of one film. findings: the most probable ones. sentences: retrieved, as
    `bank.query.ask` gives them. map: a picture of where the film looks like `mapped`."""

    findings: Sequence[Finding]
    sentences: Sequence[Mapping[str, Any]]
    mapped: str | None = None
    map: str | None = None


@dataclass(frozen=True)
class Learned:
    """What the demo has trained. shown: what that model says of each film. scores: its headline scores.
    results: the address of all results, relative to the page."""

    shown: Sequence[Shown]
    scores: Sequence[Metric]
    results: str


def answer(
    predictor: Predictor, bank: Bank, films: Sequence[PhantomFilm], *, with_maps: bool = False
) -> list[Shown]:
    """What a model says of each film, with sentences of `bank` and, if wanted, a map of its first finding."""
    pack = default_pack(predictor)
    prompts = None if pack is None else pack.all_zero_shot()
    answers = []
    for film in films:
        encoded = predictor.encode_film(film.path)
        found = next(predictor.findings([encoded], prompts))
        findings = found[:FINDINGS] if isinstance(found, list) else []
        retrieved = ask(predictor, bank, SelectionConfig(k=SENTENCES), image=encoded)["results"]
        mapped = retrieved[0]["text"] if with_maps and retrieved else None
        picture = None if mapped is None else _map(predictor, film.path, encoded, mapped)
        answers.append(Shown(findings, retrieved, mapped, picture))
    return answers


def write_page(
    file: Path,
    predictor: Predictor,
    films: Sequence[PhantomFilm],
    shown: Sequence[Shown],
    learned: Learned | None = None,
) -> None:
    """Write the page about `films`, of each of which `shown` has the answers of `predictor`.

    Raises:
        DataError: the file cannot be written.
    """
    text = render(
        "demo/first_page.html",
        title="Plainfilm on eight phantoms",
        model=predictor.name,
        notice=predictor.config.notice,
        trained_on=predictor.config.training_summary,
        films=[
            {"film": film, "picture": _picture(film), "shown": one, "learned": own}
            for film, one, own in zip(films, shown, _of_each(films, learned), strict=True)
        ],
        learned=learned,
        baselines=list(dict.fromkeys(name for one in learned.scores for name in one.baselines))
        if learned
        else [],
        verdicts=[verdict(one) for one in learned.scores] if learned else [],
        number=number,
        interval=interval,
        baseline=baseline,
    )
    with replacing(file) as temporary:
        temporary.write_text(text, encoding="utf-8")


def verdict(metric: Metric) -> str:
    """In words, whether a score is better than the trivial answers; by its own and their intervals.

    A score whose interval overlaps that of a baseline is not told apart from it.
    """
    sign = 1 if metric.better == "higher" else -1
    clear: list[str] = []
    unclear: list[str] = []
    for name, (low, high) in metric.baseline_intervals.items():
        own = (metric.low, metric.high)
        if own[0] is None or own[1] is None:
            continue
        is_clear = own[0] > high if sign > 0 else own[1] < low
        (clear if is_clear else unclear).append(baseline(name).title)
    if not clear and not unclear:
        return "not compared with a trivial answer"
    if not unclear:
        return f"better than {' and '.join(clear)}"
    return f"not clearly better than {' and '.join(unclear)}"


def _of_each(films: Sequence[PhantomFilm], learned: Learned | None) -> Sequence[Shown | None]:
    return [None] * len(films) if learned is None else learned.shown


def _picture(film: PhantomFilm) -> FilmPicture:
    return film_picture(film.path, SMALL)


def _map(predictor: Predictor, path: Path, encoded: Any, text: str) -> str:
    from PIL import Image

    film = Image.fromarray(coloured(drawn_film(path), predictor.similarity_map(encoded, text)))
    film.thumbnail((SMALL, SMALL))
    stream = io.BytesIO()
    film.save(stream, "JPEG", quality=85)
    return data_uri(stream.getvalue(), "jpeg")
