"""What the dictionary of a trainer holds: the tensors of its model by their own names, and its settings.

Trainers wrap a model before they save it (several processes, compilation), keep it below a name (`model.`,
Lightning's modules), and keep a moving average of its weights beside it (EMA). None of it changes what the
model is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from plainfilm.errors import ModelError
from plainfilm.io.torch_files import Inert, module_tensors, named_tensors, plain

Weights = Literal["model", "ema"]
"""The weights that training ended with, or the moving average of them."""

_TENSORS: dict[Weights, tuple[str, ...]] = {
    "model": ("model", "state_dict", "model_state_dict", "module", "network", "net", "weights"),
    "ema": (
        *("model_ema", "ema", "ema_model", "ema_state_dict", "state_dict_ema", "model_ema_state_dict"),
        *("model_state_dict_ema", "ema_weights", "shadow"),
    ),
}
"""The names under which trainers keep the tensors of a model, the usual first."""
_SETTINGS = ("config", "hyper_parameters", "cfg", "hparams", "args")
_AVERAGES = ("ema", "average", "averaged", "shadow", "teacher")
_COUNTERS = ("n_averaged", "initted", "step", "num_updates", "decay")
"""What classes of averages store beside the weights."""
_DEPTH = 3


@dataclass(frozen=True)
class ModelTensors:
    """tensors: by their names in the model. weights: which of the two they are. left_out: what else there
    is."""

    tensors: dict[str, Tensor]
    weights: Weights = "model"
    left_out: tuple[str, ...] = ()


def model_tensors(
    loaded: Mapping[str, object], roots: Sequence[str], weights: Weights, where: str
) -> ModelTensors:
    """The tensors of a model whose parts are called `roots`, from the dictionary of a trainer, or from one
    that holds nothing but tensors by name.

    A file that holds nothing but an average gives that.

    Raises:
        ModelError: none there, no average where it is asked for, or what `named_tensors` refuses.
    """
    groups = {kind: _group(loaded, keys) for kind, keys in _TENSORS.items()}
    kind: Weights = weights if groups[weights] else _other(weights)
    group = groups[kind] or _bare(loaded)
    if group is None:
        raise ModelError(f"{where}: {_without_tensors(loaded)}")
    found = _one_copy(named_tensors(group[1], where), roots, weights, where)
    is_average = kind == "ema" or found.weights == "ema"
    if weights == "ema" and not is_average:
        raise ModelError(f"{where}: has no moving average of its weights: leave out weights=ema")
    beside = groups[_other(kind)]
    other = () if beside is None else (_other_copy(beside[0], len(beside[1]), kind),)
    return ModelTensors(found.tensors, "ema" if is_average else "model", (*found.left_out, *other))


def _other(weights: Weights) -> Weights:
    return "ema" if weights == "model" else "model"


def _without_tensors(loaded: Mapping[str, object]) -> str:
    held = ", ".join(str(key)[:40] for key in list(loaded)[:8]) or "nothing"
    key = next((key for names in _TENSORS.values() for key in names if key in loaded), None)
    if key is None:
        return f"has no 'model' (it holds {held}), so it is no checkpoint of this trainer"
    kind = "a whole module" if isinstance(loaded[key], Inert) else type(loaded[key]).__name__
    return f"expected tensors by name, its '{key}' is {kind} without: have state_dict() of the model saved"


def settings_of(loaded: Mapping[str, object]) -> object:
    """The settings of a trainer, as they are, or `None`: under the names that trainers and Lightning use."""
    for _ in range(_DEPTH):
        key = next((key for key in _SETTINGS if key in loaded), None)
        found = None if key is None else loaded[key]
        inner = plain(found)
        if not isinstance(inner, Mapping) or "model" in inner or not any(name in inner for name in _SETTINGS):
            return found
        loaded = inner
    return None


def _group(loaded: Mapping[str, object], keys: Sequence[str]) -> tuple[str, dict[str, object]] | None:
    """The first of `keys` that holds tensors, itself or in a dictionary below it, and these."""
    for key in keys:
        value: object = loaded.get(key)
        for _ in range(_DEPTH):
            value = module_tensors(value) or value
            if not isinstance(value, dict):
                break
            if any(isinstance(tensor, Tensor) for tensor in value.values()):
                return key, value
            inner = (value[name] for names in _TENSORS.values() for name in names if name in value)
            value = next(inner, None)
    return None


def _bare(loaded: Mapping[str, object]) -> tuple[str, dict[str, object]] | None:
    """The dictionary itself, where all it holds are tensors."""
    is_bare = bool(loaded) and all(isinstance(value, Tensor) for value in loaded.values())
    return ("", dict(loaded)) if is_bare else None


def _one_copy(tensors: dict[str, Tensor], roots: Sequence[str], weights: Weights, where: str) -> ModelTensors:
    """The tensors of one copy of the model, without what stands before their names.

    Where the model is part of something larger, the rest of that is left out by name. A tensor beside a model
    that is not part of anything stays, so that nobody overlooks it.
    """
    above = {name: _above(name, roots) for name in tensors}
    counts = Counter(prefix for prefix in above.values() if prefix is not None)
    averages = {prefix for prefix in counts if _is_average(prefix)}
    models = averages if weights == "ema" and averages else set(counts) - averages or averages
    largest = max((counts[prefix] for prefix in models), default=0)
    wanted = sorted(prefix for prefix in models if counts[prefix] == largest) or [""]
    if len(wanted) > 1:
        names = ", ".join(f"'{prefix}'" for prefix in wanted[:4])
        raise ModelError(f"{where}: holds {len(wanted)} models, below {names}; have one of them saved alone")
    prefix, kind = wanted[0], _kind_of(wanted[0])
    kept = {name for name, before in above.items() if before == prefix or _stays(name, before, prefix)}
    copies = [other for other in counts if other != prefix and _kind_of(other) != kind]
    left_out = [_other_copy(other, counts[other], kind) for other in copies]
    left_out += [name for name in tensors if name not in kept and above[name] not in copies]
    return ModelTensors(
        {name.removeprefix(prefix): tensors[name] for name in tensors if name in kept}, kind, tuple(left_out)
    )


def _kind_of(prefix: str) -> Weights:
    return "ema" if _is_average(prefix) else "model"


def _stays(name: str, before: str | None, prefix: str) -> bool:
    """Whether a tensor that is not below `prefix` is one of its model all the same, for all one knows."""
    return prefix == "" and name not in _COUNTERS and not (before and _is_average(before))


def _above(name: str, roots: Sequence[str]) -> str | None:
    """What stands before the first of `roots` in a dotted name, with its dot."""
    parts = name.split(".")
    place = next((place for place, part in enumerate(parts) if part in roots), None)
    return None if place is None else "".join(f"{part}." for part in parts[:place])


def _is_average(prefix: str) -> bool:
    return any(word in _AVERAGES for word in prefix.replace(".", "_").split("_"))


def _other_copy(name: str, count: int, taken: Weights) -> str:
    return f"{name.rstrip('.')} ({count} tensors; weights={_other(taken)} takes them instead)"
