"""`plainfilm import`: convert a published checkpoint to a model folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from plainfilm import plugins

_FAMILIES = ", ".join(name.replace("_", "-") for name in plugins.names("checkpoint family"))


KEPT = "no model was written; repeat the command"
"""What Ctrl-C leaves behind, and how to go on."""


def command(
    family: Annotated[str, typer.Argument(help=f"One of: {_FAMILIES}; or a .py file of your own.")],
    checkpoint: Annotated[Path, typer.Argument(help="The published file or folder.")],
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="What the checkpoint does not tell, e.g. pooling=first_patch; or weights=ema.",
        ),
    ] = None,
    *,
    out: Annotated[Path, typer.Option(metavar="MODEL", help="Folder to write; new or empty.")],
    tokenizer: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|NAME",
            help="Tokenizer of its text encoder; by default the published one, downloaded if necessary. "
            "Of refers also the .model file that reports are written with.",
        ),
    ] = None,
) -> None:
    """Convert a published checkpoint to a model folder for use with the other commands.

    No code in the file is run. Every tensor is used or listed as unused; a missing or unknown tensor is an
    error.
    """
    from plainfilm.checkpoints import import_checkpoint
    from plainfilm.config import override

    options = override({}, settings or [])
    if tokenizer is not None:
        options["tokenizer"] = tokenizer
    imported = import_checkpoint(family, checkpoint, out, options, lambda line: sys.stdout.write(f"{line}\n"))
    tensors = len(imported.model.state_dict())
    sys.stdout.write(f"{out}: {tensors} tensors; unused tensors left out: {len(imported.dropped)}\n")
    sys.stdout.writelines(f"  {name}\n" for name in imported.dropped)
