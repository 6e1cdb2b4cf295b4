"""GPT-2 from a folder as a sentence decoder: its weights, its tokenizer, and the numbers of transformers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, DynamicCache, GPT2Config, GPT2LMHeadModel

from plainfilm.errors import ConfigError, ModelError
from plainfilm.models.base import Facts, TokenizerFacts
from plainfilm.models.study_encoder import ends_of
from plainfilm.nn.sentence import transformers as decoder
from plainfilm.text.tokenizers import Tokenizer

END = "<|endoftext|>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small GPT-2 as transformers saves one: one special token, which starts, ends and pads nothing yet."""
    path = tmp_path_factory.mktemp("gpt2")
    backend = Backend(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=[END], initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator(["No pleural effusion."] * 8, trainer)
    backend.save(str(path / "tokenizer.json"))
    settings = {"tokenizer_class": "GPT2TokenizerFast", "bos_token": END, "eos_token": END}
    (path / "tokenizer_config.json").write_text(json.dumps(settings))
    torch.manual_seed(0)
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}
    GPT2LMHeadModel(GPT2Config(vocab_size=backend.get_vocab_size(), **sizes)).save_pretrained(path)
    return path


def test_its_only_special_token_starts_ends_and_pads(folder: Path) -> None:
    tokenizer = Tokenizer.from_pretrained(folder, 16, writes=True)
    assert tokenizer.start_id == tokenizer.end_id == tokenizer.pad_id == 0
    ids, mask = tokenizer.encode(["No pleural effusion.", "No"])
    assert (ids[:, 0] == 0).all()
    assert [int(row[int(own.sum()) - 1]) for row, own in zip(ids, mask, strict=True)] == [0, 0]
    assert mask.sum(axis=1).tolist() == [len(ids[0]), 3]
    facts = TokenizerFacts(vocabulary_size=tokenizer.vocabulary_size, max_tokens=16, start=0, end=0)
    assert ends_of(Facts(tokenizers={"sentence": facts}), "sentence").banned == ()
    with pytest.raises(ModelError, match="no padding token"):
        Tokenizer.from_pretrained(folder, 16)


@torch.no_grad()
def test_its_numbers_are_those_of_the_library(folder: Path) -> None:
    made = decoder.build(decoder.Config(name=str(folder), offline=True), 20, 0).eval()
    library = AutoModelForCausalLM.from_pretrained(folder).eval()
    ids = torch.tensor([[0, 5, 9, 12]])
    prefix = torch.randn(2, 2, 1, 4, 3, 8, generator=torch.Generator().manual_seed(0))
    own = made.logits(made(ids, prefix, torch.ones(1, 3, dtype=torch.bool)))
    cache = DynamicCache()
    for layer in range(2):
        cache.update(prefix[layer, 0], prefix[layer, 1], layer)
    positions, seen = torch.arange(4)[None], torch.ones(1, 7, dtype=torch.int64)
    expected = library(ids, past_key_values=cache, position_ids=positions, attention_mask=seen).logits
    torch.testing.assert_close(own, expected, atol=1e-5, rtol=1e-5)


def test_a_model_with_fewer_tokens_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match="knows .* tokens, but the tokenizer has 9999"):
        decoder.build(decoder.Config(name=str(folder), offline=True), 9999, 0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "name is missing"),
        ({"settings": {"model_type": "gpt2"}}, "set pretrained to false"),
        ({"settings": {"n_layer": 1}, "pretrained": False}, "lack model_type"),
    ],
)
def test_settings_name_one_origin(values: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decoder.Config(**values)


def test_what_is_no_decoder_is_refused() -> None:
    settings = {"model_type": "t5", "d_model": 16, "num_layers": 1, "num_heads": 2, "d_ff": 16, "d_kv": 8}
    with pytest.raises(ConfigError, match="is no decoder alone"):
        decoder.build(decoder.Config(settings=settings, pretrained=False), 50, 0)
