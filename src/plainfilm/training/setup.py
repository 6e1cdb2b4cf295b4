"""Builds the parts of a run from its recipe and collections: data, model, objective, optimizer.

All randomness follows from the recipe's seed, so every process and every resumed run builds the same parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn.modules.batchnorm import _NormBase

from plainfilm.batches.collate import Collate
from plainfilm.batches.dataset import Dataset, ItemNeeds
from plainfilm.batches.loader import Loader
from plainfilm.batches.rare_findings import repeat_factors
from plainfilm.collection.collection import Collection
from plainfilm.collection.leaks import patient_keys
from plainfilm.errors import ConfigError, nearest
from plainfilm.evaluators.base import EvaluatorContext
from plainfilm.model_folder import ModelConfig, PatientKeys, TrainedOn, TrainingCollection
from plainfilm.model_folder.folder import tokenizer_facts
from plainfilm.models.base import REST, Facts, Model
from plainfilm.models.base import build_model as build_kind
from plainfilm.objectives.base import Objective, ObjectiveSum
from plainfilm.progress import SILENT, Progress
from plainfilm.text.tokenizers import Tokenizer, unknown_tokens_alarm
from plainfilm.training.activation_checkpointing import checkpoint_activations
from plainfilm.training.data import Data, loading_threads
from plainfilm.training.distributed import rank, world_size
from plainfilm.training.freezing import freeze
from plainfilm.training.machine import DeviceConfig, choose_device_config
from plainfilm.training.optim import build_optimizer
from plainfilm.training.pretrained import NOTHING, PretrainedParts
from plainfilm.training.recipe import Recipe, TokenizerConfig, objective_config
from plainfilm.training.state import Parts, seeded_torch
from plainfilm.training.validation import Validator, directions

VALIDATION_SEED = 0
"""Seed of the order of validation items; the same for every recipe, so that all runs share the batches."""


@dataclass(frozen=True)
class Setup:
    """A run ready to start. tokenizers: by name. validator: `None` if the collections have no validation
    split. pretrained: the origin of pretrained parts."""

    recipe: Recipe
    machine: DeviceConfig
    model: Model
    objective: ObjectiveSum
    optimizer: torch.optim.Optimizer
    tokenizers: Mapping[str, Tokenizer]
    loader: Loader
    validator: Validator | None
    collections: tuple[Collection, ...]
    patients: PatientKeys
    pretrained: PretrainedParts = NOTHING

    @property
    def parts(self) -> Parts:
        """The objects that change during training."""
        return Parts(self.model, self.objective, self.optimizer)

    def model_config(self, scores: dict[str, float]) -> ModelConfig:
        """The description of this run for the model folder."""
        collections = tuple(
            TrainingCollection(
                name=c.name,
                fingerprint=c.fingerprint,
                licence=", ".join(c.licence) or None,
                phantom=c.is_phantom,
            )
            for c in self.collections
        )
        return ModelConfig(
            architecture=self.model.config,
            preprocessing=self.recipe.preprocessing.model_copy(update={"read_side": self.recipe.data.cache}),
            trained_on=trained_on(self.recipe),
            collections=tuple(dict.fromkeys((*self.pretrained.collections, *collections))),
            recipe=self.recipe.as_dict(),
            scores=scores,
        )


def trained_on(recipe: Recipe) -> TrainedOn:
    """The facts of a recipe's training that evaluation needs."""
    data = recipe.data
    reads_labels = recipe.reads("labels") or data.prompts is not None
    return TrainedOn(
        views=data.views,
        label_origin=data.label_origin if reads_labels else None,
        observations=data.observations if reads_labels else None,
        text_rule=data.text if recipe.reads("text") else None,
    )


