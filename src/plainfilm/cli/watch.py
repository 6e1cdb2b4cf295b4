"""`plainfilm watch`: answer about the new films of a DICOMweb archive, and write the results back."""

from __future__ import annotations

import sys
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plainfilm.cli.options import TrustCode
from plainfilm.errors import UsageError

if TYPE_CHECKING:
    from plainfilm.download.retry_policy import RetryPolicy

KEPT = "films whose results are in the archive are not done again; repeat the command to go on"
"""What Ctrl-C leaves behind, and how to go on."""

_DAYS = 7
_FOREVER = sys.maxsize
_ATTEMPTS_ONCE = 6
_LONGEST_PAUSE_S = 300.0


def command(
    dicomweb: Annotated[
        str, typer.Option(metavar="URL", help="Address of the archive: http://HOST/dicom-web.")
    ],
    model: Annotated[Path, typer.Option(help="Folder of a model.")],
    state: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder that remembers which films are done.")
    ] = Path("plainfilm-watch"),
    find: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="Locate this phrase; repeatable.")
    ] = None,
    report: Annotated[bool, typer.Option("--report", help="Write a report for each film.")] = False,
    prompts: Annotated[
        str | None, typer.Option(help="Prompt pack, by name or file; by default that of the calibration.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="YYYYMMDD", help="Day of the earliest study; by default a week ago."),
    ] = None,
    interval: Annotated[float, typer.Option(min=1.0, help="Seconds between two looks.")] = 30.0,
    once: Annotated[bool, typer.Option("--once", help="Do what is new, and end.")] = False,
    trust_code: TrustCode = False,
) -> int:
    """Answer about the new chest films of a DICOMweb archive, and store a structured report, a presentation
    state and a picture of each beside it.

    No film is done twice. An archive that is not there is waited for. The value of the Authorization header,
    if the archive wants one, is that of the environment variable PLAINFILM_DICOMWEB_AUTHORIZATION. With
    --once, the exit status is 1 if a film failed.
    """
    import threading

    from plainfilm.dicom_output.predictions import algorithm_of
    from plainfilm.dicomweb.archive import Archive
    from plainfilm.dicomweb.watch import Watcher, summary
    from plainfilm.dicomweb.watch_state import watch_state
    from plainfilm.predictor import load
    from plainfilm.predictor.answers import default_pack
    from plainfilm.predictor.documents import Questions

    first = _day(since)
    archive = Archive(dicomweb, _retries(once))
    predictor = load(model, trust_code=trust_code)
    pack = default_pack(predictor, prompts)
    questions = Questions(find or (), (), report)
    algorithm = algorithm_of(predictor, questions, pack and pack.name)
    with watch_state(state, algorithm.key) as remembered:
        watcher = Watcher(
            archive,
            remembered,
            algorithm,
            lambda films: predictor.answer(films, questions, pack and pack.all_zero_shot()),
            first,
            predictor.config.training_facts.views,
        )
        if once:
            done = watcher.once()
            _say(f"{summary(done)}; {summary(remembered.counts())} in all")
            return int(done["failed"] > 0)
        _say(f"watching {archive.name}; {summary(remembered.counts())} so far")
        watcher.run(interval, threading.Event(), _say)
    return 0


def _day(since: str | None) -> str:
    """The day of the earliest study as DICOM has it.

    Raises:
        UsageError: it is no day.
    """
    if since is None:
        return f"{date.today() - timedelta(days=_DAYS):%Y%m%d}"
    try:
        return f"{date.fromisoformat(since):%Y%m%d}"
    except ValueError:
        raise UsageError(f"--since '{since}': is no day; write it as 20260131") from None


def _retries(once: bool) -> RetryPolicy:
    from plainfilm.download.retry_policy import RetryPolicy

    attempts = _ATTEMPTS_ONCE if once else _FOREVER
    return RetryPolicy(attempts=attempts, longest_wait_s=_LONGEST_PAUSE_S, log=_say)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
