"""Tries a recipe on two made-up items before any data are read or written.

Some errors show only when a model is built and run: missing weights, an unsupported image size, more frozen
blocks than the encoder has, a metric that the objective does not report. The dry run finds them in seconds,
before the hours in which images are decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch

from plainfilm.batches.batch import Batch, Films
from plainfilm.batches.collate import keys_of
from plainfilm.batches.targets.base import TargetSource, target
from plainfilm.errors import ConfigError, nearest
from plainfilm.evaluators.base import EvaluatorContext
from plainfilm.model_folder.cost import check_cost_of
from plainfilm.models.base import Facts, Model, TokenizerFacts
from plainfilm.nn.ragged import Ragged
from plainfilm.objectives.base import Encoded
from plainfilm.training.pretrained import NOTHING, PretrainedParts
from plainfilm.training.recipe import Recipe
from plainfilm.training.setup import build_model, build_objective
from plainfilm.training.step import measure_step
from plainfilm.training.validation import directions

_ITEMS, _VOCABULARY = 2, 64
_OBSERVATIONS = ("first", "second", "third")


def dry_run(recipe: Recipe, pretrained: PretrainedParts = NOTHING) -> Model:
    """Build the model of `recipe`, compute its loss once, and return the model.

    Raises:
        ConfigError: parts that do not fit together, inputs beyond `io.limits`, or an unknown metric, with the
            nearest name.
        UsageError: an objective needs an ability that this kind of model lacks.
        ModelError: weights that are missing or do not fit.
    """
    model = build_model(recipe, facts_of(recipe, pretrained), pretrained)
    check_cost_of(model.rebuilt_from(), model.facts, recipe.preprocessing)
    objective = build_objective(recipe, model)
    known = directions(recipe, objective.metrics())
    metric = recipe.validation.metric
    if metric not in known:
        others = ["recall@5"] if recipe.reads("text") else []
        raise ConfigError(f"unknown validation.metric '{metric}': {nearest(metric, [*known, *others])}")
    model.eval()
    objective.eval()
    evaluators = [module for module, _ in recipe.evaluators()]
    needed = [name for module in evaluators for name in module.NEEDS]
    batch = made_up_batch(recipe, needs=needed, observations=model.facts.observations or _OBSERVATIONS)
    measure_step(model, objective, batch, watch=_asked(recipe, model))
    return model


def _asked(recipe: Recipe, model: Model) -> Callable[[Encoded], None]:
    """Lets every evaluator turn the made-up items into records, so that one that needs another kind of
    model is found; their tokenizers do not exist yet, so nothing is decoded."""
    tokenizers = dict.fromkeys(model.facts.tokenizers, cast(Any, _NoTokenizer()))
    context = EvaluatorContext(tokenizers, model.facts.observations)
    built = [module.build(settings, context) for module, settings in recipe.evaluators()]

    def watch(encoded: Encoded) -> None:
        for evaluator in built:
            evaluator.records(encoded)

    return watch


class _NoTokenizer:
    """Stands for a tokenizer before there is one."""

    def decode(self, token_ids: Sequence[int]) -> str:
        """No text."""
        return ""


def facts_of(recipe: Recipe, pretrained: PretrainedParts = NOTHING) -> Facts:
    """Facts that fit the recipe's model before any data is read: those of `pretrained` parts, or made up."""
    tokenizers = {
        name: TokenizerFacts(
            vocabulary_size=_VOCABULARY, max_tokens=recipe.longest_text(name), start=2, end=3
        )
        for name in recipe.architecture.tokenizers()
    }
    tokenizers |= {name: own for name, own in pretrained.tokenizer_facts.items() if name in tokenizers}
    stated = recipe.data.observations or pretrained.observations or _OBSERVATIONS
    observations = stated if recipe.architecture.answers_observations else ()
    return Facts(observations=observations, tokenizers=tokenizers)


def made_up_batch(
    recipe: Recipe,
    items: int = _ITEMS,
    needs: Sequence[str] = (),
    observations: tuple[str, ...] = _OBSERVATIONS,
) -> Batch:
    """Items of noise with an example of every target that the recipe's objectives read, and of `needs`;
    labels are of `observations`."""
    shape, wanted = recipe.preprocessing, dict.fromkeys((*recipe.needs.targets, *needs))
    films = Ragged.even(items, 1 if recipe.needs.films == "one" else 2)
    draw = torch.Generator().manual_seed(0)
    source = TargetSource(observations=observations)
    targets = {name: target(name).example(items, source) for name in wanted}
    numbers = torch.arange(items)
    return Batch(
        films=Films(
            pixels=torch.randn(films.entries, shape.channels, shape.size, shape.size, generator=draw),
            of=films,
            projections=torch.zeros(films.entries, dtype=torch.int64),
        ),
        keys=keys_of(numbers, targets),
        rows=numbers,
        targets=targets,
    )
