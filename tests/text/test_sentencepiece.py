"""Vocabularies of SentencePiece give the ids that SentencePiece gives."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest

from plainfilm.errors import ModelError
from plainfilm.seeding import generator
from plainfilm.text.sentencepiece import read_sentencepiece
from plainfilm.text.tokenizers import Tokenizer

spm = pytest.importorskip("sentencepiece", reason="sentencepiece is not installed")

WORDS = (
    *("No", "acute", "cardiopulmonary", "process", "left", "right", "lower", "lobe", "opacity", "is", "the"),
    *("effusion", "pneumothorax", "unchanged", "___", "2.5", "cm", "heart", "size", "mild", "basilar", "of"),
)
ODD = (
    *(
        "",
        " ",
        "   two  spaces\tand\na line ",
        "Ärzte naïve façade",
        "½ ﬁne Ⅳ ①",
        "肺炎 and 한국어",
        "a" * 40,
    ),
    *(
        "____ ___ __ _",
        "....",
        "aaaaaaa aaa",
        "x\u200by",
        "e\u0301\u0323 ﷺ",
        "[ SOS ]",
        "İstanbul",
        "▁meta▁space▁",
    ),
    *(
        "का क्ष",
        "tab\t\ttab",
        "\u00a0nbsp\u00a0",
        "UPPER lower",
        "0.5-1.0 cm, (old)",
        "\u2028line",
        "😀 emoji \ufe0f",
    ),
)


def corpus(count: int, name: str) -> list[str]:
    rng = generator(name)
    return [" ".join(rng.choice(WORDS, int(rng.integers(1, 14)))) + "." for _ in range(count)]


def trained(folder: Path, **options: Any) -> Path:
    """A vocabulary as VirTex trains it, unless `options` say otherwise."""
    text = folder / "texts.txt"
    text.write_text("\n".join(line.lower() for line in corpus(600, "training")), "utf-8")
    as_published = {
        "model_type": "bpe",
        "vocab_size": 140,
        "bos_id": -1,
        "eos_id": -1,
        "control_symbols": "[SOS],[EOS],[MASK]",
        "character_coverage": 1.0,
        "hard_vocab_limit": False,
        "minloglevel": 2,
    }
    prefix = folder / "words"
    spm.SentencePieceTrainer.train(input=str(text), model_prefix=str(prefix), **{**as_published, **options})
    return prefix.with_suffix(".model")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("published"))


def published_form(text: str) -> str:
    """The text as VirTex and REFERS give it to the vocabulary."""
    decomposed = unicodedata.normalize("NFKD", text.lower())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def published_ids(path: Path, text: str) -> list[int]:
    pieces = spm.SentencePieceProcessor(model_file=str(path))
    return [1, *pieces.encode(published_form(text)), 2]


def own_ids(path: Path, text: str) -> list[int]:
    ids, mask = Tokenizer.from_pretrained(path, 512).encode([text])
    assert mask.all()
    return ids[0].tolist()


def test_a_published_vocabulary_gives_the_published_ids(published: Path) -> None:
    for text in (*corpus(60, "reports"), *ODD):
        assert own_ids(published, text) == published_ids(published, text), text


def test_ends_and_padding_are_the_published_ones(published: Path) -> None:
    tokenizer = Tokenizer.from_pretrained(published, 100)
    assert (tokenizer.start_id, tokenizer.end_id, tokenizer.pad_id) == (1, 2, 0)
    assert tokenizer.vocabulary_size <= 140


def test_a_saved_vocabulary_is_the_same(published: Path, tmp_path: Path) -> None:
    Tokenizer.from_pretrained(published, 512).save(tmp_path)
    loaded = Tokenizer.load(tmp_path)
    for text in (*corpus(10, "reports"), *ODD):
        assert loaded.encode([text])[0][0].tolist() == own_ids(published, text)


def test_texts_come_back_as_the_library_decodes_them(published: Path) -> None:
    tokenizer = Tokenizer.from_pretrained(published, 512)
    pieces = spm.SentencePieceProcessor(model_file=str(published))
    for text in corpus(20, "reports"):
        ids = tokenizer.encode([text])[0][0].tolist()
        assert tokenizer.decode(ids) == pieces.decode(ids[1:-1])


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
@pytest.mark.parametrize("falls_back", [False, True])
def test_other_vocabularies_follow_their_own_rules(tmp_path: Path, kind: str, falls_back: bool) -> None:
    own = {"bos_id": 1, "eos_id": 2, "control_symbols": "", "vocab_size": 400}
    path = trained(tmp_path, **own, model_type=kind, byte_fallback=falls_back)
    pieces = spm.SentencePieceProcessor(model_file=str(path))
    composed = [text for text in ODD if unicodedata.normalize("NFC", text) == text]
    for text in (*corpus(60, "reports"), *composed):
        assert own_ids(path, text) == [1, *pieces.encode(text), 2], text


def test_pieces_across_words_are_found(tmp_path: Path) -> None:
    path = trained(tmp_path, split_by_whitespace=False)
    for text in corpus(60, "reports"):
        assert own_ids(path, text) == published_ids(path, text)


@pytest.mark.parametrize("content", [b"", b"\x0a\xff\xff", b"no vocabulary", bytes(200), b"\x08" * 50])
def test_another_file_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "words.model"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"words.model: not a vocabulary of SentencePiece") as refused:
        read_sentencepiece(path)
    assert "\n" not in str(refused.value)


def test_a_vocabulary_without_ends_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no pieces for the start and end of a text"):
        read_sentencepiece(trained(tmp_path, control_symbols="[MASK]"))


def test_every_cut_of_a_file_is_read_or_refused(published: Path, tmp_path: Path) -> None:
    content = published.read_bytes()
    path = tmp_path / "cut.model"
    for size in generator("cuts").integers(0, len(content), 40).tolist():
        path.write_bytes(content[:size])
        try:
            read_sentencepiece(path)
        except ModelError:
            continue
