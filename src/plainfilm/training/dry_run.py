"""A recipe tried on two made-up items before anything is read or written.

What only building and running a model can tell (weights that are not there, a film size it does not take,
more frozen blocks than it has, a metric its objective does not know) then costs seconds, and not the hour
in which films are decoded.
"""

from __future__ import annotations

import torch

from plainfilm.batches.batch import Batch, Films
from plainfilm.batches.collate import keys_of
from plainfilm.batches.targets.base import TargetSource, target
from plainfilm.errors import ConfigError, nearest
from plainfilm.models.base import Facts, Model, TokenizerFacts
from plainfilm.nn.ragged import Ragged
from plainfilm.training.pretrained import NOTHING, PretrainedParts
from plainfilm.training.recipe import Recipe, directions
from plainfilm.training.setup import build_model, build_objective
from plainfilm.training.step import measure_step

_ITEMS, _VOCABULARY = 2, 64
_OBSERVATIONS = ("first", "second", "third")


def dry_run(recipe: Recipe, pretrained: PretrainedParts = NOTHING) -> Model:
    """Builds what `recipe` describes, and measures its loss once; the model.

    Raises:
        ConfigError: parts that do not fit together, or an unknown metric, with the nearest.
        UsageError: an objective asks for what this kind of model cannot do.
        ModelError: weights that are not here or do not fit.
    """
    model = build_model(recipe, dry_facts(recipe, pretrained), pretrained)
    objective = build_objective(recipe, model)
    known = directions(recipe, objective.metrics())
    metric = recipe.validation.metric
    if metric not in known:
        others = ["recall@5"] if recipe.reads("text") else []
        raise ConfigError(f"unknown validation.metric '{metric}': {nearest(metric, [*known, *others])}")
    model.eval()
    objective.eval()
    measure_step(model, objective, made_up_batch(recipe, model.facts.observations or _OBSERVATIONS))
    return model


def dry_facts(recipe: Recipe, pretrained: PretrainedParts) -> Facts:
    """Facts to build the model with before data are read: those of `pretrained` parts, else made up."""
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


def made_up_batch(recipe: Recipe, observations: tuple[str, ...] = _OBSERVATIONS) -> Batch:
    """Two items of noise with an example of every target that the recipe reads; labels of `observations`."""
    shape, needs = recipe.preprocessing, recipe.needs
    films = Ragged.even(_ITEMS, 1 if needs.films == "one" else 2)
    draw = torch.Generator().manual_seed(0)
    source = TargetSource(observations=observations)
    targets = {name: target(name).example(_ITEMS, source) for name in needs.targets}
    numbers = torch.arange(_ITEMS)
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
