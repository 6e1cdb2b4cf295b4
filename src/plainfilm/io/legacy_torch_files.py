"""A file as torch.save wrote it before PyTorch 1.6: pickles, then the numbers of every tensor.

Whole modules stored in this form name their classes in a way that torch's `weights_only` loading does not
take. So the pickles are read here, with nothing to call but what makes tensors, dictionaries and the
stand-ins of `io.torch_files`. Opcodes of later pickle protocols are refused, as they can claim memory that
the file has not, and so are states for anything but a stand-in.
"""

from __future__ import annotations

import pickle
import pickletools
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How such a file begins: a pickled number."""

_PROTOCOL = 2
_BEFORE = 3
"""Pickles before the saved object: the number, the version, the sizes of the machine's types."""
_KINDS = {
    "torch.FloatStorage": np.float32,
    "torch.DoubleStorage": np.float64,
    "torch.HalfStorage": np.float16,
    "torch.LongStorage": np.int64,
    "torch.IntStorage": np.int32,
    "torch.ShortStorage": np.int16,
    "torch.CharStorage": np.int8,
    "torch.ByteStorage": np.uint8,
    "torch.BoolStorage": np.bool_,
}
_OLD_NAMES = {"__builtin__": "builtins", "copy_reg": "copyreg"}

StandIn = Callable[[str], type]
"""From the name of a class to what stands for it; raises for what is not let in."""
Library: Any = pickle
"""Its reader in Python has no name that the type checker knows."""


class _Reader(Library._Unpickler):  # type: ignore[misc]
    """Reads one pickle; `room` is how many bytes all tensors together may claim."""

    def __init__(self, file: IO[bytes], stand_in: StandIn, holders: tuple[type, ...], room: int) -> None:
        super().__init__(file, encoding="latin1")
        self.stored: dict[str, NDArray[Any]] = {}
        self._stand_in = stand_in
        self._holders = holders
        self._room = room

    def find_class(self, module: str, name: str) -> Any:
        """What stands for a name of the file."""
        whole = f"{_OLD_NAMES.get(module, module)}.{name}"
        return _LET_IN[whole] if whole in _LET_IN else self._stand_in(whole)

    def persistent_load(self, reference: Any) -> Any:
        """The numbers of a tensor, not read yet; or a class, whose source code is not looked at."""
        if not isinstance(reference, tuple) or len(reference) < 2:
            raise ValueError("an unknown reference")
        if reference[0] == "module":
            return reference[1]
        _, kind, key, _, count = reference[:5]
        if kind not in _KINDS.values() or not isinstance(count, int) or count < 0:
            raise ValueError("numbers of an unknown kind")
        if str(key) not in self.stored:
            self._room -= count * np.dtype(kind).itemsize
            if self._room < 0:
                raise EOFError("claims to hold more than its size")
            self.stored[str(key)] = np.zeros(count, dtype=kind)
        return self.stored[str(key)]

    def load_build(self) -> None:
        """Gives a stand-in its state; nothing else has one."""
        state = self.stack.pop()
        made = self.stack[-1]
        if type(made) in self._holders:
            made.__setstate__(state)
        elif not isinstance(made, dict):  # a dictionary's attributes are of no use
            raise ValueError("a state of something unknown")

    dispatch: ClassVar[dict[int, Any]] = {**Library._Unpickler.dispatch, pickle.BUILD[0]: load_build}


def _tensor(numbers: Any, offset: Any, shape: Any, strides: Any, *_rest: object) -> Tensor:
    places = (offset, *shape, *strides)
    if not isinstance(numbers, np.ndarray) or not all(isinstance(one, int) and one >= 0 for one in places):
        raise ValueError("a tensor of an unknown form")
    # as_strided compares with the size of what is stored and refuses what lies beyond.
    return torch.from_numpy(numbers).as_strided(shape, strides, offset)


def _parameter(tensor: object, *_rest: object) -> object:
    return tensor


_LET_IN: dict[str, Any] = {
    "collections.OrderedDict": OrderedDict,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    **_KINDS,
}


def is_legacy(path: Path) -> bool:
    """Whether the file at `path` begins as one of torch.save before PyTorch 1.6."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def read_legacy(path: Path, stand_in: StandIn, holders: tuple[type, ...]) -> Any:
    """What was saved at `path`. `holders` are the stand-ins that take a state.

    Raises:
        ValueError, EOFError, UnpicklingError and others: damaged, or not as torch.save writes it; what
            `stand_in` raises.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        for _ in range(_BEFORE):
            _check_opcodes(file)
        reader = _checked(file, stand_in, holders, size)
        saved = reader.load()
        for key in _checked(file, stand_in, holders, 0).load():
            _fill(reader.stored[str(key)], file)
    return saved


def _checked(file: IO[bytes], stand_in: StandIn, holders: tuple[type, ...], room: int) -> Any:
    start = file.tell()
    _check_opcodes(file)
    file.seek(start)
    return _Reader(file, stand_in, holders, room)


def _check_opcodes(file: IO[bytes]) -> None:
    """Goes over the next pickle without making anything of it."""
    for opcode, _, _ in pickletools.genops(file):
        if opcode.proto > _PROTOCOL:
            raise ValueError(f"opcode {opcode.name}")


def _fill(numbers: NDArray[Any], file: IO[bytes]) -> None:
    (count,) = np.frombuffer(file.read(8), dtype="<i8")
    content = file.read(numbers.nbytes)
    if int(count) != len(numbers) or len(content) != numbers.nbytes:
        raise EOFError("cut off")
    numbers[:] = np.frombuffer(content, dtype=numbers.dtype)
