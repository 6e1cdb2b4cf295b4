"""ChEX (Mueller et al. 2024, arXiv:2404.15770): a region model over CheXzero and a GPT-2.

A file is a dictionary of `config_dict` and `state_dict`, `checkpoints/checkpoint_NNNNNNNNN.pth` of a run.
What it holds follows from its tensors: a detector (stage 1), a post-decoder too (stage 2), and a sentence
decoder too (`chex_stage3`, the published one). Code and weights are under the MIT licence.

Differences from the published code, which `docs/coming-from/chex.md` explains: prompts never attend to each
other, nothing is dropped at random at inference, and a box is reported cut to the film.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field
from torch import Tensor

from plainfilm.checkpoints.base import CheckpointConfig, Imported
from plainfilm.checkpoints.reading import chex_names, clip, gpt2
from plainfilm.checkpoints.reading.building import Filling, digest_of
from plainfilm.checkpoints.reading.chex_names import AFTER, DECODER, DETECTOR, IMAGE, POSITIONS, PREFIX, TEXT
from plainfilm.checkpoints.reading.published_file import ModelTensors, model_tensors
from plainfilm.checkpoints.reading.tensors import count, shape_of
from plainfilm.checkpoints.reading.tokenizer import tokenizer_of
from plainfilm.config import Settings, build
from plainfilm.errors import ConfigError, ModelError
from plainfilm.io.preprocessing import Preprocessing, Resampling
from plainfilm.io.torch_files import plain, read_published
from plainfilm.model_folder import ModelConfig, TrainingCollection
from plainfilm.models import region
from plainfilm.models.base import Facts, TokenizerFacts
from plainfilm.nn.decoding import Decoding
from plainfilm.nn.projection import ProjectionConfig
from plainfilm.nn.regions.detector import DetectorConfig
from plainfilm.nn.regions.post_decoder import PostDecoderConfig
from plainfilm.nn.regions.prefix import PrefixConfig
from plainfilm.text.tokenizers import Tokenizer

ROOTS = ("img_encoder", "txt_encoder", "detector", "post_decoder", "txt_decoder", "supervisors")
"""What the names of its tensors begin with."""

LICENCE = "MIT (code and weights)"
_UNUSED = (
    rf"{re.escape(DECODER)}transformer\.h\.\d+\.attn\.(bias|masked_bias)",
    r"supervisors\..*",
)
"""Masks that older versions of the transformers library stored, and parts of training."""


class Config(CheckpointConfig):
    """What only a person knows.

    tokenizer: of prompts, by default CLIP's. sentence_tokenizer: of the sentence decoder, by default that of
    the language model that the checkpoint names. image_heads, text_heads, sentence_heads: attention heads,
    where they are not 64 features wide.
    """

    sentence_tokenizer: str | None = None
    image_heads: int | None = Field(default=None, ge=1)
    text_heads: int | None = Field(default=None, ge=1)
    sentence_heads: int | None = Field(default=None, ge=1)


class _Stated(Settings):
    """Base of what `config_dict` states and is needed here; the defaults are the published values."""

    model_config = ConfigDict(extra="ignore")


class _DetectorStated(_Stated):
    soft_roi_beta: float = Field(default=2.0, gt=0)
    skip_roi_pool_prob: float = Field(default=0.25, ge=0, le=1)


class _DecoderStated(_Stated):
    language_model_url: str = "healx/gpt-2-pubmed-medium"
    max_length: int = Field(default=128, ge=4)


class _Model(_Stated):
    n_head: int = Field(default=8, ge=1)
    dropout: float = Field(default=0.3, ge=0, lt=1)
    attention_dropout: float = Field(default=0.1, ge=0, lt=1)
    droppath_prob: float = Field(default=0.2, ge=0, lt=1)
    layer_scale_init: float = Field(default=0.1, gt=0)
    post_decoder_cls: bool = True
    post_decoder_multibox_drop: float = Field(default=0.1, ge=0, lt=1)
    detector: _DetectorStated = _DetectorStated()
    txt_decoder: _DecoderStated | None = None


_EXPRESSED: dict[str, object] = {
    "act": "gelu",
    "layer_scale": True,
    "post_decoder_patches": True,
    "post_decoder_gate": True,
    "detector.decoder_sa": False,
    "detector.multiregion_sa": True,
    "detector.decoder_ff": True,
    "detector.shortcut_tokens": False,
    "detector.shortcut_pos_embeddings": False,
    "detector.use_pos_embeddings": True,
    "detector.skip_con_roi_pool": True,
    "detector.predictor_hidden_layers": 1,
    "detector.patch_project_layers": 1,
    "detector.out_project_layers": 2,
    "img_encoder.add_cls_features": False,
    "img_encoder.use_pretrained_projection": True,
    "img_encoder.additional_projection_layers": 0,
    "img_encoder.normalize_projected": False,
    "txt_encoder.n_projection_layers": 0,
    "txt_encoder.normalize_projected": False,
    "txt_decoder.position_offset": None,
    "txt_decoder.shared_projection": False,
    "txt_decoder.n_projection_layers": 2,
}
"""Settings that change what a model computes, with the value, that of the published one, that can be had."""


@dataclass(frozen=True)
class _File:
    """A checkpoint opened: its tensors, and what it states."""

    path: Path
    found: ModelTensors
    stated: _Model
    config: Config

    @property
    def where(self) -> str:
        return str(self.path)

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        return self.found.tensors

    def has(self, prefix: str) -> bool:
        """Whether any name begins so."""
        return any(name.startswith(prefix) for name in self.tensors)


def read(path: Path, config: Config) -> Imported:
    """The region model of a checkpoint of ChEX.

    Raises:
        ModelError: not such a checkpoint, a damaged one, or settings that the published model does not have.
    """
    file = _open(path, config)
    architecture = _architecture(file)
    tokenizers = {"text": _text_tokenizer(file, architecture)}
    if file.has(DECODER):
        tokenizers["sentence"] = _sentence_tokenizer(file, architecture)
    facts = Facts(tokenizers={name: _facts(one) for name, one in tokenizers.items()})
    filling = Filling(_prepared(file), chex_names.published_names, _UNUSED, file.where)
    filling.check(architecture, facts)
    model, unused = filling.build(architecture, facts)
    stated = ModelConfig(
        architecture=architecture,
        preprocessing=preprocessing(int(architecture.image["image_size"])),
        collections=tuple(
            TrainingCollection(name=name, fingerprint="none, named by its authors")
            for name in ("MIMIC-CXR", "Chest ImaGenome", "VinDr-CXR")
        ),
        recipe={
            "objective": {"use": "finding_detection"},
            "imported": {
                "family": "chex",
                "file": path.name,
                "sha256": digest_of(path),
                "weights": file.found.weights,
            },
        },
    )
    return Imported(model, tokenizers, stated, (*unused, *file.found.left_out))


def _open(path: Path, config: Config) -> _File:
    loaded = read_published(path)
    found = model_tensors(loaded, ROOTS, config.weights, str(path))
    found = replace(found, tensors=chex_names.with_places_of_dropout(found.tensors))
    stated = plain(loaded.get("config_dict"))
    values: Mapping[str, Any] = stated if isinstance(stated, Mapping) else {}
    _refuse_other_settings(values, str(path))
    try:
        return _File(path, found, build(_Model, values, f"config_dict of {path}"), config)
    except ConfigError as error:
        raise ModelError(str(error)) from None


def _refuse_other_settings(values: Mapping[str, Any], where: str) -> None:
    for name, needed in _EXPRESSED.items():
        part, _, key = name.rpartition(".")
        group = values.get(part) if part else values
        if isinstance(group, Mapping) and key in group and group[key] != needed:
            found = str(group[key])[:40]
            raise ModelError(f"{where}: its {name} is {found}; only {needed}, as published, can be imported")


def _architecture(file: _File) -> region.Config:
    tensors, stated, where = file.tensors, file.stated, file.where
    dimension = shape_of(tensors, f"{IMAGE}proj", 2, where)[1]
    positions, _ = shape_of(tensors, f"{IMAGE}positional_embedding", 2, where)
    regions, _ = shape_of(tensors, "detector.multiregion_tokens", 2, where)
    if dimension % stated.n_head:
        raise ModelError(f"{where}: {stated.n_head} attention heads do not divide {dimension} features")
    block: dict[str, Any] = {
        "heads": stated.n_head,
        "dropout": stated.dropout,
        "attention_dropout": stated.attention_dropout,
        "drop_path": stated.droppath_prob,
        "layer_scale": stated.layer_scale_init,
    }
    sentence = _sentence(file) if file.has(DECODER) else None
    return region.Config(
        image=clip.clip_image(tensors, IMAGE, file.config.image_heads, where),
        text=clip.clip_text(tensors, TEXT, file.config.text_heads, where),
        projection=ProjectionConfig(kind="linear", dimension=dimension, bias=False),
        temperature=1.0,
        learn_temperature=False,
        patches="shared",
        learned_positions=positions - 1,
        normalise_prompts=False,
        detector=DetectorConfig(
            **block,
            depth=count(tensors, rf"{re.escape(DETECTOR)}(\d+)\."),
            regions=regions,
            beta=stated.detector.soft_roi_beta,
            pooling="sum",
            pools_clipped=False,
            token_share=stated.detector.skip_roi_pool_prob,
        ),
        post_decoder=PostDecoderConfig(
            **block,
            depth=count(tensors, rf"{re.escape(AFTER)}(\d+)\."),
            region_dropout=stated.post_decoder_multibox_drop,
            reads_pooled=stated.post_decoder_cls,
        )
        if file.has(AFTER)
        else None,
        sentence=sentence,
        prefix=_prefix(file, dimension, sentence) if sentence else PrefixConfig(),
        # The published limit counts the start token too.
        decoding=Decoding(max_tokens=_longest(file) - 1),
    )


def _longest(file: _File) -> int:
    return (file.stated.txt_decoder or _DecoderStated()).max_length


def _sentence(file: _File) -> dict[str, Any]:
    settings = gpt2.gpt2_settings(file.tensors, DECODER, file.config.sentence_heads, file.where)
    return {
        "use": "transformers",
        "pretrained": False,
        "settings": settings,
        "tokenizer": (file.stated.txt_decoder or _DecoderStated()).language_model_url,
        "max_tokens": min(_longest(file), int(settings["n_positions"])),
    }


def _prefix(file: _File, dimension: int, sentence: Mapping[str, Any]) -> PrefixConfig:
    hidden, inputs = shape_of(file.tensors, f"{PREFIX}0.weight", 2, file.where)
    last = f"{PREFIX}3.weight"
    outputs, _ = shape_of(file.tensors, last, 2, file.where)
    settings = sentence["settings"]
    one = 2 * int(settings["n_layer"]) * int(settings["n_embd"])
    if inputs != dimension or outputs % one:
        raise ModelError(
            f"{file.where}: tensor '{last}' has {outputs} rows, which are not keys and values of {one} "
            "features for each token"
        )
    return PrefixConfig(length=outputs // one, hidden=hidden, dropout=file.stated.dropout)


def _text_tokenizer(file: _File, architecture: region.Config) -> Tokenizer:
    settings = architecture.text["settings"]
    rows, longest = int(settings["vocab_size"]), int(settings["max_position_embeddings"])
    name = file.config.tokenizer or clip.TOKENIZER
    return tokenizer_of(name, longest, rows, offline=file.config.offline)


def _sentence_tokenizer(file: _File, architecture: region.Config) -> Tokenizer:
    stated = architecture.sentence or {}
    name = file.config.sentence_tokenizer or stated["tokenizer"]
    rows = int(stated["settings"]["vocab_size"])
    return gpt2.gpt2_tokenizer(name, int(stated["max_tokens"]), rows, offline=file.config.offline)


def _facts(tokenizer: Tokenizer) -> TokenizerFacts:
    return TokenizerFacts(
        vocabulary_size=tokenizer.vocabulary_size,
        max_tokens=tokenizer.max_tokens,
        pad=tokenizer.pad_id,
        start=tokenizer.start_id,
        end=tokenizer.end_id,
    )


def _prepared(file: _File) -> dict[str, Tensor]:
    """The tensors in our shapes, and the positions of patches as the detector reads them."""
    tensors, where = file.tensors, file.where
    prepared = clip.taken_apart(tensors, IMAGE, TEXT, where)
    blocks = rf"(?:{re.escape(DETECTOR)}|{re.escape(AFTER)})\d+\."
    prepared = clip.with_attention_apart(prepared, rf"{blocks}(?:sa_block\.sa|mha_block\.mha)\.", where)
    grid = tensors[f"{IMAGE}positional_embedding"][1:].float()
    prepared[POSITIONS] = grid @ tensors[f"{IMAGE}proj"].float()
    if "post_decoder.gate" in prepared and prepared["post_decoder.gate"].numel() == 1:
        prepared["post_decoder.gate"] = prepared["post_decoder.gate"].reshape(())
    return prepared


def preprocessing(size: int) -> Preprocessing:
    """That of the published code for an input of `size` pixels: the middle of films whose shorter side was
    made 256 (areas, then bilinear)."""
    return Preprocessing(
        size=size,
        resize=max(256, size),
        fit="crop",
        library="opencv",
        filter="area",
        antialias=True,
        rounded=False,
        order="resize_first",
        odd_margin="down",
        second=Resampling(library="opencv", filter="bilinear", antialias=False, rounded=False),
        mean=(0.505,) * 3,
        std=(0.248,) * 3,
    )
