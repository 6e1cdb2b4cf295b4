"""Real MarianMT models, made in a moment: a SentencePiece vocabulary, random weights or a few sentences."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sentencepiece
import torch
import transformers
from transformers import MarianConfig, MarianMTModel, MarianTokenizer

from plainfilm.io.hub import quietly

_TALKATIVE = 1.5
"""What is added to the logit of the end: else random weights would never come to one."""


def make_marian(
    folder: Path, texts: Sequence[str], *, learn: Mapping[str, str] | None = None, codes: Sequence[str] = ()
) -> Path:
    """A model folder with a vocabulary of `texts`; it knows the translations in `learn` by heart, no others.

    codes: languages it says it can translate into.
    """
    folder.mkdir(parents=True)
    pieces = _vocabulary(folder, texts)
    names = ["</s>", "<unk>", *pieces, *(f">>{code}<<" for code in codes), "<pad>"]
    vocabulary = {piece: number for number, piece in enumerate(names)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    model = _model(len(vocabulary), 32 if learn else 16)
    with warnings.catch_warnings(), quietly(transformers):
        warnings.filterwarnings("ignore", message="Recommended: pip install sacremoses")
        tokenizer: Any = MarianTokenizer(
            *(str(folder / name) for name in ("source.spm", "target.spm", "vocab.json"))
        )
        if learn:
            _learn(model, tokenizer, learn)
        else:
            model.final_logits_bias[0, 0] = _TALKATIVE
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder


def _vocabulary(folder: Path, texts: Sequence[str]) -> list[str]:
    options = {"vocab_size": 120, "hard_vocab_limit": False, "minloglevel": 2, "num_threads": 1}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_prefix=str(folder / "pieces"), **options
    )
    for side in ("source", "target"):
        (folder / f"{side}.spm").write_bytes((folder / "pieces.model").read_bytes())
    read = sentencepiece.SentencePieceProcessor(model_file=str(folder / "pieces.model"))
    numbers = range(read.get_piece_size())
    return [read.id_to_piece(n) for n in numbers if not (read.is_control(n) or read.is_unknown(n))]


def _model(vocabulary: int, width: int) -> Any:
    config = MarianConfig(
        vocab_size=vocabulary,
        d_model=width,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=width,
        decoder_ffn_dim=width,
        dropout=0.0,
        max_position_embeddings=300,
        pad_token_id=vocabulary - 1,
        decoder_start_token_id=vocabulary - 1,
        eos_token_id=0,
        forced_eos_token_id=0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MarianMTModel(config)


def _learn(model: Any, tokenizer: Any, learn: Mapping[str, str]) -> None:
    given = tokenizer(list(learn), text_target=list(learn.values()), return_tensors="pt", padding=True)
    given["labels"][given["labels"] == tokenizer.pad_token_id] = -100
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(100):
        optimizer.zero_grad()
        model(**given).loss.backward()
        optimizer.step()
