"""Dropout whose mask for an entry depends only on the step, the row, its place in the row and the layer.

Ordinary dropout draws from one stream, so the mask of a row depends on how a batch is cut into sub-batches or
spread over processes, and a second pass over the same rows gets other masks. That breaks gradient caching,
which needs the same masks in both passes. Here each mask is a hash of (seed, layer, row, place, position): it
has no state, is the same on every device, and does not change when a text is padded further.

Encoders are written with ordinary `nn.Dropout`; `install_row_dropout` replaces it (and stochastic depth). A
training step opens `per_row_dropout` for its rows; if these rows have varying numbers of entries (images of a
study, boxes of an image), `dropout_entries` assigns a row and a place to each entry. Outside both contexts
the layers work as ordinary dropout.

Layers of other libraries that draw inside functions (`torch.nn.functional.dropout`, attention with a
`dropout_p`) are covered by torch's function mode while `per_row_dropout` is open. What is computed again in
the backward pass, when these contexts are closed, draws the same masks within `dropout_from_here`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd
from torch.overrides import TorchFunctionMode

from plainfilm.errors import ConfigError
from plainfilm.nn.ragged import Ragged
from plainfilm.seeding import stable_hash


@dataclass
class DropoutContext:
    """The inputs of masks during one pass.

    seed: of the step. rows: (E,) int64, the row in the whole batch of each entry. places: (E,) int64, the
    place of each entry within its row. part: if only some entries pass at a time, these entries. calls: the
    number of uses of each layer, so that a layer used twice draws twice. in_functions: whether functions draw
    by row too, and functions: the number of those that did.
    """

    seed: int
    rows: Tensor
    places: Tensor
    part: Tensor | None = None
    calls: dict[object, int] = field(default_factory=dict)
    in_functions: bool = False
    functions: int = 0

    def copy(self) -> DropoutContext:
        """The same, counting on by itself."""
        return replace(self, calls=dict(self.calls))

    def keys(self, layer: object, count: int) -> Tensor:
        """One 32-bit key for each of `count` elements (count,): an equal number of consecutive ones per entry
        (windows of an image, for example).

        Raises:
            ConfigError: `count` is not a multiple of the entries.
        """
        call = self.calls.get(layer, 0)
        self.calls[layer] = call + 1
        rows, places = (self.rows, self.places) if self.part is None else self._passing()
        pieces, rest = divmod(count, max(len(rows), 1))
        if rest:
            raise ConfigError(
                f"dropout of {count} entries where {len(rows)} pass: assign them to rows with "
                "nn.row_dropout.dropout_entries"
            )
        piece = places[:, None] * pieces + torch.arange(pieces, device=rows.device)
        numbers = rows[:, None] * 0x9E3779B1 + piece * 0x85EBCA6B + call * 0xC2B2AE3D
        mixed = (numbers.reshape(-1) ^ stable_hash(self.seed, "dropout", layer)) * 0x2545F4914F6CDD1D
        mixed = (mixed ^ _shifted(mixed, 29)) * 0x369DEA0F31A53F85
        return (mixed >> 32).to(torch.int32)

    def _passing(self) -> tuple[Tensor, Tensor]:
        return self.rows[self.part], self.places[self.part]


_CONTEXT: ContextVar[DropoutContext | None] = ContextVar("dropout", default=None)


class RowDropout(nn.Module):
    """Sets entries of its input to zero with probability `p` in training, and scales the rest by 1/(1-p).

    `shared` is the number of leading axes with a mask value of their own; the axes after them share it (1
    drops whole rows, as in stochastic depth; 2 drops channels). `None` draws for every element. `number`
    identifies the layer within its model.
    """

    def __init__(self, p: float, shared: int | None = None, number: int = 0) -> None:
        super().__init__()
        self.p = p
        self.shared = shared
        self.number = number

    def forward(self, values: Tensor) -> Tensor:
        """`values` (N, ...) with dropout; N is a multiple of the number of passing entries."""
        if not self.training or self.p == 0.0:
            return values
        return dropped(values, self.p, self.number, self.shared)

    def extra_repr(self) -> str:
        """The settings, as torch prints them."""
        return f"p={self.p}, shared={self.shared}"


def dropped(values: Tensor, p: float, layer: object, shared: int | None = None) -> Tensor:
    """`values` (N, ...) with dropout of probability `p`, drawn for `layer`; see `RowDropout`."""
    if p == 1.0:
        return values * 0.0
    depth = values.ndim if shared is None else shared
    inner = values.shape[1:depth]
    keep = _keep(len(values), inner.numel(), p, layer, values.device)
    mask = keep.view(len(values), *inner, *[1] * (values.ndim - depth))
    return values * mask.to(values.dtype).mul_(1.0 / (1.0 - p))


def _keep(count: int, size: int, p: float, layer: object, device: torch.device) -> Tensor:
    context = _CONTEXT.get()
    if context is None:
        return torch.rand(count, size, device=device) >= p
    return keep_mask(context.keys(layer, count).to(device), size, p)


def keep_mask(keys: Tensor, size: int, p: float) -> Tensor:
    """The mask of `size` elements per entry: (N,) int32 keys → (N, size) bool, True with probability 1 - p.

    Element j of an entry depends on its key and on j only, so a longer mask starts with the shorter one.
    """
    position = torch.arange(1, size + 1, dtype=torch.int32, device=keys.device) * -1640531527
    position = (position ^ _shifted(position, 15)) * 739982445
    bits = (position ^ _shifted(position, 13)).unsqueeze(0) ^ keys.unsqueeze(1)
    bits *= -2048144789
    bits ^= _shifted(bits, 15)
    bits *= -1028477387
    return bits >= round(p * 2**32) - 2**31


def _shifted(bits: Tensor, by: int) -> Tensor:
    # A right shift repeats the sign in torch; the hash needs zeros there. In place, as the shift is a copy.
    width = torch.iinfo(bits.dtype).bits
    return (bits >> by).bitwise_and_((1 << (width - by)) - 1)


def install_row_dropout(module: nn.Module) -> None:
    """Replace every dropout and stochastic-depth layer below `module` by a `RowDropout`, in place, and
    renumber them all.

    Raises:
        ConfigError: an active random layer that cannot be drawn by row.
    """
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            replacement = _replacement(child)
            if replacement is not None:
                replacement.train(child.training)
                setattr(parent, name, replacement)
    layers = [layer for layer in module.modules() if isinstance(layer, RowDropout)]
    for number, layer in enumerate(layers):
        layer.number = number


def _replacement(layer: nn.Module) -> RowDropout | None:
    if isinstance(layer, RowDropout):
        return None
    if isinstance(layer, nn.Dropout):
        return RowDropout(layer.p)
    if isinstance(layer, nn.Dropout1d | nn.Dropout2d | nn.Dropout3d):
        return RowDropout(layer.p, shared=2)
    rate = float(getattr(layer, "drop_prob", 0.0) or 0.0)
    if type(layer).__name__.endswith("DropPath"):
        return RowDropout(rate, shared=1)
    if isinstance(layer, _DropoutNd) or rate > 0.0 or (isinstance(layer, nn.RNNBase) and layer.dropout > 0.0):
        raise ConfigError(f"{type(layer).__name__} cannot be drawn by row: set its rate to 0")
    return None


@contextmanager
def per_row_dropout(module: nn.Module, seed: int, rows: Tensor) -> Iterator[None]:
    """While open, dropout is drawn from `seed` for the rows numbered `rows` (B,) int64, in `module` and in
    functions that it calls."""
    in_functions = draws_in_functions(module)
    with _drawing(DropoutContext(seed, rows, torch.zeros_like(rows), in_functions=in_functions)):
        yield


@contextmanager
def _drawing(context: DropoutContext) -> Iterator[None]:
    token = _CONTEXT.set(context)
    try:
        with _FunctionDropout(context) if context.in_functions else nullcontext():
            yield
    finally:
        _CONTEXT.reset(token)


def dropout_from_here() -> Callable[[], AbstractContextManager[None]]:
    """A function that opens a context in which dropout is drawn as it would be from here on, any number of
    times; where dropout is not drawn by row, it has no effect."""
    context = _CONTEXT.get()
    if context is None:
        return nullcontext
    kept = context.copy()
    return lambda: _drawing(kept.copy())


@contextmanager
def dropout_entries(entries: Ragged) -> Iterator[None]:
    """While open, the `entries` of the rows of the surrounding context pass instead of the rows; without a
    surrounding context it has no effect."""
    context = _CONTEXT.get()
    if context is None:
        yield
        return
    before = context.rows, context.places
    context.rows, context.places = context.rows[entries.item], entries.place
    try:
        yield
    finally:
        context.rows, context.places = before


def in_parts(parts: Sequence[Tensor]) -> Iterator[Tensor]:
    """Yield each of `parts`, the entries of the surrounding context that pass next. Their masks are those of
    all entries passing at once."""
    context = _CONTEXT.get()
    if context is None:
        yield from parts
        return
    calls, functions = dict(context.calls), context.functions
    for part in parts:
        context.calls, context.functions, context.part = dict(calls), functions, part
        yield part
    context.part = None


_DRAWS_IN_LAYERS = ("plainfilm.", "torch.nn.modules.")
_DRAWS_INSIDE = (nn.MultiheadAttention, nn.RNNBase, nn.Transformer)


def draws_in_functions(module: nn.Module) -> bool:
    """Whether `module` may draw dropout outside its layers: it has parts of other libraries, or torch's own
    attention."""
    draws = getattr(module, "_draws_in_functions", None)
    if draws is None:
        draws = any(_may_draw_inside(part) for part in module.modules())
        module._draws_in_functions = draws  # type: ignore[assignment]
    return bool(draws)


def _may_draw_inside(part: nn.Module) -> bool:
    is_plain = f"{type(part).__module__}.".startswith(_DRAWS_IN_LAYERS)
    return not is_plain or isinstance(part, _DRAWS_INSIDE)


class _FunctionDropout(TorchFunctionMode):
    """Draws dropout in functions of torch by row; functions that cannot be drawn by row are refused."""

    def __init__(self, context: DropoutContext) -> None:
        super().__init__()
        self._context = context

    def __torch_function__(
        self, func: Callable, types: Sequence, args: tuple = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        replace = _REPLACED.get(func)
        options = dict(kwargs or {})
        if replace is not None:
            return replace(self._name, func, *args, **options)
        if func is not _functional.multi_head_attention_forward:
            return func(*args, **options)
        # Inside torch's own functions the mode is off: their calls are replaced by name.
        with ExitStack() as stack:
            for inner in (_functional.dropout, _functional.scaled_dot_product_attention):
                by_row = partial(_REPLACED[inner], self._name, inner)
                stack.enter_context(patch.object(_functional, inner.__name__, by_row))
            return func(*args, **options)

    def _name(self) -> tuple[str, int]:
        """A name for the next use of a function."""
        self._context.functions += 1
        return ("function", self._context.functions)


def _dropout(
    name: Callable[[], object],
    func: Callable,
    input: Tensor,  # noqa: A002 - as torch calls it
    p: float = 0.5,
    training: bool = True,
    *_: Any,
    **__: Any,
) -> Tensor:
    return input if p == 0.0 or not training else dropped(input, p, name())


def _attention(
    name: Callable[[], object],
    func: Callable,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    **options: Any,
) -> Tensor:
    """Scaled dot-product attention (Vaswani et al. 2017, arXiv:1706.03762), written out for dropout."""
    if dropout_p == 0.0:
        return func(query, key, value, attn_mask=attn_mask, is_causal=is_causal, **options)
    scale = options.get("scale") or query.shape[-1] ** -0.5
    if options.get("enable_gqa"):
        repeats = query.shape[-3] // key.shape[-3]
        key, value = key.repeat_interleave(repeats, -3), value.repeat_interleave(repeats, -3)
    scores = query @ key.transpose(-2, -1) * scale
    if is_causal:
        visible = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        scores = scores.masked_fill(~visible, -torch.inf)
    if attn_mask is not None:
        is_bool = attn_mask.dtype == torch.bool
        scores = scores.masked_fill(~attn_mask, -torch.inf) if is_bool else scores + attn_mask
    return dropped(scores.softmax(dim=-1), dropout_p, name()).to(value.dtype) @ value


def _refused(name: Callable[[], object], func: Callable, *args: Any, **options: Any) -> Any:
    p = options.get("p", args[1] if len(args) > 1 else 0.5)
    training = options.get("training", args[2] if len(args) > 2 else False)
    if p and training:
        raise ConfigError(f"{func.__name__} cannot be drawn by row: set its rate to 0")
    return func(*args, **options)


_functional = nn.functional
_REPLACED: dict[Callable, Callable] = {
    _functional.dropout: _dropout,
    torch.dropout: _dropout,
    _functional.scaled_dot_product_attention: _attention,
    **dict.fromkeys(
        (
            _functional.dropout1d,
            _functional.dropout2d,
            _functional.dropout3d,
            _functional.alpha_dropout,
            _functional.feature_alpha_dropout,
        ),
        _refused,
    ),
}
