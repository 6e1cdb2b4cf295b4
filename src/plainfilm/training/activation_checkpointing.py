"""Activation checkpointing: what happens inside a block of an encoder is computed again in the backward pass
instead of being kept (Chen et al. 2016, arXiv:1604.06174).

Only the inputs of blocks stay in memory; a step takes about a third longer. The gradients are those without,
because the second computation repeats the first: dropout is drawn by row (`nn.row_dropout`), layers are in
the same mode, and the running statistics of batch normalisation move once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from plainfilm.errors import ConfigError
from plainfilm.models.base import Model
from plainfilm.nn.base import ImageEncoder, TextEncoder
from plainfilm.nn.row_dropout import dropout_from_here
from plainfilm.training.step import running_statistics_kept

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def checkpoint_activations(model: Model) -> None:
    """Make the blocks of the model's image and text encoders compute their activations again in the backward
    pass; the names of their parameters stay as they are.

    Raises:
        ConfigError: no encoder of the model has blocks.
    """
    encoders = [part for part in model.modules() if isinstance(part, ImageEncoder | TextEncoder)]
    blocks = {id(block): block for encoder in encoders for block in blocks_of(encoder)}
    if not blocks:
        raise ConfigError(
            "training.activation_checkpointing: no encoder of this model has blocks; leave it out"
        )
    for block in blocks.values():
        block.forward = _Recomputed(block)


def blocks_of(module: nn.Module) -> list[nn.Module]:
    """The innermost lists of modules of one class that are made of others: the blocks of a transformer or of
    the stages of a residual network."""
    children = list(module.children())
    is_list = isinstance(module, _CONTAINERS) and len({*map(type, children)}) == 1
    found = []
    for child in children:
        inner = blocks_of(child)
        found += inner or ([child] if is_list and next(child.children(), None) is not None else [])
    return found


@dataclass(frozen=True)
class _Recomputed:
    """The `forward` of a block whose activations are computed again. It holds the block and no bound method,
    so that a copy of a model runs its own blocks."""

    block: nn.Module

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        forward = partial(type(self.block).forward, self.block, **options)
        if not torch.is_grad_enabled():
            return forward(*inputs)
        return checkpoint(forward, *inputs, use_reentrant=False, context_fn=self._contexts)

    def _contexts(self) -> tuple[AbstractContextManager, AbstractContextManager]:
        """The contexts of the first and of the second computation."""
        return nullcontext(), _As(self.block)


class _As:
    """A context, opened any number of times, in which `block` computes as it would where this was made."""

    def __init__(self, block: nn.Module) -> None:
        self._block = block
        self._modes = [module.training for module in block.modules()]
        self._dropout = dropout_from_here()
        self._opened = ExitStack()

    def __enter__(self) -> None:
        # In this order: which statistics may move depends on the modes.
        self._opened.enter_context(self._dropout())
        self._opened.enter_context(_modes(self._block, self._modes))
        self._opened.enter_context(running_statistics_kept(self._block))

    def __exit__(self, *error: object) -> None:
        self._opened.close()


@contextmanager
def _modes(block: nn.Module, modes: list[bool]) -> Iterator[None]:
    """While open, the modules of `block` are in training or not, as `modes` says."""
    before = [module.training for module in block.modules()]
    _set_modes(block, modes)
    try:
        yield
    finally:
        _set_modes(block, before)


def _set_modes(block: nn.Module, modes: list[bool]) -> None:
    for module, mode in zip(block.modules(), modes, strict=True):
        module.training = mode
