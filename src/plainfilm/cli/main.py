"""The `plainfilm` command: every file of this folder with a `command` function is a verb.

Verb files import nothing heavy at the top, so that every `--help` answers at once. Errors that a user can
fix, and every error of the operating system, become one line on standard error and exit status 2; any other
error is a defect and keeps its traceback.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Annotated

import typer
import typer.main

from plainfilm import __version__
from plainfilm.cli import interrupts
from plainfilm.cli.system import (
    discard_output,
    flush_output,
    os_message,
    shortened,
    standard_streams,
    tell_launcher,
)
from plainfilm.errors import PlainfilmError, nearest

_HEARD_S = 0.5
"""Python may tell the main thread of Ctrl-C before the other one."""
_COMPLETE = "_PLAINFILM_COMPLETE"
_NOT_VERBS = ("__init__", "main", "console", "interrupts", "options", "system")
# ClickException, wherever this Typer keeps its click.
_CLICK_ERROR: type[Exception] = typer.BadParameter.mro()[2]


def verbs() -> dict[str, str]:
    """The verbs and their module names, from the files of this folder (`import_.py` is `import`)."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return {file.stem.rstrip("_"): file.stem for file in files if file.stem not in _NOT_VERBS}


def build_app() -> typer.Typer:
    """The command line with all its verbs."""
    app = typer.Typer(
        name="plainfilm",
        help="Vision-language learning on chest radiographs: from films and reports to evaluated models.",
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    for verb, module_name in verbs().items():
        module = importlib.import_module(f"plainfilm.cli.{module_name}")
        app.command(name=verb)(module.command)
    app.callback(help=app.info.help)(_root)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"plainfilm {__version__}\n")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """The options that precede a verb."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    given = sys.argv[1:] if arguments is None else arguments
    with interrupts.watched(partial(_interrupted, given)) as came:
        try:
            status = run(given)
        except Exception:
            if not came.is_set():
                raise
            status = _interrupted(given)  # what other libraries made of Ctrl-C
        if status == interrupts.STATUS and came.wait(_HEARD_S):
            interrupts.leave()
        sys.exit(status)


def run(arguments: list[str]) -> int:
    """Run the command line; return the exit status: 0 done, 1 a finding, 2 an error, 130 interrupted, 141 the
    reader of the output is gone."""
    standard_streams()
    if _COMPLETE in os.environ:  # the shell asks what could come next
        typer.main.get_command(build_app()).main([], prog_name="plainfilm", complete_var=_COMPLETE)
    try:
        if arguments and arguments[0] not in verbs() and not arguments[0].startswith("-"):
            return _fail(f"no command '{arguments[0]}': {nearest(arguments[0], verbs())}")
        status = _invoke(arguments or ["--help"])
        flush_output()
        return status
    except PlainfilmError as error:
        return _fail(str(error))
    except _CLICK_ERROR as error:
        return _fail(f"{_click_message(error)} (see plainfilm {arguments[0]} --help)")
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted(arguments)
    except BrokenPipeError:
        discard_output()
        return 141
    except OSError as error:
        return _fail(os_message(error))
    except RuntimeError as error:
        if not str(error).startswith("Symlink loop"):  # what pathlib makes of ELOOP
            raise
        return _fail(f"{error} (ELOOP): mend the link, or choose another path")
    except UnicodeEncodeError as error:
        return _fail(f"{error.object!r}: cannot be written as {error.encoding}; rename the file")


def _invoke(arguments: list[str]) -> int:
    # Not through `main()` of a click command: it turns a closed pipe into status 1 and hides an interrupt.
    command = typer.main.get_command(build_app())
    try:
        with command.make_context("plainfilm", list(arguments)) as context:
            status = command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    return status if isinstance(status, int) else 0


@cache
def _say_once(line: str) -> None:
    _fail(line)


def _interrupted(arguments: Sequence[str]) -> int:
    """Say what an interrupted command has kept and how to go on; the exit status."""
    verb = next((word for word in arguments if word in verbs()), None)
    kept = importlib.import_module(f"plainfilm.cli.{verbs()[verb]}").KEPT if verb else "nothing was done"
    _say_once(f"interrupted: {kept}")
    return interrupts.STATUS


def _fail(message: str, status: int = 2) -> int:
    line = " ".join(shortened(word) for word in message.split())
    with contextlib.suppress(OSError):
        sys.stderr.write(f"plainfilm: {line}\n")
        sys.stderr.flush()
    tell_launcher(line)
    discard_output()
    return status


def _click_message(error: Exception) -> str:
    message = getattr(error, "format_message", None)
    return message() if message else str(error)
