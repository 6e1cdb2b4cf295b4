"""`plainfilm retrieve`: retrieve the items of a bank that are closest to a film or a text."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from plainfilm.errors import UsageError

KEPT = "nothing was changed; repeat the command"
"""What Ctrl-C leaves behind, and how to go on."""


def command(
    model: Annotated[Path, typer.Argument(help="Folder of the model that embedded the bank.")],
    bank: Annotated[Path, typer.Argument(help="Folder of a bank.")],
    image: Annotated[Path | None, typer.Option(help="The film to search with.")] = None,
    text: Annotated[str | None, typer.Option(help="The text to search with.")] = None,
    k: Annotated[int, typer.Option("-k", "--k", min=1, help="Largest number of items.")] = 10,
    threshold: Annotated[float | None, typer.Option(help="Smallest score of an item.")] = None,
    margin: Annotated[
        float | None, typer.Option(help="Largest difference between the best score and that of an item.")
    ] = None,
    diversity: Annotated[
        float | None, typer.Option(help="0 to 1: weight of diversity among the items.")
    ] = None,
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="Run encoder code that is not Plainfilm's.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Retrieve the items of a bank that are closest to a film or a text."""
    from plainfilm.bank import Bank
    from plainfilm.bank.query import ask
    from plainfilm.bank.selection import SelectionConfig
    from plainfilm.config import build
    from plainfilm.predictor import load

    if (image is None) == (text is None):
        raise UsageError("name either --image FILE or --text TEXT")
    settings = {"k": k, "threshold": threshold, "margin": margin, "diversity": diversity}
    composition = build(SelectionConfig, settings, "retrieve")
    document = ask(load(model, trust_code=trust_code), Bank.open(bank), composition, image=image, text=text)
    if as_json:
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.writelines(_line(result) for result in document["results"])


def _line(result: dict[str, Any]) -> str:
    what = " ".join(str(result.get("text") or result["image"]).split())
    signs = {1: "+", 0: "-", -1: "?"}
    labels = " ".join(f"{signs[state]}{name}" for name, state in result["labels"].items())
    return (
        f"{result['rank']:>3}  {result['score']:.3f}  {what}  [{result['study_id']}]  {labels}".rstrip()
        + "\n"
    )
