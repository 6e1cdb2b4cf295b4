"""Runs the cells of a benchmark: one model, one collection, one task each.

What was evaluated with the same model, collection, options and version is not evaluated again. A cell that
cannot be run has a reason in its place: patients that the model was trained on, nothing to score, or an
ability that the model lacks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plainfilm import __version__, plugins
from plainfilm.benchmark.cost import Cost, measure
from plainfilm.collection import Collection
from plainfilm.config import Settings, build, override
from plainfilm.errors import ConfigError, DataError, LeakageError, UsageError, nearest
from plainfilm.io.tables import read_json, write_json
from plainfilm.predictor import Predictor
from plainfilm.progress import SILENT, Progress
from plainfilm.results import write
from plainfilm.results.compare import read
from plainfilm.results.stored import Stored
from plainfilm.tasks.base import evaluate, lacking, task
from plainfilm.tasks.scoring.measure import check_no_leak

_SUMS = ("chex", "reliance")
"""Tasks that run others; they are run where they are asked for."""
_DONE = "cell.json"
CELLS = "cells"


@dataclass(frozen=True)
class Cell:
    """One model on one collection by one task: its results in `folder`, those of repeated runs below it, or
    the `reason` for none."""

    model: str
    collection: str
    task: str
    folder: Path
    results: tuple[Stored, ...] = ()
    reason: str | None = None


@dataclass(frozen=True)
class Entry:
    """A model of a benchmark. patients_known: whether its training patients are listed, so that leaks were
    looked for. leaks: by collection, what patients it has seen."""

    name: str
    path: Path
    fingerprint: str
    patients_known: bool
    cost: Cost
    leaks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What is run: models by name, collections by name, tasks with their options; the split; resamples and
    seed of the intervals."""

    models: Mapping[str, Path]
    collections: Mapping[str, Collection]
    tasks: Mapping[str, Settings]
    split: str
    resamples: int
    seed: int


def plan(
    models: Sequence[Path],
    collections: Sequence[Path | str],
    tasks: Sequence[str] = (),
    options: Sequence[str] = (),
    *,
    split: str = "test",
    resamples: int = 1000,
    seed: int = 0,
) -> Plan:
    """The plan of a benchmark; without `tasks`, all but those that run others. `options` are TASK.KEY=VALUE.

    Raises:
        UsageError: a task or option that is not known, or one model or collection twice.
        CollectionError: no collection.
    """
    chosen = tuple(tasks) or tuple(name for name in plugins.names("task") if name not in _SUMS)
    opened = [Collection.open(path) for path in collections]
    shared = {"split": split, "resamples": resamples, "seed": seed}
    return Plan(
        dict(zip(_names(models, "model"), models, strict=True)),
        dict(zip(_names([one.path for one in opened], "collection"), opened, strict=True)),
        {name: _options(name, shared, options, chosen) for name in chosen},
        split,
        resamples,
        seed,
    )


def _options(name: str, shared: Mapping[str, Any], options: Sequence[str], tasks: Sequence[str]) -> Settings:
    for option in options:
        owner, separator, _ = option.partition("=")[0].partition(".")
        if not separator or owner not in tasks:
            raise UsageError(f"benchmark: '{option}': write TASK.KEY=VALUE; {nearest(owner, tasks)}")
    own = [option.removeprefix(f"{name}.") for option in options if option.startswith(f"{name}.")]
    return build(task(name).Config, override(dict(shared), own), f"task {name}")


def _names(paths: Sequence[Path], what: str) -> list[str]:
    """A short name of each folder: its own, with as many of those above it as tell it from the others."""
    resolved = [path.resolve() for path in paths]
    if len(set(resolved)) < len(resolved):
        twice = next(path for place, path in enumerate(resolved) if path in resolved[:place])
        raise UsageError(f"benchmark: {what} {twice} is named twice")
    telling = [path.parent if path.name == what else path for path in resolved]  # RUN for RUN/model
    for count in range(1, max((len(path.parts) for path in telling), default=1) + 1):
        names = ["-".join(path.parts[-count:]) for path in telling]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in resolved]


