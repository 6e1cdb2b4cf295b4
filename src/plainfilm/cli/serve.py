"""`plainfilm serve`: a model behind HTTP, and a workbench for people."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from plainfilm.cli.options import TrustCode

KEPT = "films that were opened are removed, and work that was not saved is lost; repeat the command"
"""What Ctrl-C leaves behind, and how to go on."""

TOKEN = "PLAINFILM_TOKEN"
"""The environment variable of the token: the arguments of a command are seen by everybody on a machine."""


def command(
    models: Annotated[
        list[Path],
        typer.Argument(metavar="MODEL...", help="Folders of models; the first answers by default."),
    ],
    bank: Annotated[Path | None, typer.Option(help="Folder of a bank to search.")] = None,
    host: Annotated[
        str, typer.Option(help=f"Address to listen at; others than this machine's need {TOKEN}.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes a free one.")
    ] = 8000,
    name: Annotated[
        list[str] | None, typer.Option(help="Another host name that requests may state; repeatable.")
    ] = None,
    films: Annotated[
        Path | None, typer.Option(help="Folder of films that requests may open by path.")
    ] = None,
    dicomweb: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The one DICOMweb archive that studies may be opened from."),
    ] = None,
    work: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the work that people save.")
    ] = None,
    keep_films: Annotated[
        bool,
        typer.Option(
            "--keep-films/--no-keep-films", help="Keep copies of the films of saved work below --work."
        ),
    ] = True,
    prompts: Annotated[
        str | None,
        typer.Option(help="Prompt pack, by name or file; by default the one the model was calibrated with."),
    ] = None,
    trust_code: TrustCode = False,
) -> None:
    """Serve models: questions over HTTP, and the workbench, a page to open films and work on them.

    Only this machine reaches it, unless --host says otherwise. Research software, not a medical device.
    """
    from plainfilm.bank import Bank
    from plainfilm.config import build
    from plainfilm.predictor import load
    from plainfilm.serve import ServerSettings, app, check_installed

    check_installed()
    from plainfilm.serve.running import run

    values = {"host": host, "port": port, "names": tuple(name or ()), "films": films, "prompts": prompts}
    values |= {"dicomweb": dicomweb, "work": work, "keep_films": keep_films}
    values |= {"token": os.environ.get(TOKEN) or None}
    settings = build(ServerSettings, values, "serve")
    settings.check()
    opened = None if bank is None else Bank.open(bank)
    first, *others = (load(model, trust_code=trust_code) for model in models)
    application = app(first, opened, settings, others)
    run(application, settings, sys.stdout.write)
