"""Whether a model can be used with its largest inputs, found out before its weights are read.

A model folder of a few megabytes can ask for an input whose attention takes days or terabytes.
"""

from __future__ import annotations

import torch

from plainfilm.errors import ConfigError
from plainfilm.io import limits
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.models.base import Facts, KindConfig, Model, build_model
from plainfilm.nn.base import TextEncoder
from plainfilm.nn.cost import Cost, cost_of
from plainfilm.nn.size import on_meta
from plainfilm.plugins import foreign_code

_READS = "text"
"""The tokenizer of texts that are encoded, and the part that encodes them."""


def check_cost(model: Model, preprocessing: Preprocessing) -> Cost:
    """Check that `model`, which has no storage, can be used with its largest inputs; the cost of a film, 0 if
    it is known to be small.

    Raises:
        ConfigError: a film or text beyond what `io.limits` states for models.
    """
    _check_lengths(model)
    of_film = _check_film(model, preprocessing)
    _check_text(model)
    return of_film


def check_cost_of(settings: KindConfig, facts: Facts, preprocessing: Preprocessing) -> None:
    """`check_cost` of the model of `settings`, which name no weights; foreign code is not tried."""
    if any(foreign_code(settings.model_dump(mode="json"))):
        return
    model = on_meta(lambda: build_model(settings, facts))
    if model is not None:
        check_cost(model.eval(), preprocessing)


def _check_lengths(model: Model) -> None:
    for name, need in model.config.tokenizers().items():
        verb, most = ("write", limits.MOST_TOKENS_WRITTEN) if need.writes else ("read", limits.MOST_TOKENS)
        longest = model.facts.tokenizers[name].max_tokens
        if longest > most:
            raise ConfigError(
                f"tokenizers.{name}.max_tokens is {longest:,}, and models {verb} texts of at most {most:,} "
                "tokens: make it smaller"
            )


def _check_film(model: Model, preprocessing: Preprocessing) -> Cost:
    side, patches = preprocessing.size, 0
    if side <= getattr(model.parts()["image"], "small", 0):
        return Cost()

    def run() -> None:
        nonlocal patches
        patches = model.film_features(torch.empty(1, preprocessing.channels, side, side)).patches.shape[1]

    cost, film = cost_of(run) or Cost(), f"a film of preprocessing.size {side} px"
    _check(cost, film, "make preprocessing.size smaller")
    if patches > limits.MOST_PATCHES:
        raise ConfigError(
            f"{film} has {patches:,} patches, and models read at most {limits.MOST_PATCHES:,}: make "
            "preprocessing.size smaller"
        )
    return cost


def _check_text(model: Model) -> None:
    encoder = model.parts().get(_READS)
    if not isinstance(encoder, TextEncoder):
        return
    longest = min(model.facts.tokenizers[_READS].max_tokens, encoder.max_tokens)
    if longest <= encoder.small:
        return
    ids = (1, longest)
    cost = cost_of(lambda: encoder(torch.empty(ids, dtype=torch.int64), torch.empty(ids, dtype=torch.bool)))
    _check(cost or Cost(), f"a text of {longest:,} tokens", f"make tokenizers.{_READS}.max_tokens smaller")


def _check(cost: Cost, what: str, way_out: str) -> None:
    if cost.operations > limits.MOST_OPERATIONS:
        raise ConfigError(
            f"{what} takes {cost.operations:.2g} operations, and models make at most "
            f"{limits.MOST_OPERATIONS:.2g}: {way_out}"
        )
    if cost.largest > limits.LARGEST_ARRAY:
        raise ConfigError(
            f"{what} makes an array of {cost.largest / 1e9:,.1f} GB, and models make at most "
            f"{limits.LARGEST_ARRAY / 1e9:,.1f} GB: {way_out}"
        )
