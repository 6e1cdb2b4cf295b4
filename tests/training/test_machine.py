"""Precision and memory format for the machine and model at hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from plainfilm.models.base import Facts, TokenizerFacts, build_model
from plainfilm.models.dual_encoder import Config, DualEncoder
from plainfilm.training import machine
from plainfilm.training.machine import choose_device_config, is_convolutional, repeatable
from plainfilm.training.recipe import TrainingConfig

CPU = torch.device("cpu")
FACTS = Facts(tokenizers={"text": TokenizerFacts(vocabulary_size=50, max_tokens=32)})
TINY_BERT = {
    "model_type": "bert",
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}


def model(name: str, width: int = 32) -> DualEncoder:
    text = {"use": "compact", "width": width, "depth": 1, "heads": 2}
    projection = {"kind": "linear", "dimension": 16}
    return build_model(Config(image={"use": "timm", "name": name}, text=text, projection=projection), FACTS)


@pytest.fixture
def with_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_processor_flags", lambda: {"avx2", "avx512_bf16"})


@pytest.fixture
def without_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_processor_flags", lambda: {"avx2"})


@pytest.mark.usefixtures("with_bf16")
def test_bf16_where_the_processor_has_it() -> None:
    assert choose_device_config(TrainingConfig(), model("test_resnet"), CPU).precision == "bf16"


@pytest.mark.usefixtures("without_bf16")
def test_fp32_where_it_has_not() -> None:
    assert choose_device_config(TrainingConfig(), model("test_resnet"), CPU).precision == "fp32"


@pytest.mark.usefixtures("with_bf16")
def test_efficientnet_stays_fp32() -> None:
    assert choose_device_config(TrainingConfig(), model("test_efficientnet"), CPU).precision == "fp32"


@pytest.mark.usefixtures("without_bf16")
def test_a_recipe_overrides_the_choice() -> None:
    config = TrainingConfig(precision="bf16", memory_format="contiguous")
    chosen = choose_device_config(config, model("test_resnet"), CPU)
    assert (chosen.precision, chosen.memory_format) == ("bf16", "contiguous")
    with chosen.autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16


@pytest.mark.parametrize(("name", "wanted"), [("test_resnet", True), ("test_vit", False)])
def test_channels_last_for_convolutions_only(name: str, wanted: bool) -> None:
    assert is_convolutional(model(name)) is wanted


def test_place_changes_the_memory_format() -> None:
    made = model("test_resnet")
    choose_device_config(TrainingConfig(), made, CPU).place(made)
    weight = next(module.weight for module in made.modules() if isinstance(module, nn.Conv2d))
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_attention_is_written_out_for_bf16_on_a_cpu_and_not_kept_with_the_model(with_bf16) -> None:
    text = {"use": "transformers", "pretrained": False, "settings": TINY_BERT}
    made = build_model(Config(image={"use": "timm", "name": "test_resnet"}, text=text), FACTS)
    ids, mask = torch.arange(24).view(3, 8), torch.ones(3, 8, dtype=torch.bool)
    before = made.eval().encode_texts(ids, mask)
    choose_device_config(TrainingConfig(), made, CPU).place(made)
    assert made.text.encoder.config._attn_implementation == "eager"
    assert "attn" not in str(made.text.rebuilt_from())
    torch.testing.assert_close(made.encode_texts(ids, mask), before)


def test_processor_flags_are_read(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor : 0\nflags : fpu avx2 amx_bf16\n")
    assert machine._processor_flags(tmp_path / "cpuinfo") == {"fpu", "avx2", "amx_bf16"}
    assert machine._processor_flags(tmp_path / "none") == set()


def test_repeatable_brings_back_what_was_set() -> None:
    with repeatable():
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.utils.deterministic.fill_uninitialized_memory
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory
