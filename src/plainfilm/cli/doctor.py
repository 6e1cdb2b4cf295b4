"""`plainfilm doctor`: check the installation."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from plainfilm.cli.console import print_json


def command(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List what is installed, what works on this machine and what is missing."""
    from plainfilm.doctor import examine

    findings = examine()
    if as_json:
        print_json([vars(finding) for finding in findings])
        return
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        mark = {True: "yes", False: "no "}[finding.works]
        sys.stdout.write(f"{mark}  {finding.what:<{width}}  {finding.detail}\n")
