"""The log of a run: always JSON lines, optionally experiment trackers.

RUN/log.jsonl holds one object per line with `event` "start", "step", "validation" or "end". It mixes values
that repeat exactly (losses, rates) with values that do not (seconds, items per second).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from plainfilm.errors import DataError
from plainfilm.io.files import replacing
from plainfilm.io.optional import missing

Tracker = Literal["tensorboard", "wandb", "mlflow"]

_LONGEST_LINE = 1 << 20


def check_trackers(trackers: Sequence[Tracker]) -> None:
    """Check that the packages of `trackers` are installed.

    Raises:
        MissingDependency: a package is missing; the message has the command that installs it.
    """
    for name in trackers:
        if find_spec(name) is None:
            raise missing(name, name, f"trackers: '{name}'")


class JsonLines:
    """A growing file of JSON lines."""

    def __init__(self, file: Path, keep_to_step: int | None = None) -> None:
        """Append to `file`; with `keep_to_step`, first remove later lines, which a killed run left."""
        self._file = file
        if keep_to_step is not None and file.is_file():
            kept = [line for line in _whole_lines(file) if _step(line) <= keep_to_step]
            text = "".join(f"{json.dumps(line)}\n" for line in kept)
            with replacing(file) as temporary:
                temporary.write_text(text, encoding="utf-8")

    def write(self, event: str, values: Mapping[str, Any]) -> None:
        """Append one line."""
        with self._file.open("a", encoding="utf-8") as opened:
            opened.write(json.dumps({"event": event, **values}) + "\n")
            if event != "step":  # steps after the last checkpoint are made again
                opened.flush()
                os.fsync(opened.fileno())


def read_log(file: Path) -> list[dict[str, Any]]:
    """The events of a log, without a last line that a kill cut off.

    Raises:
        DataError: a line that is no event.
    """
    return list(_whole_lines(file))


def last_event(file: Path) -> str | None:
    """The event of the last whole line of a log, without reading all of it."""
    with file.open("rb") as opened:
        opened.seek(max(0, opened.seek(0, os.SEEK_END) - _LONGEST_LINE))
        lines = [line for line in opened.read().splitlines(keepends=True) if line.endswith(b"\n")]
    return str(_event(lines[-1], file, "the last")["event"]) if lines else None


def _whole_lines(file: Path) -> list[dict[str, Any]]:
    lines = file.read_bytes().splitlines(keepends=True)
    return [_event(line, file, str(number)) for number, line in enumerate(lines, 1) if line.endswith(b"\n")]


def _step(line: Mapping[str, Any]) -> float:
    step = line.get("step", 0)
    return step if isinstance(step, int | float) else 0


def _event(line: bytes, file: Path, number: str) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or not isinstance(values.get("event"), str):
        raise DataError(
            f"{file}: line {number}: is damaged (not an object with the key 'event'): copy the run again, or "
            "start a new one"
        )
    return values


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str | int | float | bool]:
    """`values` as a flat mapping with dotted keys, for experiment trackers.

    >>> flat({"training": {"epochs": 3, "max_steps": None}})
    {'training.epochs': 3, 'training.max_steps': 'None'}
    """
    result: dict[str, str | int | float | bool] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            result |= flat(value, f"{prefix}{key}.")
        else:
            result[f"{prefix}{key}"] = value if isinstance(value, str | int | float | bool) else str(value)
    return result
