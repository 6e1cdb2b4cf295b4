"""`plainfilm prompts`: show, check and copy the prompts for observations."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plainfilm.cli.console import output_console, print_json

if TYPE_CHECKING:
    from plainfilm.prompts import PromptPack


KEPT = "nothing was written; repeat the command"
"""What Ctrl-C leaves behind, and how to go on."""


class Action(StrEnum):
    """The actions on a pack."""

    SHOW = "show"
    LINT = "lint"
    COPY = "copy"


def command(
    action: Annotated[
        Action,
        typer.Argument(
            help="show its sentences, lint it (exit 1 if there is a problem), or copy it to a file to edit."
        ),
    ],
    pack: Annotated[
        str | None,
        typer.Argument(metavar="[NAME | FILE]", help="A shipped pack, or a YAML or JSON file of your own."),
    ] = None,
    observation: Annotated[
        str | None, typer.Option(help="With show: every sentence of this observation.")
    ] = None,
    collection: Annotated[
        Path | None, typer.Option(help="With lint: compare with the labels of this collection.")
    ] = None,
    vocabulary: Annotated[
        str | None, typer.Option(help="With lint: compare with the observations of this vocabulary.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="With copy: the file to write.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document and nothing else.")] = False,
) -> None:
    """Show, check or copy a prompt pack: the sentences that state, deny or suspect each observation."""
    from plainfilm.errors import UsageError
    from plainfilm.prompts import load_pack, pack_names

    owners = {
        "observation": (observation, Action.SHOW),
        "collection": (collection, Action.LINT),
        "vocabulary": (vocabulary, Action.LINT),
        "out": (out, Action.COPY),
    }
    for option, (value, owner) in owners.items():
        if value is not None and owner is not action:
            raise UsageError(f"--{option} goes with 'prompts {owner}', not with 'prompts {action}'")
    if pack is None:
        raise UsageError(f"name a prompt pack: {', '.join(pack_names())}, or a .yaml or .json file")
    if action is Action.LINT:
        _lint(pack, _labels(collection, vocabulary), as_json)
    elif action is Action.COPY:
        _copy(pack, out)
    else:
        _show(load_pack(pack), observation, as_json)


def _lint(pack: str, labels: list[str] | None, as_json: bool) -> None:
    from dataclasses import asdict

    from plainfilm.prompts.lint import lint

    listed = lint(pack, labels)
    if as_json:
        print_json([asdict(problem) for problem in listed])
    else:
        for problem in listed:
            sys.stdout.write(f"{'note: ' if problem.is_note else ''}{problem}\n")
    problems = sum(not problem.is_note for problem in listed)
    if not as_json:
        sys.stdout.write(f"{pack}: {problems or 'no'} problem{'s' if problems != 1 else ''}\n")
    if problems:
        raise typer.Exit(1)


def _labels(folder: Path | None, vocabulary: str | None) -> list[str] | None:
    """The observations of a vocabulary and those that a collection is labelled with, as training reads it."""
    from plainfilm.collection import Collection
    from plainfilm.collection.label_origins import origins, preferred_origins
    from plainfilm.collection.labels import LabelReader
    from plainfilm.labelling.vocabularies import load_vocabulary

    if folder is None and vocabulary is None:
        return None
    names = set(load_vocabulary(vocabulary).observations) if vocabulary else set()
    if folder is not None:
        collection = Collection.open(folder)
        read = preferred_origins(collection, ()) or origins(collection)
        names |= set(LabelReader(collection, read).observations)
    return sorted(names)


def _copy(pack: str, out: Path | None) -> None:
    from plainfilm.errors import UsageError
    from plainfilm.io.files import replacing
    from plainfilm.io.locks import writing_file
    from plainfilm.prompts.pack_file import pack_path

    if out is None:
        raise UsageError(f"name a file: plainfilm prompts copy {pack} --out {pack}-of-ours.yaml")
    text = pack_path(pack).read_text(encoding="utf-8")
    with writing_file(out, new=True), replacing(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{out}: edit it, then: plainfilm prompts lint {out}\n")


def _show(pack: PromptPack, observation: str | None, as_json: bool) -> None:
    from plainfilm.prompts.pack_file import STATES

    names = pack.observations if observation is None else (pack.observation(observation),)
    sentences: dict[str, dict[str, tuple[str, ...]]] = {
        name: {key: pack.sentences(name, state) for key, state in STATES.items()} for name in names
    }
    if as_json:
        document = _facts(pack) | {"observations": sentences}
        print_json(document)
    elif observation is not None:
        _show_sentences(sentences[names[0]])
    else:
        _show_counts(pack, sentences)


def _facts(pack: PromptPack) -> dict[str, Any]:
    facts = ("name", "version", "language", "fingerprint", "normal", "aliases", "sets")
    return {name: getattr(pack, name) for name in facts}


def _show_sentences(by_state: dict[str, tuple[str, ...]]) -> None:
    for key, sentences in by_state.items():
        sys.stdout.write(f"{key}: {len(sentences)}\n")
        sys.stdout.writelines(f"  {sentence}\n" for sentence in sentences)


def _show_counts(pack: PromptPack, sentences: dict[str, dict[str, tuple[str, ...]]]) -> None:
    from rich.table import Table

    title = f"{pack.name} {pack.version}, {pack.language}, {pack.fingerprint[:12]}"
    table = Table("observation", "positive", "negative", "uncertain", "example", title=title)
    for name, by_state in sentences.items():
        counts = [str(len(texts)) for texts in by_state.values()]
        table.add_row(name, *counts, next(iter(by_state["positive"]), ""))
    output_console().print(table)
