"""RUN/index.html: what a run does, readable while it runs.

It is written at the start, at validations (or the ends of rounds without one) and at the end, at most every
few seconds. It shows films and texts of the training data, so it is as confidential as they are.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from plainfilm.batches.dataset import Item
from plainfilm.io.files import replacing
from plainfilm.pages import FilmPicture, film_uri, render
from plainfilm.pages.charts import chart
from plainfilm.training.log import read_log
from plainfilm.training.run_folder import PAGE
from plainfilm.training.setup import Setup
from plainfilm.training.state import Position
from plainfilm.types import State, View

_EXAMPLES, _TEXTS, _LETTERS = 8, 3, 240
_PAUSE_S = 5.0
_STATES = {State.POSITIVE: "", State.NEGATIVE: "no ", State.UNCERTAIN: "possible "}
_MOST_KEPT = 2000
_FACTS_OF_EVENTS = ("event", "step", "epoch", "items_per_second", "best", "is_best", "warnings", "best_step")


@dataclass
class Curve:
    """Points of one value; where there are too many, pairs of neighbours become their mean."""

    points: list[tuple[float, float]] = field(default_factory=list)
    _waiting: list[tuple[float, float]] = field(default_factory=list)
    _each: int = 1

    def add(self, x: float, y: float) -> None:
        """Another point, to the right of all."""
        self._waiting.append((x, y))
        if len(self._waiting) < self._each:
            return
        self.points.append(_mean(self._waiting))
        self._waiting = []
        if len(self.points) >= _MOST_KEPT:
            pairs = range(0, len(self.points) - 1, 2)
            self.points = [_mean(self.points[place : place + 2]) for place in pairs]
            self._each *= 2


def _mean(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    x, y = (sum(values) / len(points) for values in zip(*points, strict=True))
    return x, y


class RunPage:
    """The page of the run in the folder of `log`; `total` steps."""

    def __init__(self, setup: Setup, log: Path, total: int) -> None:
        self._setup, self._file, self._total = setup, log.parent / PAGE, total
        self._curves: dict[str, dict[str, Curve]] = {"loss": {}, "rate": {}, "norm": {}, "validation": {}}
        self._warnings: list[str] = []
        self._facts: Mapping[str, Any] = {}
        self._written_at = float("-inf")
        self._examples = [_example(item, setup) for item in setup.loader.examples(_EXAMPLES)]
        for event in read_log(log) if log.is_file() else ():
            self.add(event)

    def add(self, event: Mapping[str, Any]) -> None:
        """Take up what an event of the log says."""
        step = float(event.get("step", 0))
        values = {
            name: float(value)
            for name, value in event.items()
            if name not in _FACTS_OF_EVENTS and isinstance(value, int | float)
        }
        if event["event"] == "start":
            self._facts = {k: v for k, v in event.items() if k not in ("event", "step", "epoch")}
        elif event["event"] == "step":
            self._point("norm", "gradient norm", step, values.pop("gradient_norm", float("nan")))
            for name, rate in event.get("rates", {}).items():
                self._point("rate", str(name), step, float(rate))
            for name, value in values.items():
                self._point("loss", name, step, value)
        elif event["event"] == "validation":
            self._warnings = list(event.get("warnings", ()))
            for name, value in values.items():
                self._point("validation", name, step, value)

    def _point(self, group: str, name: str, step: float, value: float) -> None:
        self._curves[group].setdefault(name, Curve()).add(step, value)

    def write(self, position: Position, *, is_finished: bool = False, at_once: bool = False) -> None:
        """Write the page, unless it was written just now.

        Raises:
            DataError: it cannot be written.
        """
        now = time.monotonic()
        if not (is_finished or at_once) and now - self._written_at < _PAUSE_S:
            return
        self._written_at = now
        text = render("training/run.html", **self._values(position, is_finished))
        with replacing(self._file, flushed=is_finished) as temporary:
            temporary.write_text(text, encoding="utf-8")

    def _values(self, position: Position, is_finished: bool) -> dict[str, Any]:
        recipe, validator = self._setup.recipe, self._setup.validator
        limits = (0.0, float(self._total))
        charts = [
            *(
                chart(f"{name[:1].upper()}{name[1:]} by step", lines, limits)
                for name, lines in self._measured().items()
            ),
            chart("Learning rate by step", _points(self._curves["rate"]), limits),
            chart("Gradient norm by step", _points(self._curves["norm"]), limits),
        ]
        return {
            "title": f"Run {self._file.resolve().parent.name}",
            "collections": [collection.name for collection in self._setup.collections],
            "model": recipe.model["use"].replace("_", " "),
            "objectives": [Path(one["use"]).stem.replace("_", " ") for one in recipe.objectives],
            "position": position,
            "total": self._total,
            "is_finished": is_finished,
            "metric": None if validator is None else validator.metric,
            "better": None if validator is None else validator.directions[validator.metric],
            "latest": {name: one.points[-1][1] for name, one in self._curves["validation"].items()},
            "charts": [one for one in charts if one is not None],
            "warnings": self._warnings,
            "examples": self._examples,
            "left_out": left_out(self._setup),
            "facts": {name.replace("_", " "): _in_words(value) for name, value in self._facts.items()},
        }

    def _measured(self) -> dict[str, dict[str, list[tuple[float, float]]]]:
        """The lines of everything that training and validation measure, the loss first."""
        training, validation = self._curves["loss"], self._curves["validation"]
        found: dict[str, dict[str, list[tuple[float, float]]]] = {}
        for name in dict.fromkeys(("loss", *validation, *training)):
            pairs = {"training": training.get(name), "validation": validation.get(name)}
            found[name] = {what: curve.points for what, curve in pairs.items() if curve is not None}
        return found


def _points(curves: Mapping[str, Curve]) -> dict[str, list[tuple[float, float]]]:
    return {name: curve.points for name, curve in curves.items()}


def left_out(setup: Setup) -> dict[str, int]:
    """What of the collections is not trained on, with the reason."""
    rows = setup.loader.dataset.rows
    items, used = setup.loader.items(), setup.loader.batches() * setup.loader.batch_size
    counts = {
        "studies without a text that the recipe reads": rows.without_text,
        "studies without labels that the recipe reads": rows.without_labels,
        "studies without a film that the recipe takes": rows.without_image,
        "files and rows that were rejected when the collections were prepared": sum(
            collection.table("rejected").num_rows for collection in setup.collections
        ),
        "items of each epoch that do not fill a batch, others each time": max(0, items - used),
    }
    return {reason: count for reason, count in counts.items() if count}


def _example(item: Item, setup: Setup) -> dict[str, Any]:
    side = setup.recipe.preprocessing.size
    squares = [] if item.pixels is None else list(item.pixels)
    names = setup.loader.dataset.rows.observations
    return {
        "name": item.item_id,
        "views": [str(tuple(View)[code]) for code in item.projections],
        "films": [FilmPicture(film_uri(square, min(side, 384)), side, side) for square in squares],
        "texts": [_shortened(text) for text in _texts(item.values)][:_TEXTS],
        "labels": _labels(item.values.get("labels"), names),
    }


def _texts(value: Any) -> Iterator[str]:
    """The texts in the value of a target, whatever its form."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
    elif dataclasses.is_dataclass(value):
        for part in dataclasses.fields(value):
            yield from _texts(getattr(value, part.name))


def _labels(states: Any, observations: Sequence[str]) -> list[str]:
    if not isinstance(states, np.ndarray) or len(states) != len(observations):
        return []
    known = set(State)
    pairs = [(name, int(state)) for name, state in zip(observations, states, strict=True)]
    return [f"{_STATES[State(state)]}{name}" for name, state in pairs if state in known]


def _shortened(text: str) -> str:
    return text if len(text) <= _LETTERS else f"{text[:_LETTERS]}…"


def _in_words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    return str(value)


def write_stages_page(folder: Path, stages: Sequence[str]) -> None:
    """Write the page of a run with stages: links to the page of each, below `folder`.

    Raises:
        DataError: it cannot be written.
    """
    text = render("training/stages.html", title=f"Run {folder.resolve().name}", stages=stages, page=PAGE)
    with replacing(folder / PAGE) as temporary:
        temporary.write_text(text, encoding="utf-8")
