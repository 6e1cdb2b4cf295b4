"""The steps of a reproduction, in their order, and what each lacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plainfilm.reproduce.inputs import (
    Given,
    Missing,
    missing_companion,
    missing_corpus,
    missing_weights,
)
from plainfilm.reproduce.manifest import Evaluation, ModelEntry, Paper

STAND_IN = "stand-in"
"""The model in place of the published ones on phantoms, where no weights are given."""


@dataclass(frozen=True)
class Step:
    """One step for a person to read: what is done to what, and what it lacks."""

    kind: str
    name: str
    what: str
    missing: tuple[Missing, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A paper with what was given, in the folder `out`. options: of every import. phantom: corpora are
    phantoms, and so is the model unless weights are given."""

    paper: Paper
    out: Path
    given: Given = field(default_factory=Given)
    options: Mapping[str, Any] = field(default_factory=dict)
    phantom: bool = False

    @property
    def has_stand_in(self) -> bool:
        """Whether one model stands for all of the paper."""
        return self.phantom and not self.given.weights

    @property
    def stand_in(self) -> ModelEntry | None:
        """What is trained as stand-in; `None` for the model that comes with Plainfilm."""
        phantom = self.paper.phantom
        if phantom.recipe is None:
            return None
        return ModelEntry(recipe=phantom.recipe, data=phantom.data, overrides=phantom.overrides)

    @property
    def models(self) -> tuple[str, ...]:
        """The models that are made, in the order of the manifest."""
        if self.has_stand_in:
            return (STAND_IN,)
        used = {name for one in self.paper.evaluations.values() for name in self.paper.models_of(one)}
        return tuple(name for name in self.paper.models if name in used)

    def models_of(self, evaluation: Evaluation) -> tuple[str, ...]:
        """The models that an evaluation is run with."""
        return (STAND_IN,) if self.has_stand_in else self.paper.models_of(evaluation)

    @property
    def corpora(self) -> tuple[str, ...]:
        """The corpora that are prepared, in the order of the manifest."""
        used = {one.corpus for one in self.paper.evaluations.values()}
        used |= {name for model in self.models for name in self._data(model)}
        return tuple(name for name in self.paper.corpora if name in used)

    def _data(self, model: str) -> tuple[str, ...]:
        entry = self.stand_in if model == STAND_IN else self.paper.models[model]
        return entry.data if entry else ()

    def collection(self, corpus: str) -> Path:
        """The folder of a prepared corpus."""
        return self.out / "collections" / corpus

    def model(self, name: str) -> Path:
        """The folder of an imported model, or the run of a trained one."""
        return self.out / "models" / name

    def results(self, evaluation: str, model: str) -> Path:
        """The folder of results, or of the runs of a fine-tuning."""
        return self.out / "results" / evaluation / model

    def mark(self, kind: str, name: str) -> Path:
        """The file that says of what a finished step was made."""
        return self.out / "done" / f"{kind}-{name}.json"

    def lacks_corpus(self, name: str) -> tuple[Missing, ...]:
        """What a corpus lacks."""
        if self.phantom or name in self.given.data or self.mark("prepare", name).is_file():
            return ()
        return (missing_corpus(self.paper, name),)

    def lacks_model(self, name: str) -> tuple[Missing, ...]:
        """What a model lacks: its weights and what belongs to them, or the corpora that it is trained on."""
        if name == STAND_IN:
            return ()
        entry = self.paper.models[name]
        if entry.recipe is not None:
            return tuple(missing for one in entry.data for missing in self.lacks_corpus(one))
        if name not in self.given.weights and self.mark("import", name).is_file():
            return ()
        companions = tuple(
            missing_companion(self.paper, name, option)
            for option, companion in entry.companions.items()
            if option not in self.options and not companion.automatic
        )
        return companions if name in self.given.weights else (missing_weights(self.paper, name), *companions)

    def lacks(self, evaluation: Evaluation, model: str) -> tuple[Missing, ...]:
        """What an evaluation of a model lacks, each thing once."""
        both = (*self.lacks_model(model), *self.lacks_corpus(evaluation.corpus))
        return tuple(dict.fromkeys(both))

    @property
    def missing(self) -> tuple[Missing, ...]:
        """What is missing of the whole, each thing once."""
        cells = [
            self.lacks(one, model) for one in self.paper.evaluations.values() for model in self.models_of(one)
        ]
        return tuple(dict.fromkeys(missing for cell in cells for missing in cell))

    def steps(self) -> list[Step]:
        """All steps, for a person to read."""
        return [*self._corpus_steps(), *self._model_steps(), *self._evaluation_steps()]

    def _corpus_steps(self) -> Iterable[Step]:
        for name in self.corpora:
            entry, phantom = self.paper.corpora[name], self.paper.phantom
            if self.phantom:
                yield Step("phantom", name, f"{phantom.studies} studies in the layout of {entry.source}")
            raw = self.given.data.get(name, "")
            yield Step("prepare", name, f"{entry.source} {raw}".strip(), self.lacks_corpus(name))
            if entry.label:
                yield Step("label", name, entry.label, self.lacks_corpus(name))

    def _model_steps(self) -> Iterable[Step]:
        for name in self.models:
            entry = self.stand_in if name == STAND_IN else self.paper.models[name]
            if entry is None:
                yield Step("model", name, str(self.paper.phantom.model))
            elif entry.recipe is not None:
                yield Step(
                    "train", name, f"{entry.recipe} on {', '.join(entry.data)}", self.lacks_model(name)
                )
            else:
                file = self.given.weights.get(name, entry.file)
                yield Step("import", name, f"{entry.family} {file}", self.lacks_model(name))

    def _evaluation_steps(self) -> Iterable[Step]:
        for name, one in self.paper.evaluations.items():
            for model in self.models_of(one):
                kind = "finetune" if one.finetune else "evaluate"
                what = f"{one.finetune.recipe}, then {one.task}" if one.finetune else one.task
                yield Step(kind, f"{name}, {model}", f"{what} on {one.corpus}", self.lacks(one, model))
