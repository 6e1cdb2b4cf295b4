"""A file of `torch.save`, opened without running anything in it, and the tensors it holds.

Loading is `weights_only`: tensors, numbers, texts and plain containers. Trainers leave more in their files:
settings of omegaconf, argparse or classes of their own, counters of numpy, optimizers. None of it is let in.
Each name that a file asks for becomes a stand-in: `Inert`, which keeps what it is given and can do nothing,
or an empty dictionary or list where the real thing is filled item by item. What a stand-in is made for are
classes of libraries and trainers and what is listed in `INERT`, `MAPPINGS` and `SEQUENCES`. Anything else, a
function or another part of Python's own library, ends the reading, and the error says what was asked for.

Modules that were stored whole are read as the tensors they hold, by name (`module_tensors`).

Before that, the container is checked: torch writes a zip whose members are stored as they are, so a member
that is compressed, or members that claim more than the file holds, are not torch's and could fill the memory.
Checksums are compared, as torch does not: a weight with a wrong bit is a wrong number and no error.
Tensors are mapped from the file, so that the optimizer's, two thirds of a checkpoint, are never read. Files
of before PyTorch 1.6 are no zip and have no checksums; `io.legacy_torch_files` reads them.
"""

from __future__ import annotations

import re
import sys
import tarfile
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from pickle import UnpicklingError
from struct import error as StructError
from typing import Any

import numpy as np
import torch
from torch import Tensor

from plainfilm.errors import ModelError
from plainfilm.io.legacy_torch_files import is_legacy, read_legacy

_NUMPY = ("numpy.core", "numpy._core")
_TYPES = ("bool", "bytes", "dict", "float", "int", "list", "str", "tuple")
INERT = (
    *("argparse.Namespace", "types.SimpleNamespace"),
    *("datetime.date", "datetime.datetime", "datetime.timedelta"),
    *(f"pathlib.{kind}" for kind in ("Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath")),
    *(f"builtins.{kind}" for kind in _TYPES),
    *(f"typing.{kind}" for kind in ("Any", "Dict", "List", "Optional", "Tuple", "Union")),
    "_operator.getitem",  # of a type: Dict[str, int]
    *("numpy.dtype", "numpy.ndarray"),
    *(f"{core}.multiarray.{name}" for core in _NUMPY for name in ("scalar", "_reconstruct")),
)
"""Names that settings and counters bring along beside classes of libraries; `Inert` stands for each."""

MAPPINGS = ("collections.defaultdict",)
"""Names of containers that are filled by key, beside classes of libraries that are called so."""

SEQUENCES = ("collections.deque", "builtins.set", "builtins.frozenset")
"""Names of containers that are filled one by one."""

