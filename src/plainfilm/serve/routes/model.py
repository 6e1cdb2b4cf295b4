"""What the model is and can do."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from plainfilm import __version__
from plainfilm.serve.problems import documented
from plainfilm.serve.schema import ModelFacts
from plainfilm.serve.service import Serving
from plainfilm.sources.common.region_names import REGIONS

NOTICE = "Research software. Not a medical device: not for diagnosis, triage or treatment of patients."

router = APIRouter(tags=["model"])


@router.get("/api/model", response_model=ModelFacts, responses=documented())
async def model(request: Request, service: Serving) -> dict[str, Any]:
    """The model, its abilities, and which kinds of questions this server answers."""
    predictor, bank = service.model, service.bank
    return {
        "name": predictor.name,
        "kind": predictor.config.architecture.use,
        "fingerprint": predictor.fingerprint,
        "version": __version__,
        "abilities": sorted(predictor.abilities),
        "offers": list(request.app.state.offers),
        "observations": list(predictor.observations or service.prompts or ()),
        "regions": list(REGIONS) if "locate" in request.app.state.offers else [],
        "most_films": predictor.most_films,
        "bank": None
        if bank is None
        else {"name": bank.path.name, "size": len(bank), "kind": bank.meta.get("kind")},
        "notice": " ".join(filter(None, [NOTICE, predictor.config.notice])),
    }
