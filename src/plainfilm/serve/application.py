"""Builds the application from its routes."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI

from plainfilm import __version__
from plainfilm.bank import Bank
from plainfilm.predictor import Predictor
from plainfilm.serve import problems, routes
from plainfilm.serve.guard import Guard
from plainfilm.serve.observing import Observed
from plainfilm.serve.served_model import ServedModel
from plainfilm.serve.service import Service
from plainfilm.serve.settings import ServerSettings


def build(models: Sequence[Predictor], bank: Bank | None, settings: ServerSettings) -> FastAPI:
    """The application; see `plainfilm.serve.app`."""
    service = Service(models, bank, settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        warming = asyncio.create_task(service.warm())
        yield
        warming.cancel()
        service.close()

    # The pages of FastAPI about the schema load scripts of another site, so there are none.
    app = FastAPI(
        title="Plainfilm",
        version=__version__,
        description=f"Questions about chest radiographs to {_listed(service)}. Research software.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = service
    for name in sorted(info.name for info in pkgutil.iter_modules(routes.__path__)):
        module = importlib.import_module(f"{routes.__name__}.{name}")
        offered = getattr(module, "offered", None)
        if offered is None or _offer(name, offered, service):
            app.include_router(module.router)
    problems.install(app)
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(Observed, meters=service.meters)
    return app


def _offer(name: str, offered: Callable[[Service, ServedModel], bool], service: Service) -> bool:
    """Whether a group of routes answers with one of the models, which are told of it."""
    able = [model for model in service.models if offered(service, model)]
    for model in able:
        model.offers.append(name)
    return bool(able)


def _listed(service: Service) -> str:
    names = ", ".join(model.name for model in service.models)
    return f"the model{'s' if len(service.models) > 1 else ''} {names}"
