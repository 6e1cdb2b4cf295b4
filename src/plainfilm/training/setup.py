"""Puts together what a run needs, from its recipe and collections: data, model, objective, optimizer.

Everything random here follows from the recipe's seed, so every process and every resumed run builds the
same thing.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn.modules.batchnorm import _NormBase

from plainfilm.batches.collate import Collate
from plainfilm.batches.dataset import Dataset
from plainfilm.batches.loader import Loader
from plainfilm.batches.pixel_cache import ImageFiles, PixelSource, open_or_build
from plainfilm.batches.rows import Rows, build_rows
from plainfilm.collection.collection import Collection
from plainfilm.collection.leaks import patient_keys
from plainfilm.errors import ConfigError
from plainfilm.nn import kinds
from plainfilm.nn.freezing import freeze
from plainfilm.nn.model import Model
from plainfilm.nn.model_folder import ModelConfig, PatientKeys, TrainedOn
from plainfilm.objectives.base import Objective
from plainfilm.progress import Progress
from plainfilm.text.tokenizers import Tokenizer, unknown_tokens_alarm
from plainfilm.training.distributed import rank, world_size
from plainfilm.training.machine import Machine, choose_machine
from plainfilm.training.optim import build_optimizer
from plainfilm.training.recipe import Recipe
from plainfilm.training.start import Start
from plainfilm.training.state import Parts, seeded_torch
from plainfilm.training.validation import Validator

logger = logging.getLogger(__name__)

VALIDATION_SEED = 0
"""Orders validation items; the same for every recipe, so that runs are measured on the same batches."""

_MAX_TOKENS = 128


@dataclass(frozen=True)
class Setup:
    """A run ready to start. tokenizer: `None` where no texts are read. validator: `None` where the
    collections have no validation split. start: what the run started from, if from anything."""

    recipe: Recipe
    machine: Machine
    model: Model
    objective: Objective
    optimizer: torch.optim.Optimizer
    tokenizer: Tokenizer | None
    loader: Loader
    validator: Validator | None
    collections: tuple[Collection, ...]
    patients: PatientKeys
    start: Start | None = None

    @property
    def parts(self) -> Parts:
        """What changes while training."""
        return Parts(self.model, self.objective, self.optimizer)

    def model_config(self, scores: dict[str, float]) -> ModelConfig:
        """What the model folder should say of this run."""
        before = self.start.collections if self.start else ()
        trained_on = tuple(
            TrainedOn(name=c.name, fingerprint=c.fingerprint, licence=", ".join(c.licence) or None)
            for c in self.collections
        )
        return ModelConfig(
            architecture=self.model.architecture,
            preprocessing=self.recipe.preprocessing.model_copy(update={"read_side": self.recipe.data.cache}),
            text_rule=self.recipe.data.text if self.tokenizer else None,
            collections=tuple(dict.fromkeys((*before, *trained_on))),
            recipe=self.recipe.as_dict(),
            scores=scores,
        )


@dataclass(frozen=True)
class Data:
    """The items to train on, those to validate on (`None` without a validation split)."""

    train: Dataset
    validation: Dataset | None

    @property
    def observations(self) -> tuple[str, ...]:
        """What the columns of the items' labels are, the same for both."""
        return self.train.rows.observations


def build_data(recipe: Recipe, collections: Sequence[Collection], run: Path, progress: Progress) -> Data:
    """Both datasets; decodes the films into a cache where the recipe wants one."""
    splits = {split for c in collections for split in c.table("studies")["split"].to_pylist()}
    splits &= {"train", "validation"}
    rows = {
        split: build_rows(collections, split, recipe.data, recipe.needs)
        for split in sorted(splits | {"train"})
    }
    if recipe.needs.labels:
        observations = _observations(recipe, rows["train"])
        rows = {split: found.asked(observations) for split, found in rows.items()}
    if recipe.data.share is not None and recipe.data.share < 1:
        rows["train"] = rows["train"].share(recipe.data.share, recipe.data.share_seed)
    for split, found in rows.items():
        progress.say(f"{split}: {_told(found, recipe)}")
    pixels = [_pixels(recipe, collection, run, progress) for collection in collections]

    def dataset(split: str, seed: int | None) -> Dataset:
        config = recipe.data
        if seed is None:
            config = config.model_copy(update={"sentences": recipe.validation.sentences})
        return Dataset(
            rows[split], collections, pixels, config, recipe.preprocessing, needs=recipe.needs, seed=seed
        )

    validation = dataset("validation", None) if "validation" in splits else None
    return Data(dataset("train", recipe.seed), validation)


