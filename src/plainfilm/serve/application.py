"""Builds the application from its routes."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from plainfilm import __version__
from plainfilm.bank import Bank
from plainfilm.predictor import Predictor
from plainfilm.serve import problems, routes
from plainfilm.serve.guard import Guard
from plainfilm.serve.observing import Observed
from plainfilm.serve.service import Service
from plainfilm.serve.settings import ServerSettings


def build(model: Predictor, bank: Bank | None, settings: ServerSettings) -> FastAPI:
    """The application; see `plainfilm.serve.app`."""
    service = Service(model, bank, settings)

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
        description=f"Questions about chest radiographs to the model {model.name}. Research software.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = service
    app.state.offers = []
    for name in sorted(info.name for info in pkgutil.iter_modules(routes.__path__)):
        module = importlib.import_module(f"{routes.__name__}.{name}")
        offered = getattr(module, "offered", None)
        if offered is None or offered(service):
            app.include_router(module.router)
            app.state.offers += [name] if offered is not None else []
    problems.install(app)
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(Observed, meters=service.meters)
    return app
