"""A small tokenizer with the ends of CLIP's: they are the last two of its vocabulary."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

START, END = "<|startoftext|>", "<|endoftext|>"
TEXTS = ("no pleural effusion", "large left pneumothorax", "the heart is enlarged", "pulmonary edema")


def clip_tokenizer_folder(folder: Path) -> int:
    """Writes the tokenizer to the new `folder`; returns the number of its tokens."""
    folder.mkdir(parents=True)
    backend = Tokenizer(models.BPE())
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    backend.decoder = decoders.ByteLevel()
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=300, initial_alphabet=letters, show_progress=False)
    )
    backend.add_special_tokens([START, END])
    ends = [(token, backend.token_to_id(token)) for token in (START, END)]
    backend.post_processor = processors.TemplateProcessing(single=f"{START} $A {END}", special_tokens=ends)
    backend.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"pad_token": END}))
    return len(backend.get_vocab())


def gpt2_tokenizer_folder(folder: Path) -> int:
    """Writes a tokenizer as GPT-2's, whose one special token it never adds; returns the number of tokens."""
    folder.mkdir(parents=True)
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=280, initial_alphabet=letters, show_progress=False)
    )
    backend.add_special_tokens([END])
    backend.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"bos_token": END, "eos_token": END}))
    return len(backend.get_vocab())
