"""What the models are and can do."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from plainfilm import __version__
from plainfilm.serve.problems import documented
from plainfilm.serve.schema import ServerFacts
from plainfilm.serve.served_model import ServedModel
from plainfilm.serve.service import Serving
from plainfilm.sources.common.region_names import REGIONS

NOTICE = "Research software. Not a medical device: not for diagnosis, triage or treatment of patients."

router = APIRouter(tags=["model"])


@router.get("/api/model", response_model=ServerFacts, responses=documented())
async def model(service: Serving) -> dict[str, Any]:
    """The first model, its abilities and which kinds of questions it is asked here; and the others."""
    bank = service.bank
    return facts(service.main) | {
        "version": __version__,
        "others": [facts(other) for other in service.models[1:]],
        "bank": None
        if bank is None
        else {"name": bank.path.name, "size": len(bank), "kind": bank.meta.get("kind")},
        "notice": " ".join(filter(None, [NOTICE, service.main.predictor.config.notice])),
    }


def facts(model: ServedModel) -> dict[str, Any]:
    """What the server says of one of its models."""
    predictor = model.predictor
    return {
        "name": model.name,
        "kind": predictor.config.architecture.use,
        "fingerprint": predictor.fingerprint,
        "abilities": sorted(predictor.abilities),
        "offers": list(model.offers),
        "observations": list(predictor.observations or model.prompts or ()),
        "regions": list(REGIONS) if "locate" in model.offers else [],
        "most_films": predictor.most_films,
        "threshold": predictor.box_tuning.threshold if predictor.box_tuning else None,
    }
