"""One shape of error on all routes: {"error": {"code", "message"}}."""

from __future__ import annotations

import logging
from functools import partial
from itertools import chain
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from plainfilm.errors import PlainfilmError

LOG = logging.getLogger("plainfilm.serve")

STATUSES = {
    "bad_request": 400,
    "token_missing": 401,
    "refused": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "too_slow": 408,
    "conflict": 409,
    "too_large": 413,
    "not_possible": 422,
    "too_many_requests": 429,
    "internal": 500,
    "archive_failed": 502,
    "busy": 503,
    "timeout": 504,
}
"""The codes of errors and their HTTP status."""

_CODES = {status: code for code, status in STATUSES.items()}


class ErrorDetail(BaseModel):
    """code: one of a fixed list. message: for people, with the way out."""

    code: str
    message: str


class ErrorDocument(BaseModel):
    """The body of every answer that is an error."""

    error: ErrorDetail


class Problem(Exception):
    """An error that becomes an answer. seconds: after which the client may try again."""

    def __init__(self, code: str, message: str, seconds: int | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.seconds = code, message, seconds


def answer(code: str, message: str, seconds: int | None = None) -> JSONResponse:
    """The response for an error."""
    headers = {} if seconds is None else {"Retry-After": str(seconds)}
    if code == "token_missing":
        headers["WWW-Authenticate"] = "Bearer"
    body = ErrorDocument(error=ErrorDetail(code=code, message=message))
    return JSONResponse(body.model_dump(), STATUSES[code], headers)


def documented(*codes: str) -> dict[int | str, dict[str, Any]]:
    """The entries of the OpenAPI schema for errors of a route."""
    common = ("bad_request", "token_missing", "refused", "too_slow", "too_large", "too_many_requests")
    return {STATUSES[code]: {"model": ErrorDocument} for code in (*common, *codes)}


def _describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI schema, without the shape that FastAPI gives to wrong questions."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        for route in chain.from_iterable(methods.values() for methods in schema["paths"].values()):
            if "HTTPValidationError" in str(route["responses"].get("422")):
                del route["responses"]["422"]
        for name in ("HTTPValidationError", "ValidationError"):
            schema["components"]["schemas"].pop(name, None)
        app.openapi_schema = schema
    return app.openapi_schema


def install(app: FastAPI) -> None:
    """Have `app` answer every error in the one shape, and its schema say so."""
    app.openapi = partial(_describe, app)  # type: ignore[method-assign]

    @app.exception_handler(Problem)
    async def of_problem(request: Request, error: Problem) -> JSONResponse:
        return answer(error.code, error.message, error.seconds)

    @app.exception_handler(PlainfilmError)
    async def of_plainfilm(request: Request, error: PlainfilmError) -> JSONResponse:
        return answer("not_possible", str(error))

    @app.exception_handler(ClientDisconnect)
    async def of_leaving(request: Request, error: ClientDisconnect) -> JSONResponse:
        return answer("bad_request", "the request did not arrive as a whole")  # which nobody reads

    @app.exception_handler(HTTPException)
    async def of_http(request: Request, error: HTTPException) -> JSONResponse:
        return answer(_CODES.get(error.status_code, "bad_request"), str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def of_validation(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return answer("bad_request", f"{place}: {first['msg']}")

    @app.exception_handler(Exception)
    async def of_defect(request: Request, error: Exception) -> JSONResponse:
        # The message may hold what was asked, so the log has the type and place of the error only.
        LOG.error("defect", extra={"error": type(error).__name__, "at": _place(error)})
        return answer("internal", "the server failed on this request; its log has the place")


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
