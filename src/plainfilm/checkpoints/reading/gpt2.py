"""GPT-2 as the transformers library names it: its architecture from its shapes, and its tokenizer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from plainfilm.checkpoints.reading.tensors import count, shape_of
from plainfilm.checkpoints.reading.vit import heads_of
from plainfilm.errors import ModelError
from plainfilm.text.tokenizers import Tokenizer


def gpt2_settings(
    tensors: Mapping[str, Tensor], prefix: str, heads: int | None, where: str
) -> dict[str, Any]:
    """The settings of the transformers library for a GPT-2 with the `tensors` below `prefix`.

    Shapes say everything but the number of attention heads: `heads`, or one for every 64 features.

    Raises:
        ModelError: not GPT-2, or its output layer is not its table of words.
    """
    words, output = f"{prefix}transformer.wte.weight", f"{prefix}lm_head.weight"
    rows, width = shape_of(tensors, words, 2, where)
    positions, _ = shape_of(tensors, f"{prefix}transformer.wpe.weight", 2, where)
    _, inner = shape_of(tensors, f"{prefix}transformer.h.0.mlp.c_fc.weight", 2, where)
    shape_of(tensors, output, 2, where)
    if not torch.equal(tensors[words], tensors[output]):
        raise ModelError(f"{where}: tensor '{output}' differs from '{words}', which is one table in GPT-2")
    return {
        "model_type": "gpt2",
        "vocab_size": rows,
        "n_embd": width,
        "n_inner": inner,
        "n_layer": count(tensors, rf"{re.escape(prefix)}transformer\.h\.(\d+)\."),
        "n_head": heads_of(width, heads, "sentence", where),
        "n_positions": positions,
        "bos_token_id": rows - 1,
        "eos_token_id": rows - 1,
    }


def gpt2_tokenizer(name: str, max_tokens: int, rows: int, *, offline: bool) -> Tokenizer:
    """The tokenizer called `name`, a folder or hub name, whose one special token starts, ends and pads texts.

    Raises:
        ModelError: none there, one that needs a download that cannot happen, or one that does not give
            exactly `rows` different tokens and so is not this decoder's.
    """
    found = Tokenizer.from_pretrained(name, max_tokens, offline=offline, writes=True)
    if found.vocabulary_size != rows:
        raise ModelError(
            f"tokenizer '{name}' has {found.vocabulary_size} tokens, the sentence decoder {rows}: they do "
            "not belong together; name the right one with sentence_tokenizer=FOLDER"
        )
    return found
