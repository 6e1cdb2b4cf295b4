"""Runs the steps of a plan, each by the function of the verb it is named after, and never twice.

OUT/phantoms/CORPUS          raw phantoms, with `--phantom`
OUT/collections/CORPUS       what was prepared of a raw folder
OUT/models/MODEL             an imported model, or the run of a trained one
OUT/results/EVALUATION/MODEL results (`results.folder`), or the runs of a fine-tuning
OUT/done/STEP.json           of what a finished step was made
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plainfilm import finetuning
from plainfilm.benchmark.cells import evaluate_once
from plainfilm.checkpoints import import_checkpoint
from plainfilm.collection import Collection, prepare
from plainfilm.collection.collection import META
from plainfilm.collection.label import label_collection
from plainfilm.config import build
from plainfilm.errors import ConfigError, DataError, UsageError
from plainfilm.finetuning import FractionGrid, finetune
from plainfilm.io.folders import default_options, default_raw
from plainfilm.io.locks import is_taken
from plainfilm.io.tables import read_json, write_json
from plainfilm.model_folder.shipped import SHIPPED
from plainfilm.phantom.write import write_once
from plainfilm.predictor import Predictor, load
from plainfilm.progress import SILENT, Progress
from plainfilm.reproduce.manifest import Evaluation, ModelEntry
from plainfilm.reproduce.plan import STAND_IN, Plan
from plainfilm.results.reading import read_document
from plainfilm.tasks.base import task
from plainfilm.training.runner import Runner
from plainfilm.training.stages import load_stages

_ON_PHANTOMS = {"resamples": 100, "untrained": False}
"""Options of tasks that have them: values on phantoms are no result, so that intervals need not be fine, nor
baselines dear."""


@dataclass(frozen=True)
class Outcome:
    """What an evaluation of a model came to: the documents of its results, by fraction of a fine-tuning and
    repeat, in `folder`; or the `reason` for none."""

    evaluation: str
    model: str
    folder: Path
    documents: Mapping[float | None, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    reason: str | None = None


@dataclass
class Running:
    """A plan while it runs; what is open is kept open."""

    plan: Plan
    progress: Progress = SILENT
    _collections: dict[str, Collection] = field(default_factory=dict)

    def all(self) -> list[Outcome]:
        """Every evaluation of every model: run, or with the reason for not being run."""
        outcomes = []
        for model in self.plan.models:
            mine = {
                name: one
                for name, one in self.plan.paper.evaluations.items()
                if model in self.plan.models_of(one)
            }
            ready = {name for name, one in mine.items() if not self._why_not(name, one, model)}
            path = self.model(model) if ready else None
            predictor = load(path) if path and any(mine[name].finetune is None for name in ready) else None
            for name, one in mine.items():
                reason = self._why_not(name, one, model)
                if reason or path is None:
                    folder = self.plan.results(name, model)
                    outcomes.append(Outcome(name, model, folder, reason=reason))
                else:
                    outcomes.append(self._outcome(name, one, model, path, predictor))
        return outcomes

    def _why_not(self, name: str, one: Evaluation, model: str) -> str:
        """The reason for not running an evaluation; empty if it can be run."""
        if self.plan.phantom and name in self.plan.paper.phantom.lacks:
            return self.plan.paper.phantom.lacks[name]
        lacking = self.plan.lacks(one, model)
        return f"missing: {'; '.join(missing.name for missing in lacking)}" if lacking else ""

    def collection(self, name: str) -> Collection:
        """The corpus of this name, prepared and labelled; a given collection is taken as it is."""
        if name not in self._collections:
            given = self.plan.given.data.get(name)
            is_collection = given is not None and (given / META).is_file()
            path = given if given is not None and is_collection else self._prepared(name)
            self._collections[name] = Collection.open(path)
        return self._collections[name]

    def _prepared(self, name: str) -> Path:
        plan, entry = self.plan, self.plan.paper.corpora[name]
        out, size, raw = plan.collection(name), entry.size, plan.given.data.get(name)
        options = dict(entry.options)
        if plan.phantom:
            raw, size = self._phantoms(name), min(size, plan.paper.phantom.size)
            options |= plan.paper.phantom.corpora.get(name, {})
        elif raw is not None and raw == default_raw(entry.source):
            options = default_options(entry.source) | options
        state = {"raw": str(raw), "source": entry.source, "size": size, "options": options}

        mark = plan.mark("prepare", name)
        if raw is not None and not _is_done(mark, state):
            self.progress.log(f"prepare {name} -> {out}")
            prepare(entry.source, raw, out, size=size, options=options, progress=self.progress)
            if entry.label:
                self.progress.log(f"label {name}")
                label_collection(Collection.open(out), entry.label, progress=self.progress)
            write_json(state, mark)
        return out

    def _phantoms(self, name: str) -> Path:
        phantom, source = self.plan.paper.phantom, self.plan.paper.corpora[name].source
        out = self.plan.out / "phantoms" / name
        write_once(
            source, out, studies=phantom.studies, seed=_SEED, size=phantom.size, progress=self.progress
        )
        return out

    def model(self, name: str) -> Path:
        """The folder of a model: imported, trained, or the stand-in."""
        plan = self.plan
        if name != STAND_IN:
            entry = plan.paper.models[name]
            return self._imported(name, entry) if entry.family else self._trained(name, entry)
        stand_in = plan.stand_in
        return self._trained(name, stand_in) if stand_in else SHIPPED / str(plan.paper.phantom.model)

    def _imported(self, name: str, entry: ModelEntry) -> Path:
        out, file = self.plan.model(name), self.plan.given.weights.get(name)
        if file is None:
            return out
        options = {**entry.options, **self.plan.options}
        facts = file.stat()
        state = {"file": str(file), "bytes": facts.st_size, "modified": facts.st_mtime_ns}
        state |= {"family": entry.family, "options": {key: str(value) for key, value in options.items()}}
        mark = self.plan.mark("import", name)
        if not _is_done(mark, state):
            self.progress.log(f"import {name}: {file} -> {out}")
            import_checkpoint(str(entry.family), file, out, options, self.progress.log)
            write_json(state, mark)
        return out

    def _trained(self, name: str, entry: ModelEntry) -> Path:
        out = self.plan.model(name)
        self.progress.log(f"train {entry.recipe} -> {out}")
        collections = [self.collection(one) for one in entry.data]
        recipe = load_stages(str(entry.recipe), entry.overrides)
        return Runner(collections, out, is_taken(out), self.progress).train(recipe)

    def _outcome(
        self, name: str, one: Evaluation, model: str, path: Path, predictor: Predictor | None
    ) -> Outcome:
        folder = self.plan.results(name, model)
        self.progress.log(f"{one.title}: {model}")
        try:
            collection = self.collection(one.corpus)
            documents = (
                self._fine_tuned(one, path, collection, folder)
                if one.finetune
                else self._evaluated(one, predictor, collection, folder)
            )
        except (DataError, UsageError, ConfigError) as error:
            self.progress.log(f"not run: {error}")
            return Outcome(name, model, folder, reason=str(error))
        return Outcome(name, model, folder, documents)

    def _evaluated(
        self, one: Evaluation, predictor: Predictor | None, collection: Collection, folder: Path
    ) -> dict[float | None, tuple[Mapping[str, Any], ...]]:
        module = task(one.task)
        assert predictor is not None  # loaded where an evaluation asks
        lacking = [ability for ability in module.NEEDS if ability not in predictor.abilities]
        if lacking:
            raise DataError(f"the model lacks: {', '.join(lacking)}")
        config = build(module.Config, self._options(one), f"task {one.task}")
        stored = evaluate_once(predictor, collection, one.task, config, folder, self.progress)
        return {None: (stored.document,)}

    def _fine_tuned(
        self, one: Evaluation, path: Path, collection: Collection, folder: Path
    ) -> dict[float | None, tuple[Mapping[str, Any], ...]]:
        tuning, phantom = one.finetune, self.plan.paper.phantom
        assert tuning is not None
        overrides = [*tuning.overrides, *(phantom.finetune if self.plan.phantom else ())]
        grid = FractionGrid(tuning.fractions, 1 if self.plan.phantom else tuning.repeats)
        recipe = load_stages(tuning.recipe, overrides, path)
        measured = finetuning.Evaluation(one.task, None, self._options(one))
        resume = is_taken(folder)
        summary = finetune(
            recipe, [collection], folder, grid, evaluation=measured, resume=resume, progress=self.progress
        )
        found: dict[float | None, tuple[Mapping[str, Any], ...]] = {}
        for run in summary["runs"]:
            for tested in run["test"].values():
                document = read_document(folder / tested["results"])
                found[run["fraction"]] = (*found.get(run["fraction"], ()), document)
        return found

    def _options(self, one: Evaluation) -> dict[str, Any]:
        fields = task(one.task).Config.model_fields
        cheap = _ON_PHANTOMS if self.plan.phantom else {}
        return {**one.options, **{key: value for key, value in cheap.items() if key in fields}}


_SEED = 1001
"""Of the phantoms: none of those that the shipped model was trained on."""


def _is_done(mark: Path, state: Mapping[str, Any]) -> bool:
    try:
        return mark.is_file() and bool(read_json(mark) == json.loads(json.dumps(state)))
    except DataError:
        return False