WRAPPERS = frozenset({"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
"""What DistributedDataParallel, compile, FSDP and activation checkpointing put into the names of tensors."""

MODULE = "module"
"""The key for the tensors of a module that was stored whole."""

DAMAGED = (
    *(UnpicklingError, StructError, RuntimeError, EOFError, OSError, MemoryError),
    *(AssertionError, AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError),
)
"""What torch raises for a pickle whose bytes make no sense."""

_REFUSED = re.compile(r"(Trying to call|Can only|Unsupported operand|Trying to instantiate)[^.;]{0,120}")
_MAPPING_LIKE = re.compile(r"(\w*Dict|Munch|CfgNode|Box|DotMap)$")
_NUMBERS = re.compile(r"f[248]|[iu][1248]")


class Inert:
    """Stands for an object of a class that is not let in: it has the attributes it was stored with.

    `made_of` are the arguments that the real class would have been called with.
    """

    def __init__(self, *arguments: object) -> None:
        self.made_of = arguments

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            self.__dict__.update({key: value for key, value in state.items() if isinstance(key, str)})
        elif isinstance(state, tuple):
            self.stored = state


class _InertMapping:
    """Makes the empty dictionary that is filled in the place of another kind."""

    def __new__(cls, *arguments: object) -> Any:
        given = arguments[0] if arguments else None
        return OrderedDict(given) if isinstance(given, dict) else OrderedDict()


class _InertSequence:
    """Makes the list that is filled in the place of another kind."""

    def __new__(cls, *arguments: object) -> Any:
        given = arguments[0] if arguments else None
        return list(given) if isinstance(given, list | tuple) else []


def plain(value: object) -> object:
    """`value`; of an inert object what it holds, one level deep: what omegaconf's contain, else
    attributes."""
    for _ in range(4):
        if not isinstance(value, Inert):
            return value
        state = {key: held for key, held in vars(value).items() if key not in ("made_of", "stored")}
        value = state.get("_content", state.get("_val", state or None))
    return None


def number(value: object) -> int | float | None:
    """`value` as a number, where it is one: of Python, of numpy, or a tensor of one element."""
    if isinstance(value, Tensor):
        is_one = value.numel() == 1 and value.layout == torch.strided and not value.is_meta
        value = value.item() if is_one else None
    elif isinstance(value, Inert):
        value = _of_numpy(value) if _parts(value, "made_of") else plain(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _of_numpy(value: Inert) -> int | float | None:
    """The number of an inert numpy scalar, which is made of a type and bytes, or `None`."""
    kind, raw = (*_parts(value, "made_of"), None, None)[:2]
    code = (*_parts(kind, "made_of"), None)[0]
    order = (*_parts(kind, "stored"), None, None)[1]
    if not (isinstance(code, str) and _NUMBERS.fullmatch(code) and order in ("<", ">", "|", "=")):
        return None
    if not isinstance(raw, bytes) or len(raw) != int(code[1]):
        return None
    found: int | float = np.frombuffer(raw, dtype=f"{order}{code}")[0].item()
    return found


def _parts(value: object, attribute: str) -> tuple[object, ...]:
    found = vars(value).get(attribute) if isinstance(value, Inert) else None
    return found if isinstance(found, tuple) else ()


def read_published(path: Path) -> dict[str, Any]:
    """What the dictionary of `torch.save` at `path` holds; settings may be `Inert`. Of a module that was
    stored whole, its tensors, by the name of `MODULE`.

    Raises:
        ModelError: no such file, not one of `torch.save`, damaged, or one that asks for code.
    """
    is_old = path.is_file() and is_legacy(path)
    if not is_old:
        check_container(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about old and odd pickles; what matters is an error
            loaded = _read_old(path) if is_old else _read_zip(path)
    except DAMAGED as error:
        raise ModelError(f"{path}: {_what_is_wrong(error)}") from None
    if isinstance(loaded, dict):
        return loaded
    tensors = module_tensors(loaded)
    if not tensors:
        kind = "an object of its trainer's code" if isinstance(loaded, Inert) else type(loaded).__name__
        raise ModelError(f"{path}: holds {kind}, a checkpoint is a dictionary")
    return {MODULE: tensors}


def _read_zip(path: Path) -> Any:
    stand_ins = _stand_ins(torch.serialization.get_unsafe_globals_in_checkpoint(path), path)
    with torch.serialization.safe_globals(stand_ins):
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)


def _read_old(path: Path) -> Any:
    return read_legacy(path, lambda name: _stand_ins([name], path)[0][0], (Inert,))


def module_tensors(value: object) -> dict[str, Tensor]:
    """The tensors of a module of torch that was stored whole, by the names of its `state_dict`; none of
    anything else."""
    found: dict[str, Tensor] = {}
    open_modules: list[tuple[str, object]] = [("", value)]
    seen: set[int] = set()
    while open_modules:
        prefix, module = open_modules.pop()
        state = vars(module) if isinstance(module, Inert) and id(module) not in seen else {}
        seen.add(id(module))
        unsaved = state.get("_non_persistent_buffers_set") or ()
        for name, tensor in (*_named(state.get("_parameters")), *_named(state.get("_buffers"))):
            if isinstance(tensor, Tensor) and name not in unsaved:
                found[f"{prefix}{name}"] = tensor
        inner = [(f"{prefix}{name}.", part) for name, part in _named(state.get("_modules"))]
        open_modules += reversed(inner)
    return found


def _named(values: object) -> list[tuple[str, object]]:
    return [(str(name), value) for name, value in values.items()] if isinstance(values, dict) else []


def _stand_ins(names: Iterable[str], path: Path) -> list[Any]:
    """What is put in the place of each name, as `safe_globals` takes it."""
    found = []
    for name in sorted(names):
        kind = _stand_in(name)
        if kind is None:
            raise ModelError(f"{path}: {_asks_for(name)}")
        found.append((kind, name))
    return found


def _stand_in(name: str) -> type | None:
    module, _, last = name.rpartition(".")
    if name in INERT:
        return Inert
    if name in MAPPINGS:
        return _InertMapping
    if name in SEQUENCES:
        return _InertSequence
    is_class = last[:1].isupper() or (last[:1] == "_" and last.lstrip("_")[:1].isupper())
    if not module or not is_class or module.split(".")[0] in sys.stdlib_module_names:
        return None
    return _InertMapping if _MAPPING_LIKE.fullmatch(last) else Inert


def _asks_for(name: str) -> str:
    return (
        f"asks to run '{name[:80]}', which a file of weights has no need of; nothing of it was run. "
        "Do not open it with torch.load either unless you trust its maker"
    )


def _what_is_wrong(error: BaseException) -> str:
    said = " ".join(str(error).split())
    asked = re.search(r"GLOBAL (\S+)", said)
    if asked:
        return _asks_for(asked[1])
    refused = re.search(
        r"(Trying to call|Can only|Unsupported operand|Trying to instantiate)[^.;]{0,120}", said
    )
    if refused and isinstance(error, UnpicklingError):
        return (
            f"holds what loading weights alone does not take ({refused[0]}); have it saved again by its "
            "trainer, with plain tensors by name"
        )
    return f"damaged, or not of torch.save ({type(error).__name__}); fetch or copy it again"


def check_container(path: Path) -> None:
    """Check that the file at `path` is a whole one of `torch.save`, with all its checksums.

    Raises:
        ModelError: it is not.
    """
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
    return "is not a checkpoint of torch.save"


def named_tensors(values: object, where: str) -> dict[str, Tensor]:
    """`values` as tensors by name, without what `WRAPPERS` put into the names.

    Raises:
        ModelError: not a dictionary of tensors, a tensor without storage or that claims more numbers than it
            has, or two tensors of one name.
    """
    if not isinstance(values, dict) or not values:
        raise ModelError(f"{where}: expected tensors by name, found {type(values).__name__}")
    found: dict[str, Tensor] = {}
    for key, value in values.items():
        is_plain = isinstance(value, Tensor) and value.layout == torch.strided and not value.is_meta
        if not isinstance(key, str) or not is_plain:
            raise ModelError(f"{where}: '{str(key)[:80]}' is not a plain tensor")
        if value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise ModelError(f"{where}: tensor '{key}' claims more numbers than it has")
        name = ".".join(part for part in key.split(".") if part not in WRAPPERS)
        if name in found:
            raise ModelError(f"{where}: has two tensors '{name}', one of them as '{key}'")
        found[name] = value.detach()
    return found
