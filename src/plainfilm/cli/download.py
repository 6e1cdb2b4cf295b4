"""`plainfilm download`: download a published corpus."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from plainfilm.download import Summary
    from plainfilm.download.item import Item


KEPT = "finished files and parts are kept; repeat the command to continue"
"""What Ctrl-C leaves behind, and how to go on."""


def command(
    source: Annotated[
        str | None, typer.Argument(help="Name of a corpus, e.g. mimic_cxr; without one, all are listed.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the raw data; new, or unfinished.")] = None,
    edition: Annotated[str | None, typer.Option(help="A release other than the default.")] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Only these paths (*.csv.gz) or a group (tables); repeatable."),
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="List the files without downloading them.")] = False,
    user: Annotated[str | None, typer.Option(help="Your user name on PhysioNet.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=32, help="Number of parallel downloads.")] = 4,
    recheck: Annotated[
        bool, typer.Option("--recheck", help="Compute the checksums of finished files again.")
    ] = False,
    attempts: Annotated[int, typer.Option(min=1, help="Largest number of attempts without progress.")] = 8,
    timeout: Annotated[float, typer.Option(min=1, help="Longest wait for a server, in seconds.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document and nothing else.")] = False,
) -> None:
    """Download a corpus in the layout that `plainfilm prepare` reads; repeat the command to continue.

    PhysioNet's user and password come from PHYSIONET_USER and PHYSIONET_PW, ~/.netrc or a prompt; Kaggle's
    token comes from KAGGLE_USERNAME and KAGGLE_KEY or kaggle.json. Options hold no passwords. Every file is
    checked before it gets its final name.
    """
    from plainfilm.errors import DownloadError, UsageError

    if source is None:
        _show_corpora(as_json)
        return
    from plainfilm import download
    from plainfilm.cli.console import console_progress
    from plainfilm.download.retry_policy import RetryPolicy

    download.corpus(source).parts(source, edition)
    if out is None and not show:
        raise UsageError(f"name a folder: plainfilm download {source} --out RAW, or use --list")
    progress = console_progress()
    access = download.Access(
        user=user,
        ask=functools.cache(_ask) if sys.stdin.isatty() else None,
        retries=RetryPolicy(attempts, log=progress.log),
        timeout_s=timeout,
        progress=progress,
    )
    if out is None or show:
        _show_items(download.listing(source, edition, only or (), access), as_json)
        return
    done = download.download(
        source, out, edition=edition, only=only or (), workers=workers, recheck=recheck, access=access
    )
    sys.stdout.write(f"{json.dumps(done.to_json(), indent=2)}\n" if as_json else f"{_sentence(done)}\n")
    if done.failed:
        path, reason = done.failed[0]
        raise DownloadError(
            f"{len(done.failed)} of {done.files} files could not be fetched, the first is {path} ({reason}); "
            "repeat the command to try them again"
        )


def _ask(host: str, user: str | None) -> tuple[str, str]:
    """Ask for user name and password on the terminal; the password is not shown."""
    import getpass

    if user is None:
        sys.stderr.write(f"User name on {host}: ")
        sys.stderr.flush()
        user = sys.stdin.readline().strip()
    return user, getpass.getpass(f"Password of {user} on {host}: ", sys.stderr)


def _show_corpora(as_json: bool) -> None:
    from plainfilm.download.corpus_index import corpus, corpus_names

    entries = {name: corpus(name) for name in corpus_names()}
    if as_json:
        table = {name: entry.model_dump(exclude_defaults=True) for name, entry in entries.items()}
        sys.stdout.write(json.dumps(table, indent=2) + "\n")
        return
    for name, entry in entries.items():
        how = "by hand" if entry.by_hand else ", ".join(entry.editions)
        sys.stdout.write(f"{name:<15} {entry.title} ({how}); {entry.agreement}\n")


def _show_items(items: list[Item], as_json: bool) -> None:
    known = sum(item.size or 0 for item in items)
    unknown = sum(item.size is None for item in items)
    if as_json:
        files = [{"path": item.path, "bytes": item.size, "sha256": item.sha256} for item in items]
        sys.stdout.write(json.dumps({"files": files, "bytes": known, "unknown": unknown}) + "\n")
        return
    for item in items:
        size = "unknown" if item.size is None else f"{item.size:,}"
        sys.stdout.write(f"{size:>15}  {item.path}\n")
    more = f" and {unknown} of unknown size" if unknown else ""
    sys.stdout.write(f"{len(items)} files, {known / 1e6:,.1f} MB{more}\n")


def _sentence(done: Summary) -> str:
    known = sorted((how, count) for how, count in done.checked.items() if how != "unchecked")
    checks = ", ".join(f"{count} by {how}" for how, count in known)
    return (
        f"{done.out}: {done.fetched} files fetched ({done.received / 1e6:,.1f} MB), {done.kept} kept, "
        f"{len(done.failed)} failed; checked: {checks or 'while unpacking'}"
    )
