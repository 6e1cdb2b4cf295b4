"""Keeps parts of a model as they are: no gradient, and nothing random or adaptive inside them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from plainfilm.errors import ConfigError, nearest
from plainfilm.models.base import Model


def freeze(model: Model, parts: Mapping[str, bool | int], *, batch_norm: bool = False) -> None:
    """Freeze the named `parts`: `True` all of one, a number N its embeddings and first N blocks.

    Frozen parts get no gradient and stay in evaluation mode whatever `model.train()` is told, so their
    dropout is off and their batch statistics do not move. With `batch_norm` the statistics of every layer
    of batch normalisation stay as they are, while its scale and shift are trained. Calling it again
    replaces what was frozen before.

    Raises:
        ConfigError: a part that the model does not have, or more blocks than there are.
    """
    known = model.parts()
    for name in parts:
        if name not in known:
            raise ConfigError(f"unknown part '{name}' of model '{model.config.use}': {nearest(name, known)}")
    chosen = [module for name, much in parts.items() for module in _modules(name, known[name], much)]
    for part in known.values():
        for parameter in part.parameters():
            parameter.requires_grad_(True)
    for module in chosen:
        module.requires_grad_(False)
    layers = [layer for layer in model.modules() if isinstance(layer, _NormBase)] if batch_norm else []
    model.keep_frozen([*chosen, *layers])


def _modules(name: str, part: nn.Module, much: bool | int) -> list[nn.Module]:
    """The modules of a part that are frozen."""
    if isinstance(much, bool):
        return [part] if much else []
    layers = getattr(part, "layers", None)
    if layers is None:
        raise ConfigError(
            f"parts.{name}.freeze is {much}, but this part has no blocks to count: set true or false"
        )
    found = list(layers())
    if not 0 <= much < len(found):
        raise ConfigError(
            f"parts.{name}.freeze is {much}, and this encoder has {len(found) - 1} besides its embeddings: "
            "set a number up to that, or true"
        )
    return found[: much + 1]
