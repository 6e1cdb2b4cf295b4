"""Dropout whose mask for a row depends on the step, the row and the layer, and on nothing else.

Ordinary dropout draws from one stream, so the mask of a row changes with how a batch is cut into
sub-batches or spread over processes, and a second pass over the same rows sees other masks. That breaks
gradient caching, whose two passes must agree. Here each mask is a hash of (seed, layer, row, position):
no state, no stream, the same on every device, and a text that is padded further keeps its mask.

Encoders are written with ordinary `nn.Dropout`; `install_row_dropout` replaces it (and stochastic
depth). A training step says which rows it is passing through with `drawing_rows`; without it the layers
draw as ordinary dropout does. Out of reach are models that draw inside functions rather than layers
(BART does) and recomputation of activations during the backward pass: such a model is exact in
sub-batches only with its dropout at 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from plainfilm.errors import ConfigError
from plainfilm.seeding import stable_hash


@dataclass
class Drawing:
    """What masks are drawn from during one pass: a seed and the numbers of the rows passing through.

    rows: (B,) int64. `calls` counts how often the layer was used in this pass, so that a layer used
    twice draws twice. part: where not all that passes through comes at once, which entries of a first axis
    of what length do.
    """

    seed: int
    rows: Tensor
    calls: int = 0
    part: tuple[Tensor, int] | None = None


class RowDropout(nn.Module):
    """Sets entries of its input to zero with probability `p` in training, scaling the rest by 1/(1-p).

    `shared` is the number of leading axes with a mask value of their own; the axes after them share it
    (1 drops whole rows, as stochastic depth does; 2 drops channels). `None` draws for every entry.
    """

    def __init__(self, p: float, shared: int | None = None) -> None:
        super().__init__()
        self.p = p
        self.shared = shared
        self.drawing: Drawing | None = None

    def forward(self, values: Tensor) -> Tensor:
        """`values` (N, ...) with dropout; N is a multiple of the rows being drawn for, row by row."""
        if not self.training or self.p == 0.0:
            return values
        if self.p == 1.0:
            return values * 0.0
        depth = values.ndim if self.shared is None else self.shared
        inner = values.shape[1:depth]
        keep = self._keep(len(values), inner.numel(), values.device)
        mask = keep.view(len(values), *inner, *[1] * (values.ndim - depth))
        return values * mask.to(values.dtype).mul_(1.0 / (1.0 - self.p))

    def _keep(self, count: int, size: int, device: torch.device) -> Tensor:
        if self.drawing is None:
            return torch.rand(count, size, device=device) >= self.p
        keys = _row_keys(self.drawing, count).to(device)
        self.drawing.calls += 1
        return keep_mask(keys, size, self.p)

    def extra_repr(self) -> str:
        """The settings, as torch prints them."""
        return f"p={self.p}, shared={self.shared}"


def _row_keys(drawing: Drawing, count: int) -> Tensor:
    """One 32-bit key per row (count,); a row that is cut into several (its windows, texts) gets several."""
    if drawing.part is not None:
        entries, length = drawing.part
        windows = count // max(len(entries), 1)
        keys = _row_keys(replace(drawing, part=None), length * windows)
        return keys.reshape(length, windows)[entries].reshape(-1)
    if count % max(len(drawing.rows), 1):
        raise ConfigError(f"dropout of {count} rows for a batch of {len(drawing.rows)}: not a multiple")
    pieces = count // max(len(drawing.rows), 1)
    piece = torch.arange(pieces, device=drawing.rows.device)
    numbers = (drawing.rows[:, None] * 0x9E3779B1 + piece * 0x85EBCA6B + drawing.calls * 0xC2B2AE3D).reshape(
        -1
    )
    mixed = (numbers ^ drawing.seed) * 0x2545F4914F6CDD1D
    mixed = (mixed ^ _shifted(mixed, 29)) * 0x369DEA0F31A53F85
    return (mixed >> 32).to(torch.int32)


def keep_mask(keys: Tensor, size: int, p: float) -> Tensor:
    """Which of `size` entries of each row stay: (N,) int32 keys → (N, size) bool, True with 1 - p.

    Entry j of a row depends on its key and on j only, so a longer mask begins with the shorter one.
    """
    position = torch.arange(1, size + 1, dtype=torch.int32, device=keys.device) * -1640531527
    position = (position ^ _shifted(position, 15)) * 739982445
    bits = (position ^ _shifted(position, 13)).unsqueeze(0) ^ keys.unsqueeze(1)
    bits *= -2048144789
    bits ^= _shifted(bits, 15)
    bits *= -1028477387
    return bits >= round(p * 2**32) - 2**31


def _shifted(bits: Tensor, by: int) -> Tensor:
    # Shifting right repeats the sign in torch; hashing needs zeros there. In place: the shift is a copy.
    width = torch.iinfo(bits.dtype).bits
    return (bits >> by).bitwise_and_((1 << (width - by)) - 1)


def install_row_dropout(module: nn.Module) -> None:
    """Replace every dropout and stochastic-depth layer below `module` by a `RowDropout`, in place.

    Raises:
        ConfigError: an active random layer that has no row-wise form.
    """
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            replacement = _replacement(child)
            if replacement is not None:
                replacement.train(child.training)
                setattr(parent, name, replacement)


def _replacement(layer: nn.Module) -> RowDropout | None:
    if isinstance(layer, nn.Dropout):
        return RowDropout(layer.p)
    if isinstance(layer, nn.Dropout1d | nn.Dropout2d | nn.Dropout3d):
        return RowDropout(layer.p, shared=2)
    rate = float(getattr(layer, "drop_prob", 0.0) or 0.0)
    if type(layer).__name__.endswith("DropPath"):
        return RowDropout(rate, shared=1)
    if isinstance(layer, _DropoutNd) or rate > 0.0:
        raise ConfigError(f"{type(layer).__name__} has no form that draws by row: set its rate to 0")
    return None


@contextmanager
def drawing_rows(module: nn.Module, seed: int, rows: Tensor) -> Iterator[None]:
    """While open, every `RowDropout` below `module` draws for the rows numbered `rows` (B,) from `seed`."""
    layers = [layer for layer in module.modules() if isinstance(layer, RowDropout)]
    for number, layer in enumerate(layers):
        layer.drawing = Drawing(stable_hash(seed, "dropout", number), rows)
    try:
        yield
    finally:
        for layer in layers:
            layer.drawing = None


def in_parts(module: nn.Module, parts: Sequence[Tensor], length: int) -> Iterator[Tensor]:
    """Each of `parts` in turn: the entries of a first axis of `length` that pass through `module` next.

    They draw what they would if all passed at once.
    """
    layers = [
        (layer, layer.drawing)
        for layer in module.modules()
        if isinstance(layer, RowDropout) and layer.drawing is not None
    ]
    for part in parts:
        for layer, drawing in layers:
            layer.drawing = replace(drawing, part=(part, length))
        yield part
    for layer, drawing in layers:
        if layer.drawing is not None:
            layer.drawing = replace(drawing, calls=layer.drawing.calls)
