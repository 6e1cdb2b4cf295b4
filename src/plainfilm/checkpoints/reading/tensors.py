"""Tensors of a checkpoint into a model of ours, name by name, with every one accounted for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from plainfilm.errors import ModelError

PublishedNames = Callable[[str], tuple[str, ...]]
"""From the name of one of our tensors to those it is made of there, one below the other (first axis)."""


def fill(
    model: nn.Module,
    tensors: Mapping[str, Tensor],
    names: PublishedNames,
    unused: Sequence[str],
    where: str,
) -> tuple[str, ...]:
    """Copies `tensors` into `model`; returns the names that it has no use for, all matched by `unused`.

    Args:
        model: on the device "meta" only names and shapes are checked.
        names: `()` for a tensor of ours that the checkpoint does not have and that stays as it is.
        unused: regular expressions of whole names that are known and not needed.

    Raises:
        ModelError: a tensor that is missing, not known, or of another shape.
    """
    own = model.state_dict()
    sources = {key: names(key) for key in own}
    wanted = dict.fromkeys(name for parts in sources.values() for name in parts)
    _refuse(where, "is missing", [name for name in wanted if name not in tensors])
    rest = [name for name in tensors if name not in wanted]
    known = [name for name in rest if any(re.fullmatch(pattern, name) for pattern in unused)]
    _refuse(where, "is not part of such a model", [name for name in rest if name not in known])
    for key, target in own.items():
        parts = [tensors[name] for name in sources[key]]
        if parts:
            _check_shape(parts, target, sources[key][0], where)
    if not any(target.is_meta for target in own.values()):
        _copy(own, {key: [tensors[name] for name in parts] for key, parts in sources.items()})
    return tuple(known)


def _copy(own: Mapping[str, Tensor], sources: Mapping[str, Sequence[Tensor]]) -> None:
    with torch.no_grad():
        for key, parts in sources.items():
            if parts:
                own[key].copy_(torch.cat(list(parts)) if len(parts) > 1 else parts[0])


def _check_shape(parts: Sequence[Tensor], target: Tensor, name: str, where: str) -> None:
    needed = list(target.shape)
    if len(parts) > 1:
        needed[0] //= len(parts)
    for part in parts:
        if list(part.shape) != needed or part.is_floating_point() != target.is_floating_point():
            kind = str(part.dtype).removeprefix("torch.")
            found = f"{tuple(part.shape)} of {kind}"
            raise ModelError(f"{where}: tensor '{name}' is {found}, such a model needs {tuple(needed)}")


def _refuse(where: str, what: str, names: Sequence[str]) -> None:
    if names:
        more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
        raise ModelError(f"{where}: tensor '{names[0]}' {what}{more}")


def shape_of(tensors: Mapping[str, Tensor], name: str, axes: int, where: str) -> tuple[int, ...]:
    """The shape of a tensor by name, which has so many `axes`.

    Raises:
        ModelError: it is missing, has other axes or is empty.
    """
    if name not in tensors:
        _refuse(where, "is missing", [name])
    shape = tuple(tensors[name].shape)
    if len(shape) != axes or 0 in shape:
        raise ModelError(f"{where}: tensor '{name}' is {shape}, such a model needs {axes} axes")
    return shape


def count(names: Iterable[str], pattern: str) -> int:
    """How many different numbers stand in the place of the group of `pattern` at the start of `names`."""
    found = (re.match(pattern, name) for name in names)
    return len({match[1] for match in found if match})
