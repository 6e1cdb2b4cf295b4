"""What calls of layers cost, found out on torch's meta device, where nothing is computed or stored.

The layers are called with shapes alone, and their products and arrays are counted; so it holds for those of
every library.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from plainfilm.errors import ModelError

_MATRICES = {"aten::mm": 0, "aten::bmm": 0, "aten::addmm": 1, "aten::baddbmm": 1}
"""Products of matrices, and which of their inputs is the first factor."""


@dataclass(frozen=True)
class Cost:
    """operations: additions and multiplications of numbers, in products of matrices and convolutions, which
    are nearly all. largest: bytes of the largest array; weights of attention count as one, though some
    kernels never store them whole."""

    operations: int = 0
    largest: int = 0


class _Counted(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what the calls of torch inside it cost. Whatever asks whether something holds, such as that all
    tokens of a text may be read, is told that it does."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations = self.largest = 0

    def __torch_dispatch__(self, function: Any, types: Any, given: Any = (), named: Any = None) -> Any:
        schema = function._schema
        if schema.name == "aten::_local_scalar_dense" and given[0].dtype == torch.bool:
            return True
        result = function(*given, **(named or {}))
        if not any(one.alias_info for one in schema.returns):  # else a view of what was counted before
            for tensor in result if isinstance(result, tuple | list) else (result,):
                if isinstance(tensor, Tensor):
                    self.largest = max(self.largest, tensor.numel() * tensor.element_size())
        if schema.name in _MATRICES:
            self.operations += 2 * result.numel() * given[_MATRICES[schema.name]].shape[-1]
        elif schema.name == "aten::convolution":
            self.operations += _of_convolution(result, given)
        return result


def _of_convolution(result: Tensor, given: Any) -> int:
    pixels, weights, is_transposed = given[0], given[1], given[6]
    return 2 * (pixels if is_transposed else result).numel() * weights.shape[1:].numel()


def cost_of(run: Callable[[], object]) -> Cost | None:
    """What `run` costs, whose layers and tensors have no storage (new ones are made without any); `None`
    where its code needs numbers from tensors, or refuses their shapes as it will when it is used. The first
    call takes a second, as torch imports its compiler unless a library has done so.
    """
    modes = (torch.device("meta"), torch.no_grad())
    with suppress(NotImplementedError, RuntimeError, ModelError), modes[0], modes[1], _Counted() as counted:
        run()
        return Cost(counted.operations, counted.largest)
    return None
