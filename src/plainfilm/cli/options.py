"""Options that several commands have, in the same words."""

from __future__ import annotations

from typing import Annotated

import typer

TrustCode = Annotated[
    bool, typer.Option("--trust-code", help="Run Python files that the model names.", show_default=False)
]
"""Of commands that load a model."""

Ray = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Compute on a Ray cluster whose nodes see the same files: HOST:PORT, auto, or local.",
        show_default=False,
    ),
]
"""Of commands whose work can be spread over machines."""

TrustCodeOfRun = Annotated[
    bool,
    typer.Option(
        "--trust-code",
        help="Run Python files that a model to start from, or the folder of a run, names.",
        show_default=False,
    ),
]
"""Of commands that train; what the given recipe names is run, unless it lies in the run's folder."""
