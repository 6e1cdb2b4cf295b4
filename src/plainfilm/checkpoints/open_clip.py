"""Any model of open_clip whose towers can be had here: CLIP, SigLIP, and BiomedCLIP among those with a BERT.

A checkpoint is a folder of the hub (`open_clip_pytorch_model.bin` or `open_clip_model.safetensors` with
`open_clip_config.json`), or a file of its trainer (`epoch_32.pt`), whose settings `config=FILE` names: that
JSON file, or one of open_clip's `model_configs`.

The image tower is CLIP's vision transformer or one of timm; the text tower CLIP's, SigLIP's (no causal mask,
padding read as text, pooled at the last place) or a BERT. SigLIP's bias of logits has no use, as a finding's
prompts are compared with those of its absence; it is left out, and kept in the settings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from plainfilm.checkpoints.base import CheckpointConfig, Imported
from plainfilm.checkpoints.reading import bert, clip
from plainfilm.checkpoints.reading.open_clip_config import FILE, Architecture, Pixels, Text, read_open_clip
from plainfilm.checkpoints.reading.source import Source, Stated, imported, open_source
from plainfilm.checkpoints.reading.tensors import shape_of
from plainfilm.checkpoints.reading.tokenizer import Cleaning, tokenizer_of
from plainfilm.errors import ModelError
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.io.torch_files import number
from plainfilm.models import dual_encoder
from plainfilm.nn.projection import ProjectionConfig
from plainfilm.text.tokenizers import TOKENIZER_FILE, Tokenizer

LICENCE = (
    "that of the single weights (BiomedCLIP and OpenAI's CLIP: MIT; XraySigLIP and XrayCLIP: CC BY-NC 4.0)"
)
ROOTS = (
    *("visual", "text", "transformer", "token_embedding", "positional_embedding", "ln_final"),
    *("text_projection", "logit_scale", "logit_bias"),
)

_SCALE, _BIAS = "logit_scale", "logit_bias"
_TRUNK, _HEAD = "visual.trunk.", "visual.head.proj."
_HF = "text.transformer."
_UNUSED = (
    *(rf"text\.transformer\.{pattern}" for pattern in bert.UNUSED),
    *clip.UNUSED,
    *("(text\\.)?attn_mask", _BIAS),
)
_POOLERS = {
    "mean_pooler": "mean",
    "cls_last_hidden_state_pooler": "start",
    "cls_pooler": "pooler",
}
_PROJECTIONS = {"linear": "linear", "mlp": "mlp", "none": "none", "": "none", None: "none"}


class Config(CheckpointConfig):
    """What a checkpoint does not bring. config: its settings as JSON, by default `open_clip_config.json`
    beside it. tokenizer: by default `tokenizer.json` beside it, else the one that its settings name.
    """

    config: str | None = None


def read(path: Path, config: Config) -> Imported:
    """The dual encoder of a checkpoint of open_clip.

    Raises:
        ModelError: not such a checkpoint, a damaged one, or one of a tower that cannot be had.
    """
    source = open_source(path, "open-clip", ROOTS, config, {})
    settings, pixels = read_open_clip(_config_file(source, config))
    if not source.has("visual."):
        raise ModelError(f"{path}: has no tensor 'visual.*', so it is no model of open_clip")
    prefix = "text." if source.has("text.") else ""
    tensors = {**source.tensors, _SCALE: _scalar(source, _SCALE)}
    rows = _rows(source, settings.text_cfg, prefix)
    source = source.with_tensors(_apart(source, tensors, settings, prefix))
    tokens = _Tokens(source, config, settings.text_cfg, rows)
    text, text_kind, hidden = _text(source, settings, prefix, tokens)
    architecture = dual_encoder.Config(
        image=_image(source, settings),
        text=text,
        projection=ProjectionConfig(
            kind=_image_kind(source, settings),
            text_kind=text_kind,
            dimension=settings.embed_dim,
            bias=settings.vision_cfg.timm_proj_bias,
            text_bias=f"{prefix}text_projection.bias" in source.tensors,
            hidden=hidden,
        ),
        temperature=math.exp(-float(tensors[_SCALE])),
        scale_limit=max(100.0, math.ceil(math.exp(abs(float(tensors[_SCALE]))))),
    )
    bias = number(source.tensors.get(_BIAS))
    stated = Stated(
        _preprocessing(settings, pixels),
        objective="infonce" if bias is None else "siglip",
        more={} if bias is None else {"logit_bias": bias},
    )

    return imported(
        source,
        architecture,
        lambda name: _published_names(name, prefix, source.tensors),
        _UNUSED,
        stated,
        rows=(rows, settings.text_cfg.context_length),
        tokenizer=tokens.get,
    )


def _config_file(source: Source, config: Config) -> Path:
    if config.config is not None:
        return Path(config.config).expanduser()
    file = source.opened.folder / FILE
    if not file.is_file():
        raise ModelError(
            f"{source.where}: no {FILE} lies beside it; name its settings with config=FILE (that file, or "
            "one of open_clip's model_configs)"
        )
    return file


class _Tokens:
    """The tokenizer, which is looked for once it is needed."""

    def __init__(self, source: Source, config: Config, text: Text, rows: int) -> None:
        self._source, self._config, self._text, self._rows = source, config, text, rows
        self._found: Tokenizer | None = None

    @property
    def name(self) -> str:
        """Its name: given, beside the checkpoint, or the published one."""
        beside = self._source.opened.folder
        own = str(beside) if (beside / TOKENIZER_FILE).is_file() else None
        stated = self._text.hf_tokenizer_name or self._text.hf_model_name
        return self._config.tokenizer or own or stated or clip.TOKENIZER

    def get(self) -> Tokenizer:
        """The tokenizer itself."""
        cleaning: dict[str, Cleaning | None] = {"lower": "lower", "canonicalize": "canonicalize"}
        if self._found is None:
            self._found = tokenizer_of(
                self.name,
                self._text.context_length,
                self._rows,
                offline=self._config.offline,
                cleaning=cleaning.get(self._text.tokenizer_kwargs.clean),
            )
        return self._found


def _rows(source: Source, text: Text, prefix: str) -> int:
    name = f"{_HF}embeddings.word_embeddings.weight" if text.hf_model_name else f"{prefix}{clip.WORDS}"
    return shape_of(source.tensors, name, 2, source.where)[0]


def _scalar(source: Source, name: str) -> Tensor:
    found = source.tensors.get(name)
    if number(found) is None or not math.isfinite(float(number(found) or 0.0)):
        raise ModelError(f"{source.where}: tensor '{name}' is missing or no finite number")
    assert found is not None
    return found.reshape(())


def _apart(
    source: Source, tensors: Mapping[str, Tensor], settings: Architecture, prefix: str
) -> dict[str, Tensor]:
    """The tensors in the shapes of our towers."""
    found = dict(tensors)
    if settings.vision_cfg.timm_model_name is None:
        found = clip.image_apart(found, "visual.", source.where)
    if settings.text_cfg.hf_model_name is None:
        found = clip.text_apart(found, prefix, source.where)
    return found


def _image(source: Source, settings: Architecture) -> dict[str, Any]:
    vision = settings.vision_cfg
    if vision.timm_model_name is None:
        if isinstance(vision.layers, list):
            raise ModelError(
                f"{source.where}: its image tower is CLIP's own ResNet, which cannot be imported"
            )
        found = _clip_image(source, settings)
        found["name"] = clip.IMAGE_NAME if settings.quick_gelu else clip.IMAGE_NAME_GELU
        return found
    if vision.timm_pool in ("abs_attn", "rot_attn") or vision.timm_proj not in ("linear", "none"):
        raise ModelError(
            f"{source.where}: its image tower is pooled by '{vision.timm_pool}' and projected by "
            f"'{vision.timm_proj}'; a pooling of timm with linear or none can be imported"
        )
    options: dict[str, Any] = {"global_pool": vision.timm_pool} if vision.timm_pool else {}
    if vision.timm_pool and f"{_TRUNK}norm.weight" in source.tensors:
        options["fc_norm"] = f"{_TRUNK}fc_norm.weight" in source.tensors
    return {
        "use": "timm",
        "name": vision.timm_model_name,
        "image_size": vision.image_size,
        "settings": options,
    }


def _clip_image(source: Source, settings: Architecture) -> dict[str, Any]:
    # The position of the class token has gained an axis (`clip.image_apart`).
    positions = source.tensors["visual.positional_embedding"]
    tensors = {**source.tensors, "visual.positional_embedding": positions[0]}
    vision = settings.vision_cfg
    heads = max(1, vision.width // vision.head_width)
    return clip.clip_image(tensors, "visual.", heads, source.where)


def _image_kind(source: Source, settings: Architecture) -> Any:
    if settings.vision_cfg.timm_model_name is None:
        return "linear"
    return _PROJECTIONS[settings.vision_cfg.timm_proj]


def _text(
    source: Source, settings: Architecture, prefix: str, tokens: _Tokens
) -> tuple[dict[str, Any], Any, int | None]:
    """The settings of the text encoder, the kind of its projection, and that one's hidden features."""
    text, where = settings.text_cfg, source.where
    if text.hf_model_name is not None:
        return _bert(source, text, tokens)
    if text.no_causal_mask:
        return _siglip(source, text, prefix, tokens), "none", None
    if text.pool_type not in ("argmax", "eos"):
        raise ModelError(f"{where}: its text tower pools by '{text.pool_type}'; argmax can be imported")
    found = clip.clip_text(source.tensors, prefix, text.heads, where)
    found["settings"]["hidden_act"] = "quick_gelu" if settings.quick_gelu else "gelu"
    found["name"] = tokens.name
    return found, "linear", None