def run(
    plan: Plan,
    out: Path,
    load: Callable[[Path], Predictor],
    progress: Progress = SILENT,
    further: Callable[[str, Mapping[str, str]], Iterable[Cell]] = lambda _name, _leaks: (),
) -> tuple[list[Entry], list[Cell]]:
    """Every cell of the plan, in `out`; leaks are looked for before any score.

    further: more cells of a model, from its name and its leaks by collection.

    Raises:
        LeakageError: every model has seen patients of every collection.
        DataError: nothing could be evaluated.
    """
    entries: list[Entry] = []
    cells: list[Cell] = []
    for name, path in plan.models.items():
        predictor = load(path)
        leaks = dict(_leaks(predictor, plan))
        films = next(iter(plan.collections.values()))
        cost = measure(predictor, films)
        known = predictor.trained_patients is not None
        entries.append(Entry(name, path, predictor.fingerprint, known, cost, leaks))
        for collection in plan.collections:
            for task_name in plan.tasks:
                progress.log(f"{name} on {collection}: {task_name}")
                folder = out / CELLS / name / collection / task_name
                cell = Cell(name, collection, task_name, folder)
                cells.append(_filled(cell, plan, predictor, leaks, progress))
        cells += further(name, leaks)
    if not any(cell.results for cell in cells):
        reasons = dict.fromkeys(cell.reason or "" for cell in cells)
        error = LeakageError if all(entry.leaks for entry in entries) else DataError
        raise error(f"nothing could be evaluated: {'; '.join(reasons)}")
    return entries, cells


def _leaks(predictor: Predictor, plan: Plan) -> Iterator[tuple[str, str]]:
    for name, collection in plan.collections.items():
        try:
            check_no_leak(predictor, [collection], plan.split)
        except LeakageError as error:
            yield name, str(error)


def _filled(
    cell: Cell, plan: Plan, predictor: Predictor, leaks: Mapping[str, str], progress: Progress
) -> Cell:
    module, config = task(cell.task), plan.tasks[cell.task]
    lacks = lacking(module, predictor.abilities)
    reason = leaks.get(cell.collection) or (f"the model lacks: {', '.join(lacks)}" if lacks else None)
    if reason is not None:
        return Cell(cell.model, cell.collection, cell.task, cell.folder, reason=reason)
    collection = plan.collections[cell.collection]
    try:
        stored = evaluate_once(predictor, collection, cell.task, config, cell.folder, progress)
    except (DataError, UsageError, ConfigError) as error:
        progress.log(f"not run: {error}")
        return Cell(cell.model, cell.collection, cell.task, cell.folder, reason=str(error))
    return Cell(cell.model, cell.collection, cell.task, cell.folder, (stored,))


def evaluate_once(
    predictor: Predictor,
    collection: Collection,
    name: str,
    config: Settings,
    folder: Path,
    progress: Progress = SILENT,
) -> Stored:
    """The results of the task `name` in `folder`; evaluated and written unless they are there, of the same
    model, collection, options and version.

    Raises:
        DataError, UsageError, ConfigError: what the task raises.
    """
    state = _state(predictor, collection, name, config)
    if not _is_done(folder, state):
        results = evaluate(task(name), predictor, [collection], config, progress)
        write(results, folder)
        write_json(state, folder / _DONE)
    return read(folder)


def _state(predictor: Predictor, collection: Collection, name: str, config: Settings) -> dict[str, Any]:
    """What decides the results of a cell."""
    options = json.dumps(config.model_dump(mode="json"), sort_keys=True)
    return {
        "model": predictor.fingerprint,
        "collection": collection.fingerprint,
        "task": name,
        "options": hashlib.sha256(options.encode()).hexdigest(),
        "version": __version__,
    }


def _is_done(folder: Path, state: Mapping[str, Any]) -> bool:
    try:
        return (folder / _DONE).is_file() and read_json(folder / _DONE) == state
    except DataError:
        return False
