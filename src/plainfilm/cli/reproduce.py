"""`plainfilm reproduce`: the values of a paper, from its weights and corpora, beside the published ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plainfilm.errors import UsageError

if TYPE_CHECKING:
    from plainfilm.reproduce.plan import Plan

KEPT = "finished steps are kept; repeat the command to go on"
"""What Ctrl-C leaves behind, and how to go on."""

MISSING = 1
"""The exit status where something is missing; what can be run without it is run."""


def command(
    paper: Annotated[
        str | None, typer.Argument(metavar="[PAPER]", help="A paper's name; without one, all are listed.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Options of the import, e.g. tokenizer=FOLDER."),
    ] = None,
    *,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]PATH", help="Published weights: a file, or a folder of such; repeatable."
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]FOLDER", help="A raw corpus or a collection of one; repeatable."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of all steps, the table and the page.")] = None,
    phantom: Annotated[
        bool, typer.Option("--phantom", help="A small run on phantoms: shows that everything runs, no more.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the steps and what is missing.")] = False,
) -> None:
    """Repeat a published paper: import, prepare, label, train and evaluate as its manifest says; one page.

    What is missing is listed with where to get it, and the rest is run; the exit status is then 1. A second
    run does only what is not done.
    """
    from plainfilm.config import override
    from plainfilm.reproduce import manifest
    from plainfilm.reproduce.inputs import given
    from plainfilm.reproduce.plan import Plan
    from plainfilm.reproduce.report import plan_lines

    if paper is None:
        sys.stdout.writelines(f"{line}\n" for line in _listed())
        return
    chosen = manifest.paper(paper)
    if phantom and data:
        raise UsageError("--phantom makes its own corpora: leave out --data")
    if out is None and not dry_run:
        raise UsageError("reproduce: name a folder with --out, or use --dry-run")
    places = given(chosen, weights or (), data or ())
    plan = Plan(chosen, out or Path(), places, override({}, settings or []), phantom)
    if dry_run:
        sys.stdout.writelines(f"{line}\n" for line in plan_lines(plan))
        return
    if _run(plan, paper):
        raise typer.Exit(MISSING)


def _listed() -> list[str]:
    from plainfilm.reproduce.manifest import paper, papers

    lines = []
    for name in papers():
        entry = paper(name)
        read = sum(value.value is not None for value in entry.values)
        lines.append(f"{name:<12} {entry.title}")
        lines.append(f"{'':<12} {read} of {len(entry.values)} published values read from a source")
    return lines


def _run(plan: Plan, name: str) -> bool:
    """Run a plan and write its page; whether anything is missing."""
    from plainfilm.cli.console import console_progress
    from plainfilm.io.manifest import changing
    from plainfilm.reproduce import report
    from plainfilm.reproduce.steps import Running
    from plainfilm.reproduce.verdicts import rows

    with changing(plan.out, report.META):
        progress = console_progress()
        for line in report.missing_lines(plan):
            progress.log(line)
        found = rows(plan, Running(plan, progress).all())
        report.write(plan, name, found)
    sys.stdout.writelines(f"{line}\n" for line in report.as_lines(plan, found))
    sys.stdout.write(f"{plan.out / 'index.html'}\n")
    return bool(plan.missing)
