"""Freezes parts of a model: no gradients, no dropout and no changing statistics inside them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from plainfilm.errors import ConfigError, nearest
from plainfilm.models.base import Model
from plainfilm.training.parts import blocks_of


def freeze(model: Model, parts: Mapping[str, bool | int], *, batch_norm: bool = False) -> None:
    """Freeze the named `parts`: `True` freezes a whole part, a number N its embeddings and first N blocks.

    Frozen parts get no gradient and stay in evaluation mode even after `model.train()`, so their dropout is
    off and their batch statistics do not change. With `batch_norm`, the statistics of every batch
    normalisation layer stay fixed, while its scale and shift are trained. A second call replaces the first.

    Raises:
        ConfigError: a part that the model does not have, or more blocks than it has.
    """
    known = model.parts()
    for name in parts:
        if name not in known:
            raise ConfigError(f"unknown part '{name}' of model '{model.config.use}': {nearest(name, known)}")
    chosen = [module for name, much in parts.items() for module in _modules(name, known[name], much)]
    inner = [module for whole in chosen for module in whole.modules()]  # a list of modules may be of no model
    for part in known.values():
        for parameter in part.parameters():
            parameter.requires_grad_(True)
    for module in chosen:
        module.requires_grad_(False)
    layers = [layer for layer in model.modules() if isinstance(layer, _NormBase)] if batch_norm else []
    model.keep_frozen([*inner, *layers])


def _modules(name: str, part: nn.Module, much: bool | int) -> list[nn.Module]:
    """The modules to freeze in a part."""
    if isinstance(much, bool):
        return [part] if much else []
    blocks = blocks_of(part, f"parts.{name}.freeze", much)
    if not 0 <= much < len(blocks):
        raise ConfigError(
            f"parts.{name}.freeze is {much}, and this encoder has {len(blocks) - 1} besides its embeddings: "
            "set a number up to that, or true"
        )
    return list(blocks[: much + 1])
