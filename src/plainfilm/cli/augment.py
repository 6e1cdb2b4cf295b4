"""`plainfilm augment`: paraphrase the sentences of a collection by back-translation."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

_PUBLISHED = ("Helsinki-NLP/opus-mt-en-{}", "Helsinki-NLP/opus-mt-{}-en")


KEPT = "finished translations are kept; repeat the command to continue"
"""What Ctrl-C leaves behind, and how to go on."""


class Split(StrEnum):
    """The splits of a collection."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


def command(
    collection: Annotated[Path, typer.Argument(help="Collection to which the table text_variants is added.")],
    there: Annotated[
        str | None,
        typer.Option(help="MarianMT model from English: a folder, package:NAME/folder or hub name."),
    ] = None,
    back: Annotated[str | None, typer.Option(help="MarianMT model into English.")] = None,
    pivot: Annotated[
        str | None, typer.Option(help="Instead of both: a language of the OPUS-MT models, such as it.")
    ] = None,
    into: Annotated[
        str | None, typer.Option(help="Language code if the first model knows several, such as cmn_Hant.")
    ] = None,
    temperature: Annotated[
        str, typer.Option(metavar="THERE[,BACK]", help="Sampling temperature in each direction.")
    ] = "1.0,1.0",
    beams: Annotated[int, typer.Option(min=1, help="Number of beams.")] = 5,
    batch_size: Annotated[int, typer.Option(min=1, help="Sentences per batch.")] = 32,
    seed: Annotated[
        int, typer.Option(help="Another seed adds other paraphrases to those already stored.")
    ] = 42,
    split: Annotated[
        list[Split] | None, typer.Option(help="Split to paraphrase; may be repeated. By default train.")
    ] = None,
    rejected: Annotated[
        Path | None, typer.Option(help="JSON lines file for rejected translations and the reasons.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes, each with both models; all cores by default, one with a GPU."),
    ] = None,
) -> None:
    """Translate the sentences of a collection to another language and back, and keep the paraphrases that the
    labeller labels the same. Recipes use them with data.paraphrase and data.paraphrase_by=[table]."""
    from plainfilm.cli.console import console_progress
    from plainfilm.collection import Collection
    from plainfilm.collection.augment import BackTranslation, augment_collection

    first, second = _models(there, back, pivot)
    temperatures = _temperatures(temperature)
    opened = Collection.open(collection)
    job = BackTranslation(first, second, into, temperatures, beams, batch_size, seed)
    splits = [one.value for one in split or [Split.TRAIN]]
    progress = console_progress()
    done = augment_collection(
        opened, job, splits, workers=workers or _one_with_a_gpu(), rejected=rejected, progress=progress
    )
    lines = [
        f"{collection}: {done.kept} of {done.texts} distinct sentences paraphrased ({done.sentences} "
        "occurrences); not paraphrased:",
        *(f"{count:8d}  {reason}" for reason, count in done.reasons.items()),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def _models(there: str | None, back: str | None, pivot: str | None) -> tuple[str, str]:
    from plainfilm.errors import UsageError

    if pivot is not None and there is None and back is None:
        first, second = (name.format(pivot) for name in _PUBLISHED)
        return first, second
    if pivot is not None or there is None or back is None:
        raise UsageError(
            "name two models with --there and --back, or a language of the OPUS-MT models with --pivot"
        )
    return there, back


def _temperatures(text: str) -> tuple[float, float]:
    from plainfilm.errors import UsageError

    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) not in (1, 2) or not all(0.0 < value < float("inf") for value in values):
        raise UsageError(f"--temperature {text}: give one number above 0, or two, such as 1.0,0.7")
    return values[0], values[-1]


def _one_with_a_gpu() -> int | None:
    import torch

    return 1 if torch.cuda.is_available() else None
