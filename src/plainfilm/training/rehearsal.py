"""A recipe tried on two random items before anything is read or written.

What only building and running a model can tell (weights that are not there, a film size it does not take,
more frozen blocks than it has, a metric its objective does not know) then costs seconds, and not the hour
in which films are decoded.
"""

from __future__ import annotations

import torch

from plainfilm.batches.batch import Batch, Keys
from plainfilm.errors import ConfigError, nearest
from plainfilm.training.recipe import Recipe
from plainfilm.training.setup import build_model, build_objective, longest_text
from plainfilm.training.step import Measurement
from plainfilm.training.validation import kept, named

_ITEMS, _TOKENS, _VOCABULARY = 2, 8, 64
_OBSERVATIONS = ("first", "second", "third")


def rehearse(recipe: Recipe) -> None:
    """Builds what `recipe` describes, and measures its loss once.

    Raises:
        ConfigError: parts that do not fit together, or an unknown metric, with the nearest.
        ModelError: weights that are not here or do not fit.
    """
    model = build_model(recipe, _VOCABULARY, longest_text(recipe), _OBSERVATIONS)
    objective = build_objective(recipe, model)
    model.eval()
    objective.eval()
    batch = _random_batch(recipe)
    with torch.no_grad():
        features, targets = objective.encode(model, batch), objective.targets(batch)
        report = objective.loss(model, features, targets, batch.keys)
    found = Measurement(report, features, targets)
    known = named(found.report) | objective.score(kept(objective, found))
    metric = recipe.validation.metric
    others = ["recall@5"] if recipe.text else []
    if not recipe.validation.ranks_pairs and metric not in known:
        raise ConfigError(f"unknown validation.metric '{metric}': {nearest(metric, [*known, *others])}")


def _random_batch(recipe: Recipe) -> Batch:
    shape, needs = recipe.preprocessing, recipe.needs
    draw = torch.Generator().manual_seed(0)
    numbers = torch.arange(_ITEMS)
    return Batch(
        images=torch.randn(_ITEMS, needs.views, shape.channels, shape.size, shape.size, generator=draw),
        token_ids=torch.zeros(_ITEMS, needs.texts, _TOKENS, dtype=torch.int64),
        token_mask=torch.ones(_ITEMS, needs.texts, _TOKENS, dtype=torch.bool),
        keys=Keys(numbers, numbers[:, None].expand(-1, needs.texts)),
        rows=numbers,
        labels=(numbers[:, None] % 2).expand(-1, len(_OBSERVATIONS)).to(torch.int8),
    )
