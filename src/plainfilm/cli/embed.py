"""`plainfilm embed`: embed the films, sentences or reports of a collection."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from plainfilm.cli.options import Ray, TrustCode

KEPT = "no bank was written, an earlier one is unchanged; repeat the command"
"""What Ctrl-C leaves behind, and how to go on."""


class Kind(StrEnum):
    """The kinds of item that a bank holds."""

    IMAGES = "images"
    SENTENCES = "sentences"
    REPORTS = "reports"


class IndexKind(StrEnum):
    """How the bank is searched."""

    EXACT = "exact"
    IVFPQ = "ivfpq"
    HNSW = "hnsw"


def command(
    model: Annotated[Path, typer.Argument(help="Folder of a model.")],
    collection: Annotated[Path, typer.Argument(help="Folder of a collection.")],
    what: Annotated[Kind, typer.Option(help="Kind of item to embed.")],
    out: Annotated[Path, typer.Option(help="Folder of the bank.")],
    split: Annotated[str | None, typer.Option(help="train, validation or test; all by default.")] = None,
    text_rule: Annotated[
        str | None, typer.Option(help="Sections that make up a report's text; by default the model's rule.")
    ] = None,
    index: Annotated[
        IndexKind,
        typer.Option(help="exact compares a query with every vector; the others are for millions of them."),
    ] = IndexKind.EXACT,
    ray: Ray = None,
    trust_code: TrustCode = False,
) -> None:
    """Embed a collection's films, sentences or reports into a searchable bank."""
    from plainfilm.bank import build_bank
    from plainfilm.bank.bank import META
    from plainfilm.bank.items import ItemFilter
    from plainfilm.cli.console import console_progress
    from plainfilm.collection import Collection
    from plainfilm.errors import UsageError, nearest
    from plainfilm.io.manifest import changing
    from plainfilm.predictor import load
    from plainfilm.tasks.base import warn
    from plainfilm.types import SPLITS

    if split is not None and split not in SPLITS:
        raise UsageError(f"--split '{split}': {nearest(split, SPLITS)}")
    progress = console_progress()
    with changing(out, META):
        opened = Collection.open(collection)
        predictor = load(model, trust_code=trust_code, ray=ray, progress=progress)
        choice = ItemFilter(split, text_rule or predictor.config.training_facts.text_rule or "best_section")
        bank = build_bank(predictor, opened, what.value, out, choice, progress)
        if index is not IndexKind.EXACT:
            bank = bank.with_index("ivfpq" if index is IndexKind.IVFPQ else "hnsw", progress)
    warn(predictor, progress)
    if (facts := bank.index_facts) is not None:
        found = facts.recall
        sys.stdout.write(
            f"index {facts.kind}: recall@{found.k} {found.value:.3f} [{found.low:.3f}, {found.high:.3f}] of "
            f"exact search, {found.n} items as queries\n"
        )
    sys.stdout.write(f"{out}: {len(bank)} {what.value} of {opened.name}, embedded with {predictor.name}\n")
