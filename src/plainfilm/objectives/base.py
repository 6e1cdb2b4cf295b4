"""The contract of an objective: one file that defines a training loss.

An objective module has three names:

    Config                  a `config.Settings`
    NEEDS                   the targets it reads, by name (`batches.targets`)
    build(config, model)    a `Coupled` or a `PerItem`

and, where they hold,

    FILMS                   "pair" or "all", where it reads more than one film an item
                            (`batches.batch.FilmsPerItem`)
    PATCHES                 False, where it asks for no patches of films: these then need not be kept with the
                            features of a frozen encoder

Several objectives add up on one encoding of each slice of the batch (`Encoded`). There are two forms; both
give the gradients of the whole batch, however it is cut into slices and spread over processes:

A `Coupled` objective compares the items of a batch. `encode` turns a slice into row-wise features; `loss`
computes a number from the features of the whole batch, over all slices and processes (gradient caching, Gao
et al. 2021, arXiv:2101.06983).

A `PerItem` objective is a sum over the known terms of each item, divided by their number. `counts` gives the
number of terms in a slice, from targets alone; counts are added up over slices, accumulated batches and
processes before any encoding. `sums` are then differentiated slice by slice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, cast

import torch
from torch import Tensor, nn

from plainfilm import plugins
from plainfilm.batches.batch import Batch, FilmsPerItem, Keys
from plainfilm.config import Settings
from plainfilm.models.base import ClassifiesStudies
from plainfilm.nn.base import ImageFeatures, StudyFeatures
from plainfilm.nn.ragged import Ragged
from plainfilm.nn.row_dropout import dropout_entries
from plainfilm.types import Better

Features = dict[str, Tensor]
"""Row-wise features by name; each has the batch's items as its first axis."""

Value = TypeVar("Value")


@dataclass(frozen=True)
class LossReport:
    """`total` is differentiated; `parts` are detached numbers for the log, by name."""

    total: Tensor
    parts: dict[str, Tensor] = field(default_factory=dict)


class Encoded:
    """One slice of a batch during encoding; all objectives share each encoding."""

    def __init__(self, model: nn.Module, batch: Batch) -> None:
        self.model = model
        self.batch = batch
        self._made: dict[object, Any] = {}

    def once(self, key: object, make: Callable[[], Value]) -> Value:
        """The value of `make`, computed at the first call with `key`."""
        if key not in self._made:
            self._made[key] = make()
        return cast(Value, self._made[key])

    def films(self, most: int | None = None) -> ImageFeatures:
        """Features of the images of the items, at most `most` of each, concatenated."""
        return self.once(("films", most), lambda: self._films(most))

    def image_vectors(self, most: int | None = None) -> Tensor:
        """Unit vectors (F, D) of the images, at most `most` of each item."""

        def make() -> Tensor:
            features = self.films(most)
            with dropout_entries(self.films_of(most)):
                vectors: Tensor = self.model("image_vectors", features)
            return vectors

        return self.once(("image vectors", most), make)

    def studies(self) -> StudyFeatures:
        """The fused features of all films of each item, for a model that encodes studies."""

        def make() -> StudyFeatures:
            features, films = self.films(), self.batch.films
            fused: StudyFeatures = self.model("study_features", features, films.of, films.projections)
            return fused

        return self.once("studies", make)

    def logits(self) -> Tensor:
        """Logits (B, O) of the items: of all their films where the model fuses them, else of the first."""

        def make() -> Tensor:
            if isinstance(self.model, ClassifiesStudies):
                logits: Tensor = self.model("study_logits", self.studies())
            else:
                logits = self.model("logits", self.films(1))
            return logits

        return self.once("logits", make)

    def text_vectors(self, target: str = "text", most: int | None = None) -> Tensor:
        """Unit vectors (B, T, D) of the texts of `target`, at most `most` of each item."""

        def make() -> Tensor:
            texts = self.batch.targets[target]
            ids, mask = texts.token_ids[:, :most], texts.token_mask[:, :most]
            items, each = ids.shape[:2]
            with dropout_entries(Ragged.even(items, each, ids.device)):
                vectors: Tensor = self.model("encode_texts", ids.flatten(0, 1), mask.flatten(0, 1))
            return vectors.reshape(*ids.shape[:2], vectors.shape[-1])

        return self.once(("text vectors", target, most), make)

    def made_vectors(self) -> Iterator[tuple[str, Tensor, list[int] | None]]:
        """What was computed so far: "images" or "texts", their vectors (N, D), and the keys of texts (N,)."""
        for key, made in self._made.items():
            if isinstance(key, tuple) and key[0] == "image vectors":
                yield "images", made.detach(), None
            if isinstance(key, tuple) and key[0] == "text vectors":
                keys = self.batch.targets[key[1]].keys[:, : key[2]]
                yield "texts", made.detach().flatten(0, 1), keys.flatten().tolist()

    def films_of(self, most: int | None = None) -> Ragged:
        """The assignment of images to items, at most `most` to each."""
        of = self.batch.films.of
        return of if most is None else of.first(most)[0]

    def _films(self, most: int | None) -> ImageFeatures:
        films = self.batch.films
        of, kept = (films.of, None) if most is None else films.of.first(most)
        if kept is not None and bool(kept.all()):
            kept = None
        if films.features is not None:
            return films.features if kept is None else films.features.each(lambda values: values[kept])
        pixels = films.pixels if kept is None else films.pixels[kept]
        with dropout_entries(of):
            features: ImageFeatures = self.model("film_features", pixels)
        return features


