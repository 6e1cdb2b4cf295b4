"""`plainfilm push`: put a model on the Hugging Face Hub."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

KEPT = "nothing was changed here; repeat the command"
"""What Ctrl-C leaves behind, and how to go on."""


def command(
    model: Annotated[Path, typer.Argument(help="Folder of a model.")],
    repository: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="Name of the model on the Hub.")],
    public: Annotated[bool, typer.Option("--public", help="Let everybody read it; private without.")] = False,
    with_patients: Annotated[
        bool, typer.Option("--with-patients", help="Include the hashes of the training patients.")
    ] = False,
) -> None:
    """Put a model on the Hugging Face Hub: weights, settings, tokenizers and its card, no code and no pickle.

    Log in first with `hf auth login`, or set HF_TOKEN. Others load it with plainfilm.load("hf://OWNER/NAME"),
    or name hf://OWNER/NAME wherever a command takes a MODEL. A public model may tell about its training data:
    see that their licence allows it.
    """
    from plainfilm.model_folder.hub import push_model

    address = push_model(model, repository, private=not public, with_patients=with_patients)
    sys.stdout.write(f"{address}\n")
