"""The settings of the parts of a model, and the blocks of a part in the order of the data flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field
from torch import nn

from plainfilm.config import Settings
from plainfilm.errors import ConfigError


class PartConfig(Settings):
    """The settings of one part of the model.

    from: the folder of a model whose part of the same name provides settings and weights, with the tokenizer
    or the preprocessing that belongs to it. fingerprint: of that model, filled in. freeze: true for the whole
    part, or a number N for its embeddings and first N blocks. learning_rate: its own peak rate. layer_decay:
    the rate of every block as a factor of that of the next one (Clark et al. 2020, arXiv:2003.10555).
    """

    source: str | None = Field(default=None, alias="from")
    fingerprint: str | None = None
    freeze: bool | Annotated[int, Field(ge=0)] = False
    learning_rate: float | None = Field(default=None, gt=0)
    layer_decay: float | None = Field(default=None, gt=0, le=1)


def blocks_of(part: nn.Module, key: str, value: Any) -> Sequence[nn.Module]:
    """The embeddings of a part, then each block.

    Raises:
        ConfigError: it names no blocks; `key` and `value` are the setting that asks for them.
    """
    layers = getattr(part, "layers", None)
    if layers is None:
        raise ConfigError(f"{key} is {value}, but this part has no numbered blocks")
    return list(layers())
