"""Where the package transformers is not installed, what needs it says so and how to install it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from plainfilm.checkpoints.reading.tokenizer import tokenizer_of
from plainfilm.errors import MissingDependency
from plainfilm.nn.sentence import transformers as decoder
from plainfilm.nn.text import transformers as encoder
from plainfilm.text.tokenizers import Tokenizer

BERT = {"model_type": "bert", "hidden_size": 16}


def of_words_alone(folder: Path) -> Tokenizer:
    (folder / "vocab.txt").write_text("[UNK]\n")
    return tokenizer_of(str(folder), 16, 1, offline=True)


NEEDING: dict[str, Callable[[Path], object]] = {
    "text model 'somebody/bert'": lambda _: encoder.build(encoder.Config(name="somebody/bert"), 20),
    "text model 'bert'": lambda _: encoder.build(encoder.Config(settings=BERT, pretrained=False), 20),
    "sentence decoder 'somebody/gpt2'": lambda _: decoder.build(decoder.Config(name="somebody/gpt2"), 20, 0),
    "tokenizer 'somebody/bert'": lambda _: Tokenizer.from_pretrained("somebody/bert"),
    "the tokenizer of '": of_words_alone,
}


@pytest.mark.parametrize("what", NEEDING)
def test_without_the_library_a_person_learns_what_to_install(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingDependency, match="needs transformers, which is not installed: ") as found:
        NEEDING[what](tmp_path)
    assert str(found.value).startswith(what)
