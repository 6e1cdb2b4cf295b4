"""Texts that a tokenizer does not know are reported when a run starts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from plainfilm.progress import Silent
from plainfilm.training.recipe import load_recipe
from plainfilm.training.setup import build_tokenizers


class Lines(Silent):
    """Keeps the lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)


@pytest.mark.parametrize(("texts", "warnings"), [(["No effusion."] * 9, 0), (["sin derrame pleural"] * 9, 1)])
def test_texts_a_tokenizer_does_not_know_are_reported(
    tmp_path: Path, texts: list[str], warnings: int
) -> None:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "no", "effusion", "."]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    data: Any = SimpleNamespace(train=SimpleNamespace(texts=lambda *_: iter(texts)))
    recipe = load_recipe("txtrayalign-tiny", [f"tokenizers.text.name={tmp_path}"])
    progress = Lines()
    build_tokenizers(recipe, data, tmp_path / "none", progress=progress)
    assert len(progress.lines) == warnings
    start = f"warning: tokenizer '{tmp_path}': 100 % of the tokens"
    assert all(line.startswith(start) for line in progress.lines)