def _observations(recipe: Recipe, rows: Rows) -> tuple[str, ...]:
    """What labels are asked for: those the recipe names, or all that are spoken of in training."""
    return recipe.data.observations or tuple(name for name in rows.observations if rows.says_of(name))


def _told(found: Rows, recipe: Recipe) -> str:
    """What a person should know of the items of a split."""
    made = f" ({found.from_labels} with texts made of labels)" if recipe.text and found.from_labels else ""
    left_out = [f"{found.without_text} without text"] if recipe.needs.texts else []
    left_out += [f"{found.without_labels} without labels"] if recipe.needs.labels else []
    left_out += [f"{found.without_image} without a film"]
    line = f"{len(found)} items{made}; studies left out: {', '.join(left_out)}"
    missing = [name for name, count in found.positives.items() if not count] if recipe.needs.labels else []
    return f"{line}; no positive of {', '.join(missing)}" if missing else line


def _pixels(recipe: Recipe, collection: Collection, run: Path, progress: Progress) -> PixelSource:
    if recipe.data.cache is None:
        return ImageFiles(collection)
    folders = (collection.path / "cache", run / "cache")
    threads = os.cpu_count() or 1
    return open_or_build(collection, recipe.data.cache, folders, workers=threads, progress=progress)


def build_setup(
    recipe: Recipe,
    collections: Sequence[Collection],
    data: Data,
    tokenizer: Tokenizer | None,
    device: torch.device,
    start: Start | None = None,
) -> Setup:
    """Model, objective, optimizer and loaders of a run."""
    sizes = (tokenizer.vocabulary_size, tokenizer.max_tokens) if tokenizer else (0, 0)
    model = build_model(recipe, *sizes, data.observations, start)
    machine = choose_machine(recipe.training, model, device)
    machine.place(model)
    objective = build_objective(recipe, model)
    if recipe.needs.labels:
        objective.before_training(torch.from_numpy(data.train.rows.states))
    machine.place(objective)
    model.train()
    objective.train()
    optimizer = build_optimizer(recipe.training, model, objective)
    collate = Collate(tokenizer, recipe.preprocessing, recipe.needs)
    patients = patient_keys((collection, "train") for collection in collections)
    if start is not None and start.patients is not None:
        patients = np.union1d(patients, start.patients)
    return Setup(
        recipe=recipe,
        machine=machine,
        model=model,
        objective=objective,
        optimizer=optimizer,
        tokenizer=tokenizer,
        loader=_train_loader(recipe, data.train, collate),
        validator=_validator(recipe, data.validation, collate, machine),
        collections=tuple(collections),
        patients=patients,
        start=start,
    )


def build_model(
    recipe: Recipe,
    vocabulary_size: int,
    max_tokens: int,
    observations: Sequence[str] = (),
    start: Start | None = None,
) -> Model:
    """The recipe's model with what it freezes frozen; its image encoder as in `start`, if there is one.

    Raises:
        ConfigError: texts longer than it takes, more frozen blocks than it has, or batch normalisation in
            a batch that is cut.
    """
    # Not the numbers that a head the encoder was trained with may have begun from.
    origin = () if start is None else (start.fingerprint,)
    with seeded_torch(recipe.seed, "weights", *origin):
        model = kinds.build_model(recipe.architecture(observations), vocabulary_size)
    if start is not None:
        start.give(model)
    if model.text_encoder is not None and max_tokens > model.text_encoder.max_tokens:
        raise ConfigError(
            f"tokenizer.max_tokens is {max_tokens}, but this text encoder takes at most "
            f"{model.text_encoder.max_tokens}: set tokenizer.max_tokens={model.text_encoder.max_tokens}"
        )
    settings = recipe.training
    frozen = settings.batch_norm == "frozen"
    freeze(model, image=settings.freeze_image, text=settings.frozen_text, batch_norm=frozen)
    is_cut = world_size() > 1 or (settings.sub_batch_size or settings.batch_size) < settings.batch_size
    if is_cut and settings.batch_norm == "batch" and _normalises_batches(model):
        raise ConfigError(
            "this model has batch normalisation, and training.sub_batch_size or several processes cut the "
            "batch: set training.batch_norm=frozen (stored statistics; gradients as of the whole batch), or "
            "training.batch_norm=slices (each slice by itself; other gradients)"
        )
    return model


