"""For those who run the server: whether it lives, and its metrics."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from plainfilm.serve.problems import documented
from plainfilm.serve.service import Serving

router = APIRouter(tags=["operations"])


@router.get("/healthz")
async def healthz(service: Serving) -> dict[str, str]:
    """The server answers; the model is loaded."""
    return {"status": "ok"}


@router.get(
    "/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}, **documented()}
)
async def metrics(service: Serving) -> Response:
    """Metrics in the text format of Prometheus."""
    return Response(service.meters.text(), media_type=CONTENT_TYPE_LATEST)
