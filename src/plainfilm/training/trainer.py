"""The one training loop.

    read the recipe's data → build the model → for every round: batches → gradients → step → validate → save

A run repeats exactly from its seed on the same machine and thread count, and a run that was killed and
resumed ends in the same bits: batches, crops and dropout follow from seed and position alone, and the
state on disk is always whole. Several processes (torchrun, Slurm) share each batch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from itertools import count as count_from
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import ProjectConfiguration, broadcast_object_list

from plainfilm.batches.batch import Batch
from plainfilm.collection.collection import Collection
from plainfilm.collection.leaks import check_patients_apart, check_unseen
from plainfilm.errors import ModelError, UsageError
from plainfilm.model_folder import save_model
from plainfilm.objectives.base import LossReport
from plainfilm.progress import SILENT, Progress
from plainfilm.training.data import build_data
from plainfilm.training.distributed import accelerator_for, writing_together
from plainfilm.training.dry_run import dry_run
from plainfilm.training.frozen_features import keep_features
from plainfilm.training.log import check_trackers
from plainfilm.training.machine import repeatable
from plainfilm.training.optim import rate_factor, set_rates
from plainfilm.training.pretrained import PretrainedParts, read_pretrained
from plainfilm.training.recipe import Recipe, TrainingConfig
from plainfilm.training.run_folder import RunFolder
from plainfilm.training.run_logger import RunLogger
from plainfilm.training.run_page import RunPage
from plainfilm.training.setup import Setup, build_setup, build_tokenizers
from plainfilm.training.state import Position, load_state, save_state
from plainfilm.training.step import train_step
from plainfilm.training.validation import Validator


def train(
    recipe: Recipe,
    collections: Sequence[Collection],
    run: Path,
    *,
    resume: bool = False,
    progress: Progress = SILENT,
    trust_code: bool = False,
    pretrained: PretrainedParts | None = None,
    cache: Path | None = None,
) -> Path:
    """Train the model of `recipe` on the training splits of `collections`; return the folder of the best
    model.

    Code of models that parts are taken from, and of a run that is resumed, runs only with `trust_code`.
    `pretrained` are these parts, where they are here already. What is made of films and a collection cannot
    take goes to `cache`, by default RUN/cache.

    Raises:
        UsageError: `run` is taken, another process is writing there, or `resume` is set with another recipe
            or other data.
        LeakageError: training patients, or those of a model that parts are taken from, are in the validation
            or test split.
        ModelError: the loss is not finite; earlier checkpoints stay valid.
    """
    if not collections:
        raise UsageError("no collection to train on: add at least one --data")
    check_trackers(recipe.trackers)
    folder = RunFolder(Path(run))
    with writing_together(folder.path):
        folder.check(recipe, collections, resume, trust_code)
        return _train(recipe, collections, folder, progress, trust_code, pretrained, cache)


def _train(
    recipe: Recipe,
    collections: Sequence[Collection],
    folder: RunFolder,
    progress: Progress,
    trust_code: bool,
    pretrained: PretrainedParts | None,
    cache: Path | None,
) -> Path:
    held_out = [(c, split) for split in ("validation", "test") for c in collections]
    check_patients_apart([(c, "train") for c in collections], held_out)
    pretrained = pretrained or read_pretrained(recipe.sources(), trust_code)
    if pretrained.patients is not None:
        check_unseen(pretrained.patients, held_out)
    accelerator = _accelerator(recipe, folder)
    dry_run(recipe, pretrained)
    with repeatable():
        shown, place = _on_main(accelerator, progress), cache or folder.path / "cache"
        setup = _set_up(recipe, collections, folder, accelerator, shown, pretrained, place)
        return _Run(setup, folder, accelerator, shown).go()


def _accelerator(recipe: Recipe, folder: RunFolder) -> Accelerator:
    settings = ProjectConfiguration(str(folder.path), logging_dir=str(folder.path / "trackers"))
    return accelerator_for(log_with=list(recipe.trackers) or None, project_config=settings)


def _on_main(accelerator: Accelerator, progress: Progress) -> Progress:
    return progress if accelerator.is_main_process else SILENT


def _set_up(
    recipe: Recipe,
    collections: Sequence[Collection],
    folder: RunFolder,
    accelerator: Accelerator,
    progress: Progress,
    pretrained: PretrainedParts,
    cache: Path,
) -> Setup:
    accelerator.wait_for_everyone()  # all processes check the folder before one changes it
    if accelerator.is_main_process:
        folder.claim(recipe, collections)
    with accelerator.local_main_process_first():
        data = build_data(recipe, collections, cache, progress)
    tokenizers = build_tokenizers(recipe, data, folder.tokenizers, pretrained, progress)
    accelerator.wait_for_everyone()
    for name, tokenizer in tokenizers.items() if accelerator.is_main_process else ():
        (folder.tokenizers / name).mkdir(parents=True, exist_ok=True)
        tokenizer.save(folder.tokenizers / name)
    setup = build_setup(recipe, collections, data, tokenizers, accelerator.device, pretrained)
    return keep_features(setup, data, accelerator.local_main_process_first, progress)


class _Run:
    """One process's part of a run."""

    def __init__(self, setup: Setup, folder: RunFolder, accelerator: Accelerator, progress: Progress) -> None:
        self._setup = setup
        self._training = setup.recipe.training
        self._folder = folder
        self._accelerator = accelerator
        self._progress = progress
        self._batches = setup.loader.batches()
        self._steps_per_epoch = math.ceil(self._batches / self._training.accumulate)
        ends = [self._training.max_steps] if self._training.max_steps else []
        ends += [self._steps_per_epoch * self._training.epochs] if self._training.epochs else []
        self._total = min(ends)
        self._warmup = min(_warmup(self._training, self._steps_per_epoch), self._total)
        page = partial(RunPage, setup, folder.log, self._total)
        self._logger = RunLogger(setup.recipe, folder.log, accelerator, progress, self._total, page)
        self._saved_at = time.monotonic()

    def go(self) -> Path:
        """Train to the end; return the folder of the best model."""
        with closing(self._logger):
            return self._go()

    def _go(self) -> Path:
        position = self._begin()
        while not self._is_done(position):
            position = self._round(position)
            self._logger.round(position)
        self._write_model(self._folder.last, position)
        if self._setup.validator is None:
            self._write_model(self._folder.model, position)
        self._logger.end(position)
        self._accelerator.wait_for_everyone()
        return self._folder.model

    def _begin(self) -> Position:
        position = Position()
        if self._folder.state.is_file():
            position = load_state(self._folder.state, self._setup.parts)
        facts = self._setup.machine.describe() | {"processes": self._accelerator.num_processes}
        facts |= {"items": self._setup.loader.items(), "steps": self._total}
        rows = self._setup.loader.dataset.rows
        if self._setup.recipe.reads("labels"):
            facts |= {"patients": len(set(rows.patients)), "positives": rows.positives}
        self._logger.start(position, facts)
        return position

    def _is_done(self, position: Position) -> bool:
        patience = self._setup.recipe.validation.patience
        return position.step >= self._total or (patience is not None and position.worse >= patience)

    def _round(self, position: Position) -> Position:
        """Train from `position` to the end of its round or of training."""
        stop = self._round_ends(position)
        count = self._batches_until(stop) - (position.epoch * self._batches + position.batch)
        waiting: list[Batch] = []
        with closing(self._batches_from(position)) as batches:
            shown = self._progress.track(islice(batches, count), count, self._named(position, stop))
            for epoch, number, batch in shown:
                waiting.append(self._setup.machine.take(batch))
                if number + 1 != self._group(number).stop:
                    continue
                reports = self._gradients(waiting, epoch, self._group(number))
                position = self._update(position, number, reports)
                waiting = []
                if self._is_done(position):
                    break
        return position

    def _round_ends(self, position: Position) -> int:
        """The optimizer step that ends the round of `position`: that of its epoch or, without epochs, of the
        next validation."""
        every, stop = self._setup.recipe.validation.every, (position.epoch + 1) * self._steps_per_epoch
        if self._training.epochs is None and every != "epoch":
            stop = (position.step // every + 1) * every
        return min(stop, self._total)

    def _named(self, position: Position, stop: int) -> str:
        if self._training.epochs is None:
            return f"steps to {stop} of {self._total}"
        return f"epoch {position.epoch + 1} of {self._training.epochs}"

    def _batches_until(self, step: int) -> int:
        """The number of batches in the first `step` optimizer steps."""
        epochs, steps = divmod(step, self._steps_per_epoch)
        return epochs * self._batches + min(steps * self._training.accumulate, self._batches)

    def _batches_from(self, position: Position) -> Generator[tuple[int, int, Batch], None, None]:
        """Epoch, number within it and batch, endlessly from `position` on."""
        start = position.batch
        for epoch in count_from(position.epoch):
            with closing(self._setup.loader.epoch(epoch, start)) as batches:
                yield from ((epoch, number, batch) for number, batch in enumerate(batches, start))
            start = 0

    def _group(self, number: int) -> range:
        """The batches of the optimizer step with batch `number`; the last one of an epoch has fewer."""
        first = number - number % self._training.accumulate
        return range(first, min(first + self._training.accumulate, self._batches))

    def _gradients(self, batches: Sequence[Batch], epoch: int, group: range) -> list[LossReport]:
        reports = train_step(
            self._setup.model,
            self._setup.objective,
            batches,
            seed=self._setup.recipe.seed,
            step=epoch * self._batches + group.start,
            sub_batch_size=self._training.sub_batch_size,
            autocast=self._setup.machine.autocast,
        )
        for number, report in zip(group, reports, strict=True):
            if not torch.isfinite(report.total):
                raise self._not_finite("the loss", float(report.total), epoch, range(number, number + 1))
        return reports

    def _update(self, position: Position, number: int, reports: Sequence[LossReport]) -> Position:
        """Make one optimizer step; log, validate and save as due."""
        group, optimizer = self._group(number), self._setup.optimizer
        norm = self._limit_gradients(position, group)
        factor = rate_factor(position.step, self._total, self._warmup, self._training.schedule)
        rates = set_rates(optimizer, factor)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        self._share_statistics()
        self._setup.objective.after_step(self._setup.model)
        ends_epoch, round_ends = number + 1 == self._batches, self._round_ends(position)
        position = replace(
            position,
            epoch=position.epoch + ends_epoch,
            batch=0 if ends_epoch else number + 1,
            step=position.step + 1,
        )
        self._logger.step(position, _means(reports), rates, norm, self._items(group))
        return self._validate_and_save(position, ends_epoch, position.step == round_ends)

    def _limit_gradients(self, position: Position, group: range) -> float:
        trained = [p for entry in self._setup.optimizer.param_groups for p in entry["params"]]
        norm = torch.nn.utils.get_total_norm([p.grad for p in trained if p.grad is not None])
        if not torch.isfinite(norm):
            raise self._not_finite("the gradient", float(norm), position.epoch, group)
        if self._training.max_grad_norm is not None:
            torch.nn.utils.clip_grads_with_norm_(trained, self._training.max_grad_norm, norm)
        return float(norm)

    def _not_finite(self, what: str, value: float, epoch: int, batches: range) -> ModelError:
        ids = list(chain.from_iterable(self._setup.loader.item_ids(epoch, number) for number in batches))
        step = epoch * self._steps_per_epoch + batches.start // self._training.accumulate + 1
        return ModelError(
            f"{what} is {value} at step {step} (epoch {epoch + 1}, items {', '.join(ids)}): lower "
            "training.learning_rate, set training.max_grad_norm=1.0, or check these items; earlier "
            "checkpoints are valid"
        )

    def _share_statistics(self) -> None:
        """Set batch statistics to their mean over all processes."""
        if self._accelerator.num_processes == 1:
            return
        own = [buffer for buffer in self._setup.model.buffers() if buffer.is_floating_point()]
        for buffer in own:
            buffer.copy_(self._accelerator.reduce(buffer, reduction="mean"))

    def _validate_and_save(self, position: Position, ends_epoch: bool, ends_round: bool) -> Position:
        every, validator = self._setup.recipe.validation.every, self._setup.validator
        is_last = position.step >= self._total
        due = ends_epoch if every == "epoch" else position.step % every == 0
        if validator is not None and (due or is_last):
            position = self._validate(validator, position)
        steps = self._training.checkpoint_steps
        minutes = (time.monotonic() - self._saved_at) / 60
        by_count = steps is not None and position.step % steps == 0
        if ends_round or is_last or by_count or minutes >= self._training.checkpoint_minutes:
            self._save(position, whole=ends_round or is_last)
        return position

    def _validate(self, validator: Validator, position: Position) -> Position:
        values = validator(self._setup.model, self._setup.objective)
        values = broadcast_object_list([values], from_process=0)[0]
        value, best = values[validator.metric], position.best
        if not math.isfinite(value):
            raise ModelError(
                f"validation {validator.metric} is {value} at step {position.step}: lower "
                "training.learning_rate or set training.max_grad_norm=1.0; earlier checkpoints are valid"
            )
        if best is None or validator.is_better(value, best):
            position = replace(position, best=value, best_step=position.step, worse=0)
            self._write_model(self._folder.model, position, values)
        else:
            position = replace(position, worse=position.worse + 1)
        self._logger.validation(position, values, validator.alarms())
        return position

    def _save(self, position: Position, whole: bool) -> None:
        self._saved_at = time.monotonic()
        if not self._accelerator.is_main_process:
            return
        save_state(self._folder.state, position, self._setup.parts)
        if whole:
            self._write_model(self._folder.last, position)

    def _write_model(self, folder: Path, position: Position, scores: dict[str, float] | None = None) -> None:
        if self._accelerator.is_main_process:
            scores = {f"validation {name}": value for name, value in (scores or {}).items()}
            config = self._setup.model_config({"step": position.step, **scores})
            save_model(folder, self._setup.model, self._setup.tokenizers, config, self._setup.patients)

    def _items(self, batches: range) -> int:
        size, items = self._setup.loader.batch_size, self._setup.loader.items()
        return min(batches.stop * size, items) - batches.start * size


def _warmup(training: TrainingConfig, steps_per_epoch: int) -> int:
    if training.warmup_steps is not None:
        return training.warmup_steps
    return round(training.warmup_epochs * steps_per_epoch)


def _means(reports: Sequence[LossReport]) -> dict[str, float]:
    """The loss and its parts, each a mean over the batches of a step."""
    named = [{"loss": report.total, **report.parts} for report in reports]
    return {name: sum(float(values[name]) for values in named) / len(named) for name in named[0]}
