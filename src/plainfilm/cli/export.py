"""`plainfilm export`: write a model as ONNX, to run without torch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

KEPT = "nothing was written; repeat the command"
"""What Ctrl-C leaves behind, and how to go on."""


def command(
    model: Annotated[Path, typer.Argument(help="Model folder.")],
    *,
    onnx: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write; new or empty.")],
    int8: Annotated[bool, typer.Option(help="Write 8-bit integers; needs --calibrate.")] = False,
    calibrate: Annotated[
        Path | None,
        typer.Option(metavar="COLLECTION", help="Films and labels to set ranges and measure the loss with."),
    ] = None,
    split: Annotated[str, typer.Option(help="Split of the collection.")] = "validation",
    labels: Annotated[
        str | None, typer.Option(metavar="ORIGIN", help="Origin of the labels, where there are several.")
    ] = None,
    most_loss: Annotated[float, typer.Option(help="Macro AUROC that int8 may lose.")] = 0.01,
) -> None:
    """Write a model as ONNX graphs, with its preprocessing, tokenizer and card beside them.

    A graph that differs from the model by more than 1e-4 is not written, nor is one of 8-bit integers that
    loses more AUROC than --most-loss. examples/onnx_runner.py uses the folder without torch.
    """
    from plainfilm.cli.console import console_progress
    from plainfilm.collection import Collection
    from plainfilm.errors import UsageError
    from plainfilm.export import Calibration, export_onnx

    if int8 != (calibrate is not None):
        raise UsageError("--int8 and --calibrate COLLECTION go together: ranges and the loss need films")
    wanted = None
    if calibrate is not None:
        wanted = Calibration(Collection.open(calibrate), split, most_loss=most_loss, labels=labels)
    found = export_onnx(model, onnx, wanted, console_progress(), lambda line: sys.stdout.write(f"{line}\n"))
    sys.stdout.write(f"{onnx}: {', '.join(file.name for file in found.files)}\n")
    if found.not_exported:
        sys.stdout.write(f"not exported: {', '.join(found.not_exported)}\n")