class Objective(nn.Module):
    """Base of every objective. Its own parameters (if any) are trained with the model's; parameters needed
    for inference belong to the model."""

    def before_training(self, targets: Mapping[str, Any]) -> None:
        """Called once with the targets of all training items: `labels`, the states (N, O), if read."""

    def metrics(self) -> dict[str, Better]:
        """The parts of the loss that may choose the best model, with their direction; `loss` always may."""
        return {}

    def after_step(self, model: nn.Module) -> None:
        """Called after every optimizer step (to update a moving-average teacher, for example)."""


class Coupled(Objective):
    """An objective whose loss couples the items of the batch."""

    def encode(self, encoded: Encoded) -> Features:
        """Differentiable row-wise features of a slice of the batch."""
        raise NotImplementedError(f"{type(self).__name__} does not define what it encodes")

    def targets(self, batch: Batch) -> Features:
        """Row-wise features without gradient (of a teacher, for example); computed once per slice."""
        return {}

    def loss(self, model: nn.Module, features: Features, targets: Features, keys: Keys) -> LossReport:
        """The loss of the whole batch from the features of all its rows, in row order."""
        raise NotImplementedError(f"{type(self).__name__} does not define its loss")


class PerItem(Objective):
    """An objective that sums terms of single items, each averaged over its known values."""

    def weights(self) -> Mapping[str, float]:
        """The weight of each term in the loss; 1 if it is missing."""
        return {}

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        """The number of values of each term in a slice (scalars), from its targets alone."""
        raise NotImplementedError(f"{type(self).__name__} does not count its terms")

    def sums(self, encoded: Encoded) -> dict[str, Tensor]:
        """The sum (a scalar) of each term over a slice; its gradient must not depend on other slices."""
        raise NotImplementedError(f"{type(self).__name__} does not define its loss")

    def loss(self, sums: Mapping[str, Tensor], counts: Mapping[str, Tensor]) -> LossReport:
        """The weighted sum of sums over counts, which are above 0. Several terms are reported as parts."""
        weights = self.weights()
        means = {name: sums[name] / counts[name] for name in sums}
        total = torch.stack([weights.get(name, 1.0) * mean for name, mean in means.items()]).sum()
        parts = {name: mean.detach() for name, mean in means.items()} if len(means) > 1 else {}
        return LossReport(total, parts)

    def metrics(self) -> dict[str, Better]:
        """Each term is better when lower."""
        return dict.fromkeys(self.weights(), "lower")


class ObjectiveSum(nn.Module):
    """One or several objectives, added up with a weight each."""

    def __init__(self, objectives: Mapping[str, Objective], weights: Mapping[str, float]) -> None:
        super().__init__()
        self.members = nn.ModuleDict({name.replace(".", "_"): one for name, one in objectives.items()})
        self.names = tuple(objectives)
        self.weights = tuple(weights[name] for name in objectives)
        self.needs: tuple[tuple[str, ...], ...] = tuple(() for _ in objectives)

    @classmethod
    def of(cls, objective: Objective, needs: tuple[str, ...] = ()) -> ObjectiveSum:
        """A single objective."""
        single = cls({"objective": objective}, {"objective": 1.0})
        single.needs = (needs,)
        return single

    def __iter__(self) -> Iterator[Objective]:
        return cast("Iterator[Objective]", iter(self.members.values()))

    def before_training(self, targets: Mapping[str, Any]) -> None:
        """See `Objective.before_training`."""
        for one in self:
            one.before_training(targets)

    def after_step(self, model: nn.Module) -> None:
        """See `Objective.after_step`."""
        for one in self:
            one.after_step(model)

    def metrics(self) -> dict[str, Better]:
        """The loss and the parts that may choose the best model, with their direction."""
        directions: dict[str, Better] = {"loss": "lower"}
        for name, one in zip(self.names, self, strict=True):
            directions |= {self._called(name, part): better for part, better in one.metrics().items()}
            if len(self.names) > 1:
                directions[f"{name}/loss"] = "lower"
        return directions

    def together(self, reports: Sequence[LossReport]) -> LossReport:
        """The weighted sum; with several objectives, parts and losses are named `OBJECTIVE/PART`."""
        totals = [report.total * weight for report, weight in zip(reports, self.weights, strict=True)]
        parts = {
            self._called(name, part): value
            for name, report in zip(self.names, reports, strict=True)
            for part, value in report.parts.items()
        }
        if len(reports) == 1:
            return LossReport(totals[0], parts)
        losses = {
            f"{name}/loss": report.total.detach() for name, report in zip(self.names, reports, strict=True)
        }
        return LossReport(torch.stack(totals).sum(), losses | parts)

    def _called(self, objective: str, part: str) -> str:
        return part if len(self.names) == 1 else f"{objective}/{part}"


class ObjectiveModule(Protocol):
    """The names in a module of this folder."""

    Config: type[Settings]
    NEEDS: tuple[str, ...]

    def build(self, config: Any, model: nn.Module) -> Objective:
        """The objective for `model`."""
        ...


def films_of(module: ObjectiveModule) -> FilmsPerItem:
    """The number of images per item that an objective reads."""
    films: FilmsPerItem = getattr(module, "FILMS", "one")
    return films


def objective(name: str) -> ObjectiveModule:
    """The objective called `name` (see `plugins.resolve`)."""
    return cast(ObjectiveModule, plugins.resolve("objective", name))
