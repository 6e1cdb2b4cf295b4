"""BERT as the transformers library names it: its architecture from its shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from plainfilm.checkpoints.reading.tensors import count, shape_of
from plainfilm.errors import ModelError

UNUSED = (
    r"pooler\.dense\.(weight|bias)",
    r"embeddings\.(position_ids|token_type_ids)",
    r"mlm_head\..*",
    r"cls\..*",
)
"""The layer for sentence pairs, the word-guessing head, and numbers that count from 0."""

HEAD_WIDTH = 64
"""Features of an attention head in every published size of BERT (Devlin et al. 2019, Turc et al. 2019)."""


def bert_settings(tensors: Mapping[str, Tensor], heads: int | None, where: str) -> dict[str, Any]:
    """The settings of the transformers library for a BERT with these `tensors`.

    Shapes say everything but the number of attention heads: `heads`, or one for every 64 features.

    Raises:
        ModelError: not BERT, or heads that do not divide its width.
    """
    rows, width = shape_of(tensors, "embeddings.word_embeddings.weight", 2, where)
    positions, _ = shape_of(tensors, "embeddings.position_embeddings.weight", 2, where)
    kinds, _ = shape_of(tensors, "embeddings.token_type_embeddings.weight", 2, where)
    inner, _ = shape_of(tensors, "encoder.layer.0.intermediate.dense.weight", 2, where)
    if kinds != 2:
        raise ModelError(
            f"{where}: its text encoder tells {kinds} kinds of segment apart, BERT tells 2 (RoBERTa, "
            "with the same names, has 1); only BERT can be imported"
        )
    wanted = heads or max(1, width // HEAD_WIDTH)
    if width % wanted or (heads is None and width % HEAD_WIDTH):
        raise ModelError(
            f"{where}: its text encoder has {width} features, which {wanted} attention heads do not "
            "divide as in BERT; give text_heads=N"
        )
    return {
        "model_type": "bert",
        "vocab_size": rows,
        "hidden_size": width,
        "num_hidden_layers": count(tensors, r"encoder\.layer\.(\d+)\."),
        "num_attention_heads": wanted,
        "intermediate_size": inner,
        "max_position_embeddings": positions,
    }
