"""The closest items of the bank to a film or a phrase."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from plainfilm.bank.query import ask
from plainfilm.bank.selection import SelectionConfig
from plainfilm.serve.problems import Problem, documented
from plainfilm.serve.schema import FilmId, Number, PhraseAndNumber, Similar
from plainfilm.serve.served_model import ServedModel
from plainfilm.serve.service import Service, Serving

router = APIRouter(tags=["questions"])


def offered(service: Service, model: ServedModel) -> bool:
    """Whether there is a bank of the model to search."""
    return service.bank is not None and model is service.main


@router.post(
    "/api/films/{film_id}/similar",
    response_model=Similar,
    responses=documented("not_found", "not_possible", "busy", "timeout"),
)
async def similar_to_film(film_id: FilmId, asked: Number, service: Serving) -> dict[str, Any]:
    """The items of the bank that are closest to a film, with where they came from."""
    film, bank, model = service.films.get(film_id), service.bank, service.main
    assert bank is not None  # the route is not offered without it

    def question() -> dict[str, Any]:
        found = ask(model.predictor, bank, SelectionConfig(k=asked.k), image=service.encoded(film, model))
        return found | {"query": {"image": film.name}}

    return await service.run("similar", question)


@router.post("/api/similar", response_model=Similar, responses=documented("not_possible", "busy", "timeout"))
async def similar_to_text(asked: PhraseAndNumber, service: Serving) -> dict[str, Any]:
    """The items of the bank that are closest to a phrase, with where they came from."""
    bank, model = service.bank, service.main
    assert bank is not None  # the route is not offered without it
    if "encodes_texts" not in model.abilities:
        raise Problem("not_possible", f"{model.name} does not encode texts")
    question = SelectionConfig(k=asked.k)
    return await service.run("similar", lambda: ask(model.predictor, bank, question, text=asked.text))