def _siglip(source: Source, text: Text, prefix: str, tokens: _Tokens) -> dict[str, Any]:
    where = source.where
    found = clip.clip_text(source.tensors, prefix, text.heads, where)["settings"]
    if text.pool_type != "last" or not text.proj_bias:
        raise ModelError(
            f"{where}: its text tower has no causal mask, pools by '{text.pool_type}' and proj_bias is "
            f"{text.proj_bias}; SigLIP's (last, true) can be imported"
        )
    dimension, _ = shape_of(source.tensors, f"{prefix}text_projection.weight", 2, where)
    kept = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    tanh = (text.act_kwargs or {}).get("approximate") == "tanh"
    return {
        "use": "transformers",
        "name": tokens.name,
        "pretrained": False,
        "pooling": "pooler",
        "padded_to": text.context_length,
        "settings": {
            "model_type": "siglip_text_model",
            **{key: found[key] for key in kept},
            "max_position_embeddings": found["max_position_embeddings"],
            "projection_size": dimension,
            "hidden_act": "gelu_pytorch_tanh" if tanh else "gelu",
            "layer_norm_eps": float((text.norm_kwargs or {}).get("eps", 1e-5)),
            "pad_token_id": tokens.get().pad_id,
        },
    }


def _bert(source: Source, text: Text, tokens: _Tokens) -> tuple[dict[str, Any], Any, int | None]:
    where = source.where
    if text.hf_pooler_type not in _POOLERS or text.hf_proj_type not in _PROJECTIONS:
        raise ModelError(
            f"{where}: its text tower pools by '{text.hf_pooler_type}' and projects by "
            f"'{text.hf_proj_type}'; known are {', '.join(_POOLERS)}"
        )
    kind = _PROJECTIONS[text.hf_proj_type]
    hidden = None
    if kind == "mlp":
        hidden, _ = shape_of(source.tensors, "text.proj.0.weight", 2, where)
    found = {
        "use": "transformers",
        "name": tokens.name,
        "pretrained": False,
        "pooling": _POOLERS[text.hf_pooler_type],
        "settings": bert.bert_settings(source.below(_HF), None, where),
    }
    return found, kind, hidden


