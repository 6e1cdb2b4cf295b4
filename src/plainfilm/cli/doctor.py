"""`plainfilm doctor`: check the installation, or what Plainfilm has written."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from plainfilm.doctor import Finding

KEPT = "nothing was changed; repeat the command"
"""What Ctrl-C leaves behind, and how to go on."""


def command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]...", help="Collections, banks, results, models or runs to verify."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List what is installed, what works on this machine and what is missing; or verify every file of folders
    against the digests in them, and exit with status 1 if one is missing or damaged."""
    from plainfilm.cli.console import console_progress
    from plainfilm.doctor import examine, verify

    progress = console_progress()
    findings = [one for path in paths for one in verify(path, progress)] if paths else examine()
    _show(findings, as_json)
    if paths and not all(finding.works for finding in findings):
        raise typer.Exit(1)


def _show(findings: Sequence[Finding], as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps([vars(finding) for finding in findings], indent=2) + "\n")
        return
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        mark = {True: "yes", False: "no "}[finding.works]
        sys.stdout.write(f"{mark}  {finding.what:<{width}}  {finding.detail}\n")
