"""How large a module would be, found out by building it without storage (on torch's meta device)."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import chain
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from plainfilm.errors import ConfigError

Module = TypeVar("Module", bound=nn.Module)

_FILLS_TENSORS = ("meta tensor", "meta device")
_RANDOM = frozenset({nn.init.normal_, nn.init.uniform_, Tensor.normal_, Tensor.uniform_})


class _WithoutValues(TorchFunctionMode):
    """Leaves random values out, which tensors without storage cannot hold: to say so, torch would import its
    compiler, which takes longer than torch itself."""

    def __torch_function__(self, function: Any, types: Any, given: Any = (), named: Any = None) -> Any:
        named = named or {}
        return (given[0] if given else named["tensor"]) if function in _RANDOM else function(*given, **named)


def on_meta(build: Callable[[], Module]) -> Module | None:
    """What `build` makes, without storage; `None` where its code needs the values of tensors.

    Raises:
        ConfigError: sizes that no tensor can have.
    """
    try:
        with torch.device("meta"), _WithoutValues(), torch.random.fork_rng(devices=[]):
            return build()
    except NotImplementedError:
        return None
    except RuntimeError as error:
        if any(words in str(error) for words in _FILLS_TENSORS):
            return None
        raise ConfigError(f"cannot be built ({str(error).splitlines()[0]}); correct its sizes") from None
    except (OverflowError, MemoryError) as error:
        raise ConfigError(f"cannot be built ({error}); correct its sizes") from None


def count_parameters(module: nn.Module) -> int:
    """The number of parameters of a module, trained or not."""
    return sum(parameter.numel() for parameter in module.parameters())


def check_fits_in_memory(build: Callable[[], nn.Module], what: str) -> None:
    """Check that the tensors of what `build` makes fit into the memory of this machine.

    Raises:
        ConfigError: they do not.
    """
    try:
        module = on_meta(build)
    except ConfigError as error:
        raise ConfigError(f"{what}: {error}") from None
    if module is None:
        return
    needed = sum(one.numel() * one.element_size() for one in chain(module.parameters(), module.buffers()))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > memory:
        raise ConfigError(
            f"{what}: its settings ask for {needed / 1e9:,.0f} GB of weights, and this machine has "
            f"{memory / 1e9:,.0f} GB of memory: make it smaller"
        )
