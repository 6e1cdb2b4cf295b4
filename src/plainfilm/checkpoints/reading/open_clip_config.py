"""The settings of open_clip: `open_clip_config.json`, or a file of its `model_configs`, as far as they say
what a model is. Whatever the towers of Plainfilm cannot be is refused with its key."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator

from plainfilm.checkpoints.reading.opened import read_settings
from plainfilm.config import Settings, build
from plainfilm.errors import ConfigError, ModelError

FILE = "open_clip_config.json"
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)

_NOT_OURS: dict[str, tuple[Any, ...]] = {
    "vision_cfg.ls_init_value": (None,),
    "vision_cfg.attentional_pool": (False, None),
    "vision_cfg.no_ln_pre": (False, None),
    "vision_cfg.final_ln_after_pool": (False, None),
    "vision_cfg.pool_type": ("tok", None),
    "vision_cfg.pos_embed_type": ("learnable", None),
    "vision_cfg.act_kwargs": (None,),
    "vision_cfg.norm_kwargs": (None,),
    "vision_cfg.block_type": ("default", None),
    "text_cfg.ls_init_value": (None,),
    "text_cfg.embed_cls": (False, None),
    "text_cfg.final_ln_after_pool": (False, None),
    "text_cfg.proj_type": ("linear", None),
    "text_cfg.block_type": ("default", None),
    "multimodal_cfg": (None,),
}
"""What changes a tower in a way that no tower here can be, and the values that do not."""


class _Stated(Settings):
    model_config = ConfigDict(extra="ignore", protected_namespaces=())


class Vision(_Stated):
    """layers: those of a vision transformer, or of the stages of CLIP's own ResNet."""

    layers: int | list[int] = 12
    width: int = Field(default=768, ge=1)
    head_width: int = Field(default=64, ge=1)
    patch_size: int = Field(default=16, ge=1)
    image_size: int = Field(default=224, ge=16, le=4096)
    timm_model_name: str | None = None
    timm_pool: str = "avg"
    timm_proj: str = "linear"
    timm_proj_bias: bool = False

    @field_validator("image_size", mode="before")
    @classmethod
    def _square(cls, value: Any) -> Any:
        is_square = isinstance(value, list) and len(value) == 2 and value[0] == value[1]
        return value[0] if is_square else value


class Cleaned(_Stated):
    """clean: what is done to texts before they are cut into tokens."""

    clean: Literal["whitespace", "lower", "canonicalize"] = "whitespace"


class Text(_Stated):
    """Its names are open_clip's."""

    context_length: int = Field(default=77, ge=2, le=4096)
    heads: int = Field(default=8, ge=1)
    no_causal_mask: bool = False
    pool_type: str = "argmax"
    proj_bias: bool = False
    act_kwargs: dict[str, Any] | None = None
    norm_kwargs: dict[str, Any] | None = None
    hf_model_name: str | None = None
    hf_proj_type: str | None = "mlp"
    hf_pooler_type: str = "mean_pooler"
    hf_tokenizer_name: str | None = None
    tokenizer_kwargs: Cleaned = Cleaned()


class Architecture(_Stated):
    """`model_cfg`: two towers."""

    embed_dim: int = Field(ge=1, le=65536)
    quick_gelu: bool = False
    vision_cfg: Vision
    text_cfg: Text


class Pixels(_Stated):
    """`preprocess_cfg`. size is that of the image tower."""

    mean: tuple[float, float, float] = MEAN
    std: tuple[float, float, float] = STD
    interpolation: Literal["bicubic", "bilinear", "random"] = "bicubic"
    resize_mode: Literal["shortest", "longest", "squash"] = "shortest"
    fill_color: int = Field(default=0, ge=0, le=0)


def read_open_clip(file: Path) -> tuple[Architecture, Pixels]:
    """The settings in `file`.

    Raises:
        ModelError: none there, damaged ones, ones that ask for code, or ones of a tower that cannot be had.
    """
    values = read_settings(file)
    model = values.get("model_cfg", values)
    if not isinstance(model, dict) or "vision_cfg" not in model or "text_cfg" not in model:
        raise ModelError(f"{file}: has no model_cfg with vision_cfg and text_cfg, so it is not of open_clip")
    for key, plain in _NOT_OURS.items():
        part, _, name = key.rpartition(".")
        holder = model.get(part) if part else model
        found = holder.get(name) if isinstance(holder, dict) else None
        if found not in plain and not (part == "vision_cfg" and model["vision_cfg"].get("timm_model_name")):
            raise ModelError(f"{file}: {key} is {str(found)[:40]}, a tower that cannot be imported")
    pixels = values.get("preprocess_cfg") or {}
    stated = {key: _without_none(value) for key, value in model.items() if value is not None}
    try:
        return build(Architecture, stated, str(file)), build(Pixels, _without_none(pixels), str(file))
    except ConfigError as error:
        raise ModelError(str(error)) from None


def _without_none(values: Any) -> Any:
    """A mapping without the keys that say nothing; no projection by name is one of timm's own ("")."""
    if not isinstance(values, dict):
        return values
    no_projection = {"timm_proj": ""} if "timm_proj" in values and values["timm_proj"] is None else {}
    return {key: one for key, one in values.items() if one is not None} | no_projection
