"""The `plainfilm` command: every file of this folder with a `command` function is a verb.

Verb files import nothing heavy at the top, so that every `--help` answers at once. Errors that a user can
fix become one line on standard error and exit status 2; any other error is a defect and keeps its
traceback.
"""

from __future__ import annotations

import errno
import importlib
import sys
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Annotated

import typer

from plainfilm import __version__
from plainfilm.cli import interrupts
from plainfilm.errors import PlainfilmError, nearest

_HEARD_S = 0.5
"""Python may tell the main thread of Ctrl-C before the other one."""
_NOT_VERBS = ("__init__", "main", "console", "interrupts")
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
        add_completion=False,
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
    """Run the command line; return the exit status: 0 done, 1 a finding, 2 an error, 130 interrupted."""
    try:
        if arguments and arguments[0] not in verbs() and not arguments[0].startswith("-"):
            return _fail(f"no command '{arguments[0]}': {nearest(arguments[0], verbs())}")
        status = build_app()(arguments or ["--help"], standalone_mode=False)
        if status == interrupts.STATUS:  # what Typer makes of Ctrl-C
            return _interrupted(arguments)
        return status if isinstance(status, int) else 0
    except PlainfilmError as error:
        return _fail(str(error))
    except _CLICK_ERROR as error:
        return _fail(f"{_click_message(error)} (see plainfilm {arguments[0]} --help)")
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted(arguments)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of the pipe is gone; no further output is possible
        return 141
    except OSError as error:
        return _fail(_os_message(error))


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
    sys.stderr.write(f"plainfilm: {' '.join(message.split())}\n")
    return status


def _click_message(error: Exception) -> str:
    message = getattr(error, "format_message", None)
    return message() if message else str(error)


def _os_message(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    if error.errno == errno.ENOSPC:
        return f"{place}the disk is full; free some space and repeat the command"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{place}{error.strerror}; choose another folder or change its permissions"
    if error.errno == errno.ENOENT:
        return f"{place}no such file or folder"
    raise error