def build_setup(
    recipe: Recipe,
    collections: Sequence[Collection],
    data: Data,
    tokenizers: Mapping[str, Tokenizer],
    device: torch.device,
    pretrained: PretrainedParts = NOTHING,
) -> Setup:
    """Model, objective, optimizer and loaders of a run."""
    answered = data.observations if recipe.architecture.answers_observations else ()
    facts = Facts(observations=answered, tokenizers=tokenizer_facts(tokenizers))
    model = build_model(recipe, facts, pretrained)
    machine = choose_device_config(recipe.training, model, device)
    machine.place(model)
    objective = build_objective(recipe, model)
    if recipe.reads("labels"):
        objective.before_training({"labels": torch.from_numpy(data.train.rows.states)})
    machine.place(objective)
    model.train()
    objective.train()
    patients = patient_keys((collection, "train") for collection in collections)
    if pretrained.patients is not None:
        patients = np.union1d(patients, pretrained.patients)
    return Setup(
        recipe=recipe,
        machine=machine,
        model=model,
        objective=objective,
        optimizer=build_optimizer(recipe, model, objective),
        tokenizers=tokenizers,
        loader=_train_loader(recipe, data.train, tokenizers),
        validator=_validator(recipe, data.validation, tokenizers, machine, objective),
        collections=tuple(collections),
        patients=patients,
        pretrained=pretrained,
    )


def build_model(recipe: Recipe, facts: Facts, pretrained: PretrainedParts = NOTHING) -> Model:
    """Build the recipe's model, with pretrained parts loaded and frozen parts frozen.

    Raises:
        ConfigError: texts longer than the model's limit, more frozen blocks than it has, batch normalisation
            with a batch that is cut, or activation checkpointing of a model without blocks.
    """
    # With the fingerprints in the seed, new parts do not repeat the random numbers that the pretrained
    # models started from.
    with seeded_torch(recipe.seed, "weights", *pretrained.fingerprints):
        model = build_kind(recipe.architecture, facts)
    pretrained.give(model)
    _check_lengths(model)
    _check_parts(recipe, model)
    settings = recipe.training
    frozen = {name: part.freeze for name, part in recipe.parts.items() if name != REST}
    freeze(model, frozen, batch_norm=settings.batch_norm == "frozen")
    if settings.activation_checkpointing:
        checkpoint_activations(model)
    is_cut = world_size() > 1 or (settings.sub_batch_size or settings.batch_size) < settings.batch_size
    if is_cut and settings.batch_norm == "batch" and _normalises_batches(model):
        raise ConfigError(
            "this model has batch normalisation, but training.sub_batch_size or several processes cut the "
            "batch: set training.batch_norm=frozen (stored statistics; gradients as of the whole batch), or "
            "training.batch_norm=slices (each slice by itself; other gradients)"
        )
    if settings.batch_norm == "slices" and settings.sub_batch_size == 1 and _normalises_batches(model):
        raise ConfigError(
            "training.sub_batch_size is 1 and training.batch_norm 'slices': one film has no statistics; set "
            "sub_batch_size to at least 2, or training.batch_norm=frozen"
        )
    return model


def _check_lengths(model: Model) -> None:
    for name, part in model.parts().items():
        tokenizer, most = model.facts.tokenizers.get(name), getattr(part, "max_tokens", None)
        if tokenizer is not None and most is not None and tokenizer.max_tokens > most:
            raise ConfigError(
                f"tokenizers.{name}.max_tokens is {tokenizer.max_tokens}, but part '{name}' takes at most "
                f"{most}: set tokenizers.{name}.max_tokens={most}"
            )


def _check_parts(recipe: Recipe, model: Model) -> None:
    known = model.parts()
    for name in recipe.parts:
        if name not in known and name != REST:
            raise ConfigError(
                f"parts.{name}: model '{recipe.model['use']}' has no such part: {nearest(name, known)}"
            )


def build_objective(recipe: Recipe, model: Model) -> ObjectiveSum:
    """The recipe's objectives for `model`."""
    objectives: dict[str, Objective] = {}
    weights: dict[str, float] = {}
    needs: list[tuple[str, ...]] = []
    with seeded_torch(recipe.seed, "objective"):
        for values in recipe.objectives:
            module, settings = objective_config(values)
            name = _unused(Path(values["use"]).stem, objectives)
            objectives[name], weights[name] = module.build(settings, model), values["weight"]
            needs.append(module.NEEDS)
    total = ObjectiveSum(objectives, weights)
    total.needs = tuple(needs)
    return total


def _unused(name: str, taken: Mapping[str, object]) -> str:
    """`name`, with a number if it is already used."""
    number = 1 + sum(one.partition("#")[0] == name for one in taken)
    return name if number == 1 else f"{name}#{number}"


