from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from plainfilm.errors import ModelError, UsageError
from plainfilm.text import translation
from plainfilm.text.translation import Translator, _OwnDraws
from tests.marian import make_marian

TEXTS = (
    "Large left pleural effusion.",
    "No pleural effusion or pneumothorax.",
    "The heart is enlarged.",
    "Clear.",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_marian(tmp_path_factory.mktemp("marian") / "en-xx", TEXTS)


@pytest.fixture
def translator(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Translator:
    monkeypatch.setattr(translation, "LONGEST", 24)
    return Translator.load(str(folder))


@pytest.mark.parametrize("beams", [1, 5])
def test_a_translation_does_not_depend_on_its_neighbours(translator: Translator, beams: int) -> None:
    together = translator.translate(TEXTS, beams=beams, seed=3)
    alone = [translator.translate([text], beams=beams, seed=3)[0] for text in TEXTS]
    backwards = translator.translate(TEXTS[::-1], beams=beams, seed=3)[::-1]
    assert any(together)
    assert together == alone == backwards


def test_nobody_else_s_random_numbers_are_touched_or_used(translator: Translator) -> None:
    state = torch.get_rng_state()
    first = translator.translate(TEXTS)
    assert torch.equal(state, torch.get_rng_state())
    torch.rand(3)
    assert translator.translate(TEXTS) == first


def test_another_seed_and_another_temperature_give_other_words(translator: Translator) -> None:
    first = translator.translate(TEXTS, seed=0)
    assert translator.translate(TEXTS, seed=1) != first
    assert translator.translate(TEXTS, seed=0, temperature=0.5) != first


def test_rows_are_drawn_with_the_chances_they_were_given() -> None:
    chances = torch.tensor([[0.5, 0.3, 0.2, 0.0], [0.1, 0.1, 0.1, 0.7]])
    generators = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    with _OwnDraws(generators):
        drawn = torch.stack([torch.multinomial(chances, 1)[:, 0] for _ in range(4000)])
        pairs = [torch.multinomial(chances, num_samples=2) for _ in range(100)]
    for row in (0, 1):
        shares = np.bincount(drawn[:, row].numpy(), minlength=4) / 4000
        assert shares == pytest.approx(chances[row].numpy(), abs=0.03)
    assert all(len(set(row.tolist())) == 2 for pair in pairs for row in pair)


def test_what_is_too_long_is_not_cut(translator: Translator) -> None:
    said = translator.translate([" ".join(["effusion"] * 40), TEXTS[3]])
    assert said[0] is None
    assert translator.translate([]) == []


def test_a_fingerprint_tells_models_apart_and_not_how_they_are_stored(folder: Path, tmp_path: Path) -> None:
    one = Translator.load(str(folder))
    one._model.save_pretrained(tmp_path, max_shard_size="10KB")
    one._tokenizer.save_pretrained(tmp_path)
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    assert Translator.load(str(tmp_path)).fingerprint == one.fingerprint
    other = make_marian(tmp_path / "other", (*TEXTS, "Devices."))
    assert Translator.load(str(other)).fingerprint != one.fingerprint


def test_a_model_of_several_languages_is_told_which(tmp_path: Path) -> None:
    folder = make_marian(tmp_path / "en-zh", TEXTS, codes=("cmn_Hans", "cmn_Hant"))
    with pytest.raises(UsageError, match="several languages; choose one: cmn_Hans, cmn_Hant"):
        Translator.load(str(folder))
    with pytest.raises(UsageError, match="did you mean 'cmn_Hant'"):
        Translator.load(str(folder), "cmn_Hnat")
    assert Translator.load(str(folder), "cmn_Hant").name == "en-zh>cmn_Hant"


def test_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    for name in ("source.spm", "target.spm", "vocab.json"):
        (tmp_path / name).touch()
    BertModel(BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1)).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="type 'bert', not a MarianMT"):
        Translator.load(str(tmp_path))


def test_weights_that_do_not_fit_are_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = (tmp_path / "config.json").read_text()
    (tmp_path / "config.json").write_text(config.replace('"encoder_layers": 1', '"encoder_layers": 2'))
    with pytest.raises(ModelError, match="do not fit its configuration: 'model.encoder.layers.1"):
        Translator.load(str(tmp_path))


@pytest.mark.parametrize("missing", ["source.spm", "vocab.json", "config.json", "model.safetensors"])
def test_a_missing_file_is_one_line(folder: Path, tmp_path: Path, missing: str) -> None:
    for file in folder.iterdir():
        if file.name != missing:
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(ModelError, match=missing) as error:
        Translator.load(str(tmp_path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("damaged", ["source.spm", "vocab.json", "config.json", "model.safetensors"])
@pytest.mark.parametrize(
    "content", [b"", b"version https://git-lfs.github.com/spec/v1\n"], ids=["cut", "lfs"]
)
def test_a_damaged_file_is_one_line(folder: Path, tmp_path: Path, damaged: str, content: bytes) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(content if file.name == damaged else file.read_bytes())
    with pytest.raises(ModelError, match="git lfs pull" if content else "cannot be read") as error:
        Translator.load(str(tmp_path))
    assert "\n" not in str(error.value)


def test_a_name_that_is_not_here_is_announced_or_refused(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with caplog.at_level(logging.WARNING), pytest.raises(ModelError, match="cannot be downloaded"):
        Translator.load("Helsinki-NLP/opus-mt-en-xxx")
