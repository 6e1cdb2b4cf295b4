"""A tokenizer that does not know the words of the texts is said before training starts."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from plainfilm.training.recipe import load_recipe
from plainfilm.training.setup import build_tokenizers


@pytest.mark.parametrize(("texts", "warnings"), [(["No effusion."] * 9, 0), (["sin derrame pleural"] * 9, 1)])
def test_texts_a_tokenizer_does_not_know_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, texts: list[str], warnings: int
) -> None:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "no", "effusion", "."]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    data: Any = SimpleNamespace(train=SimpleNamespace(texts=lambda: iter(texts)))
    recipe = load_recipe("txtrayalign-tiny", [f"tokenizers.text.name={tmp_path}"])
    with caplog.at_level(logging.WARNING):
        build_tokenizers(recipe, data, tmp_path / "none")
    said = [line for line in caplog.messages if "unknown to the tokenizer" in line]
    assert len(said) == warnings
    assert all(line.startswith(f"tokenizer '{tmp_path}': 100 % of the tokens") for line in said)