def _normalises_batches(model: Model) -> bool:
    return any(isinstance(module, _NormBase) and module.training for module in model.train().modules())


def build_tokenizers(
    recipe: Recipe,
    data: Data,
    saved: Path,
    pretrained: PretrainedParts = NOTHING,
    progress: Progress = SILENT,
) -> dict[str, Tokenizer]:
    """The tokenizers of the recipe's model, by name: those in `saved` (of a resumed run), those of
    pretrained parts, pretrained ones, or tokenizers trained on the items."""
    tokenizers = {}
    for name, need in recipe.architecture.tokenizers().items():
        settings, longest = recipe.tokenizers.get(name), recipe.longest_text(name)
        stated = (settings.name if settings else None) or need.name
        if (saved / name / "tokenizer_config.json").is_file():
            tokenizers[name] = Tokenizer.load(saved / name)
        elif name in pretrained.tokenizers:
            tokenizers[name] = pretrained.tokenizers[name]
        elif stated:
            options = {"offline": need.offline, "writes": need.writes}
            tokenizers[name] = Tokenizer.from_pretrained(stated, longest, **options)
            alarm = unknown_tokens_alarm(tokenizers[name], data.train.texts(recipe.needs, name))
            if alarm:
                progress.log(f"warning: tokenizer '{stated}': {alarm}")
        else:
            pieces = (settings or TokenizerConfig()).vocabulary
            tokenizers[name] = Tokenizer.train(data.train.texts(recipe.needs, name), pieces, longest)
    return tokenizers


def _collate(
    recipe: Recipe, dataset: Dataset, needs: ItemNeeds, tokenizers: Mapping[str, Tokenizer]
) -> Collate:
    return Collate(recipe.preprocessing, dataset.readers(needs, tokenizers))


def _train_loader(recipe: Recipe, dataset: Dataset, tokenizers: Mapping[str, Tokenizer]) -> Loader:
    rare = recipe.data.rare_findings
    loader = Loader(
        dataset,
        _collate(recipe, dataset, recipe.needs, tokenizers),
        batch_size=recipe.training.batch_size,
        seed=recipe.seed,
        drop_last=recipe.data.drop_last,
        rank=rank(),
        world=world_size(),
        workers=loading_threads(recipe),
        sampling_exponent=recipe.data.sampling_exponent,
        repeats=repeat_factors(dataset.rows, rare) if rare is not None else None,
        least=_least(recipe),
        needs=recipe.needs,
    )
    if loader.batches() == 0:
        raise ConfigError(
            f"training.batch_size is {recipe.training.batch_size}, but there are {len(dataset)} items: "
            "no batch is full; lower it, or set data.drop_last=false"
        )
    return loader


def _validator(
    recipe: Recipe,
    dataset: Dataset | None,
    tokenizers: Mapping[str, Tokenizer],
    machine: DeviceConfig,
    objective: ObjectiveSum,
) -> Validator | None:
    if dataset is None:
        if recipe.validation.patience is not None:
            raise ConfigError("validation.patience is set, but the collections have no validation split")
        return None
    evaluators = recipe.evaluators()
    measured = (name for module, _ in evaluators for name in module.NEEDS)
    needs = ItemNeeds(recipe.needs.films, tuple(dict.fromkeys((*recipe.needs.targets, *measured))))
    loader = Loader(
        dataset,
        _collate(recipe, dataset, needs, tokenizers),
        batch_size=recipe.training.batch_size,
        seed=VALIDATION_SEED,
        rank=rank(),
        world=world_size(),
        workers=loading_threads(recipe),
        limit=recipe.validation.items,
        least=_least(recipe),
        needs=needs,
    )
    if loader.batches() == 0:
        raise ConfigError("the validation split has a single item: validation needs at least 2")
    context = EvaluatorContext(tokenizers, dataset.rows.observations)
    return Validator(
        loader,
        machine,
        recipe.validation.metric,
        directions(recipe, objective.metrics()),
        tuple(module.build(settings, context) for module, settings in evaluators),
        recipe.training.sub_batch_size,
    )


def _least(recipe: Recipe) -> int:
    """The smallest batch: texts are contrasted with each other, labels are not."""
    return 2 if recipe.reads("text") else 1
