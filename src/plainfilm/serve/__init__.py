"""The server: a model behind HTTP, with a workbench for people at `/`.

`app` gives the ASGI application, to be called in process or run by any ASGI server; `plainfilm serve` runs it
with uvicorn. Answers are the documents of `predictor.documents`; a film is encoded once and asked often.
The server is no medical device: it has no notion of a user, and what it answers is for research.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from plainfilm.io.optional import optional_import
from plainfilm.serve.settings import ServerSettings

if TYPE_CHECKING:
    from fastapi import FastAPI

    from plainfilm.bank import Bank
    from plainfilm.predictor import Predictor

__all__ = ["ServerSettings", "app", "check_installed"]


def check_installed() -> None:
    """Check that the packages of the extra `serve` are installed.

    Raises:
        MissingDependency: one is not.
    """
    for module in ("fastapi", "prometheus_client", "uvicorn"):
        optional_import(module, "serve", "the server")


def app(
    model: Predictor,
    bank: Bank | None = None,
    settings: ServerSettings | None = None,
    others: Sequence[Predictor] = (),
) -> FastAPI:
    """The application that answers with `model`, and searches `bank` if there is one.

    Requests may ask one of `others` instead by its name. Only routes that a model has the ability for exist;
    the OpenAPI schema says which.

    Raises:
        MissingDependency: the packages of the extra `serve` are not installed.
        ModelError: the bank was made with another model.
    """
    check_installed()
    from plainfilm.serve.application import build

    return build([model, *others], bank, settings or ServerSettings())