def build_objective(recipe: Recipe, model: Model) -> Objective:
    """The recipe's objective for `model`."""
    with seeded_torch(recipe.seed, "objective"):
        return recipe.objective_module.build(recipe.objective_config, model)


def _normalises_batches(model: Model) -> bool:
    return any(isinstance(module, _NormBase) and module.training for module in model.train().modules())


def longest_text(recipe: Recipe) -> int:
    """The tokens of the longest text the recipe asks for."""
    return int(recipe.tokenizer.max_tokens or recipe.text.get("max_tokens", _MAX_TOKENS))


def build_tokenizer(recipe: Recipe, data: Data, saved: Path) -> Tokenizer | None:
    """The tokenizer in `saved` (of the run being resumed), a pretrained one, or one trained on the items;
    `None` where no texts are read."""
    if not recipe.text:
        return None
    if (saved / "tokenizer_config.json").is_file():
        return Tokenizer.load(saved)
    settings = recipe.tokenizer
    longest = longest_text(recipe)
    name = settings.name or recipe.text.get("name")
    if name:
        tokenizer = Tokenizer.from_pretrained(name, longest, offline=bool(recipe.text.get("offline")))
        alarm = unknown_tokens_alarm(tokenizer, data.train.texts())
        if alarm:
            logger.warning("tokenizer '%s': %s", name, alarm)
        return tokenizer
    return Tokenizer.train(data.train.texts(), settings.vocabulary, longest)


def _train_loader(recipe: Recipe, dataset: Dataset, collate: Collate) -> Loader:
    loader = Loader(
        dataset,
        collate,
        batch_size=recipe.training.batch_size,
        seed=recipe.seed,
        drop_last=recipe.data.drop_last,
        rank=rank(),
        world=world_size(),
        workers=_workers(recipe),
        balance=recipe.data.balance,
        least=_least(recipe),
    )
    if loader.batches() == 0:
        raise ConfigError(
            f"training.batch_size is {recipe.training.batch_size} and there are {len(dataset)} items: "
            "no batch can be made; lower it, or set data.drop_last=false"
        )
    return loader


def _validator(
    recipe: Recipe, dataset: Dataset | None, collate: Collate, machine: Machine
) -> Validator | None:
    if dataset is None:
        if recipe.validation.patience is not None:
            raise ConfigError("validation.patience is set, but the collections have no validation split")
        return None
    loader = Loader(
        dataset,
        collate,
        batch_size=recipe.training.batch_size,
        seed=VALIDATION_SEED,
        rank=rank(),
        world=world_size(),
        workers=_workers(recipe),
        limit=recipe.validation.items,
        least=_least(recipe),
    )
    if loader.batches() == 0:
        raise ConfigError("the validation split has a single item: validation needs at least 2")
    return Validator(loader, machine, recipe.validation.metric, recipe.training.sub_batch_size)


def _least(recipe: Recipe) -> int:
    """The fewest items of a batch: texts are held against others, labels are not."""
    return 2 if recipe.needs.texts else 1


def _workers(recipe: Recipe) -> int:
    """Loading threads of this process: half the processors shared out, at most 8."""
    if recipe.data.workers != "auto":
        return recipe.data.workers
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, min(8, (os.cpu_count() or 1) // (2 * here)))
