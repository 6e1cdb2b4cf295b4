"""Saved work on the server (`--work`), for any browser that reaches it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from fastapi.concurrency import run_in_threadpool

from plainfilm.serve.problems import documented
from plainfilm.serve.schema import ChangedWork, KeptWork, StoredWork, WorkFacts
from plainfilm.serve.served_model import ServedModel
from plainfilm.serve.service import Service, Serving
from plainfilm.serve.work_store import WorkStore

router = APIRouter(tags=["work"])

WorkId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
Revision = Annotated[str, Query(pattern=r"^[0-9a-f]{16}$", description="the one that was seen last")]


def offered(service: Service, model: ServedModel) -> bool:
    """Whether the server keeps work."""
    return service.works is not None and model is service.main


def _works(service: Service) -> WorkStore:
    assert service.works is not None  # the routes are not offered without it
    return service.works


@router.get("/api/work", response_model=list[WorkFacts], responses=documented())
async def listed(service: Serving) -> list[dict[str, Any]]:
    """All saved work, the last saved first."""
    return await run_in_threadpool(_works(service).all)


@router.post(
    "/api/work", response_model=WorkFacts, status_code=201, responses=documented("not_possible", "busy")
)
async def create(asked: KeptWork, service: Serving) -> dict[str, Any]:
    """Keep new work; the answer has its id and revision."""
    return await run_in_threadpool(_works(service).create, asked.model_dump(mode="json"))


@router.get("/api/work/{work_id}", response_model=StoredWork, responses=documented("not_found"))
async def one(work_id: WorkId, service: Serving) -> Response:
    """Saved work as it was kept, with its revision and its steps to undo."""
    content = await run_in_threadpool(_works(service).read, work_id)
    return Response(content, media_type="application/json")


@router.put(
    "/api/work/{work_id}",
    response_model=WorkFacts,
    responses=documented("not_found", "conflict", "not_possible", "busy"),
)
async def replace(work_id: WorkId, asked: ChangedWork, service: Serving) -> dict[str, Any]:
    """Keep work in place of the revision that was seen last; a conflict if somebody has saved it since."""
    record = asked.model_dump(mode="json", exclude={"revision"})
    return await run_in_threadpool(_works(service).replace, work_id, asked.revision, record)


@router.delete("/api/work/{work_id}", status_code=204, responses=documented("not_found", "conflict", "busy"))
async def remove(work_id: WorkId, revision: Revision, service: Serving) -> Response:
    """Remove saved work; a conflict if somebody has saved it since."""
    await run_in_threadpool(_works(service).remove, work_id, revision)
    return Response(status_code=204)
