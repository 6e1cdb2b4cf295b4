"""A file of `torch.save`, opened without running anything in it.

Loading is `weights_only`: tensors, numbers, texts and plain containers. Trainers that use Hydra leave objects
of omegaconf among their settings, which that refuses. The real classes are not let in: each of `INERT`
becomes an `Inert`, which keeps the state it is given and can do nothing. Any other name that a file asks for
ends the import, and what it names is said.

Before that, the container is checked: torch writes a zip whose members are stored as they are, so a member
that is compressed, or members that claim more than the file holds, are not torch's and could fill the memory.
Checksums are compared, as torch does not: a weight with a wrong bit is a wrong number and no error.
Tensors are mapped from the file, so that the optimizer's, two thirds of a checkpoint, are never read.
"""

from __future__ import annotations

import re
import tarfile
import warnings
import zipfile
from pathlib import Path
from pickle import UnpicklingError
from struct import error as StructError
from typing import Any

import torch
from torch import Tensor

from plainfilm.errors import ModelError

INERT = (
    "omegaconf.dictconfig.DictConfig",
    "omegaconf.listconfig.ListConfig",
    "omegaconf.nodes.AnyNode",
    "omegaconf.nodes.BooleanNode",
    "omegaconf.nodes.FloatNode",
    "omegaconf.nodes.IntegerNode",
    "omegaconf.nodes.StringNode",
    "omegaconf.base.Metadata",
    "omegaconf.base.ContainerMetadata",
    "collections.defaultdict",
    "typing.Any",
    "builtins.bool",
    "builtins.dict",
    "builtins.float",
    "builtins.int",
    "builtins.list",
    "builtins.str",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
)
"""Names a trainer's settings and counters bring along; none of them is needed to know what a model is."""

_DAMAGED = (
    *(UnpicklingError, StructError, RuntimeError, EOFError, OSError, MemoryError),
    *(AssertionError, AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError),
)
"""What torch raises for a pickle whose bytes make no sense."""


class Inert:
    """Stands for an object of a class that is not let in: it has the attributes it was stored with."""

    def __init__(self, *arguments: object) -> None:
        """Takes what the real class would be called with, and forgets it."""

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            self.__dict__.update(state)


def plain(value: object) -> object:
    """`value`; of an inert omegaconf object what it holds, one level deep."""
    for _ in range(4):
        if not isinstance(value, Inert):
            return value
        state = vars(value)
        value = state.get("_content", state.get("_val"))
    return None


def read_published(path: Path) -> dict[str, Any]:
    """What the dictionary of `torch.save` at `path` holds; settings may be `Inert`.

    Raises:
        ModelError: no such file, not one of `torch.save`, damaged, or one that asks for code.
    """
    _check_container(path)
    inert: list[Any] = [(Inert, name) for name in INERT]
    try:
        with torch.serialization.safe_globals(inert), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about old and odd pickles; what matters is an error
            loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except _DAMAGED as error:
        raise ModelError(f"{path}: {_what_is_wrong(error)}") from None
    if not isinstance(loaded, dict):
        raise ModelError(f"{path}: holds {type(loaded).__name__}, a checkpoint is a dictionary")
    return loaded


def _what_is_wrong(error: BaseException) -> str:
    asked = re.search(r"GLOBAL (\S+)", str(error))
    if asked:
        return (
            f"asks to run '{asked[1]}', which a file of weights has no need of; nothing of it was run. "
            "Do not open it with torch.load either unless you trust its maker"
        )
    return f"damaged, or not of torch.save ({type(error).__name__}); fetch or copy it again"


def _check_container(path: Path) -> None:
    if path.is_dir():
        raise ModelError(f"{path}: is a folder; name the checkpoint file in it")
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    try:
        if not zipfile.is_zipfile(path):
            raise ModelError(f"{path}: {_other_than_zip(path)}")
        with zipfile.ZipFile(path) as container:
            problem = _problem_of(container, path.stat().st_size)
    except (zipfile.BadZipFile, StructError, RuntimeError, EOFError, OSError, ValueError) as error:
        problem = f"damaged ({error}); fetch or copy it again"
    if problem is not None:
        raise ModelError(f"{path}: {problem}")


def _problem_of(container: zipfile.ZipFile, size: int) -> str | None:
    members = container.infolist()
    if not any(member.filename.endswith("/data.pkl") for member in members):
        return "is a zip archive of other things, not a checkpoint of torch.save"
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        return "its members are compressed, which torch.save never does; it is not opened"
    if sum(member.file_size for member in members) > size:
        return "claims to hold more than its size; it is not opened"
    damaged = container.testzip()
    return None if damaged is None else f"damaged (checksum of '{damaged}'); fetch or copy it again"


def _other_than_zip(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(8)
    if not start:
        return "is empty; fetch it again"
    if start.startswith(b"PK"):
        return "is cut off; fetch it again"
    if tarfile.is_tarfile(path):
        return (
            "is an archive of files (tar), not a checkpoint of torch.save; unpack it and name the file in it"
        )
    return "is not a checkpoint of torch.save (PyTorch 1.6 or later)"


def named_tensors(values: object, where: str) -> dict[str, Tensor]:
    """`values` as tensors by name, without the `module.` that distributed training puts before each.

    Raises:
        ModelError: not a dictionary of tensors, or one that claims more numbers than it has.
    """
    if not isinstance(values, dict) or not values:
        raise ModelError(f"{where}: expected tensors by name, found {type(values).__name__}")
    for key, value in values.items():
        if not isinstance(key, str) or not isinstance(value, Tensor) or value.layout != torch.strided:
            raise ModelError(f"{where}: '{str(key)[:80]}' is not a plain tensor")
        if value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise ModelError(f"{where}: tensor '{key}' claims more numbers than it has")
    prefix = "module." if all(key.startswith("module.") for key in values) else ""
    return {key.removeprefix(prefix): value.detach() for key, value in values.items()}
