"""Settings that are handed on to a library: they may describe a network, and do nothing else.

timm and transformers take many more arguments than sizes: files to load, kernels to fetch, classes to call. A
model folder or a recipe of somebody else must not reach those.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from plainfilm.errors import ConfigError

_LOADS = frozenset(
    {
        *("auto_map", "trust_remote_code", "attn_implementation", "_attn_implementation"),
        *("_attn_implementation_internal", "experts_implementation", "_experts_implementation"),
        *("_experts_implementation_internal", "quantization_config", "kernel_config", "use_kernels"),
        *("pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir"),
        *("pretrained_strict", "pretrained_filter_fn", "scriptable", "exportable", "no_jit", "features_only"),
    }
)
"""Arguments that load or run something."""

_REPEATS = ("layer", "depth", "block", "stage", "group", "repeat", "label", "stack")
"""Words in the names of arguments that say how often something is made."""

_MOST_REPEATS = 512
_LARGEST = 1 << 32
_MOST_VALUES = 20_000
_DEEPEST = 8

_MODULES = re.compile(r"(^|_)(layers?|depths?|blocks|stages)$")
"""Names of arguments that say how many modules with weights there are."""


def check_library_settings(settings: Mapping[str, Any], where: str) -> None:
    """Check the settings of a library's model.

    Raises:
        ConfigError: a key that loads or runs something, a number that no network has, or too many values.
    """
    count = _count(settings, where, "", 0)
    if count > _MOST_VALUES:
        raise ConfigError(f"{where}: {count} values, and at most {_MOST_VALUES} describe a network")


def check_repeats(values: Any, tensors: int, where: str) -> None:
    """Check that nested settings do not speak of more modules than there are `tensors` for.

    Raises:
        ConfigError: they do.
    """
    for key, value in values.items() if isinstance(values, Mapping) else ():
        numbers = value if isinstance(value, list | tuple) else [value]
        for number in numbers if _MODULES.search(str(key)) else ():
            if isinstance(number, int) and number > tensors:
                raise ConfigError(f"'{where}.{key}' is {str(number)[:20]}, but there are {tensors} tensors")
        check_repeats(value, tensors, f"{where}.{key}")


def _count(values: Any, where: str, key: str, depth: int) -> int:
    if depth > _DEEPEST:
        raise ConfigError(f"{where}.{key}: is nested more than {_DEEPEST} deep")
    if isinstance(values, Mapping):
        for name in values:
            _check_name(str(name), values[name], where)
        return sum(1 + _count(value, where, str(name), depth + 1) for name, value in values.items())
    if isinstance(values, list | tuple):
        return sum(1 + _count(value, where, key, depth + 1) for value in values)
    _check_number(values, where, key)
    return 0


def _check_name(name: str, value: Any, where: str) -> None:
    if name in _LOADS and value is not None:
        raise ConfigError(
            f"{where}.{name}: loads or runs something; settings only describe a network, remove it"
        )


def _check_number(value: Any, where: str, key: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    repeats = isinstance(value, int) and any(word in key for word in _REPEATS)
    most = _MOST_REPEATS if repeats else _LARGEST
    if isinstance(value, int) and abs(value) > most:
        raise ConfigError(f"{where}.{key} is {str(value)[:20]}: at most {most} in a network")