def _preprocessing(settings: Architecture, pixels: Pixels) -> Preprocessing:
    fits: dict[str, Any] = {"shortest": "crop", "longest": "pad", "squash": "squash"}
    return Preprocessing(
        size=settings.vision_cfg.image_size,
        filter="bilinear" if pixels.interpolation == "bilinear" else "bicubic",
        fit=fits[pixels.resize_mode],
        order="resize_first",
        mean=pixels.mean,
        std=pixels.std,
    )


def _published_names(name: str, prefix: str, tensors: Mapping[str, Tensor]) -> tuple[str, ...]:
    part, _, rest = name.partition(".")
    if part == "log_scale":
        return (_SCALE,)
    if part == "image":
        inner = rest.removeprefix("backbone.")
        is_timm = any(one.startswith(_TRUNK) for one in tensors)
        return (_TRUNK + inner,) if is_timm else ("visual." + clip.image_name(inner),)
    if part == "image_projection":
        return (_HEAD + rest,) if "visual.proj" not in tensors else ("visual.proj",)
    if any(one.startswith(_HF + "embeddings.") for one in tensors):
        return (_HF + rest.removeprefix("encoder."),) if part == "text" else _of_bert_projection(rest)
    projection = f"{prefix}text_projection"
    if part == "text_projection":
        return (projection,) if projection in tensors else (f"{projection}.{rest}",)
    inner = rest.removeprefix("encoder.")
    if inner.startswith("head."):
        return (f"{projection}.{inner.removeprefix('head.')}",)
    return (prefix + clip.text_name(inner),)


def _of_bert_projection(rest: str) -> tuple[str, ...]:
    return (f"text.proj.{rest}",)
