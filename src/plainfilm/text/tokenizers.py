"""One interface for tokenizers: texts to padded arrays of token ids.

Built on the `tokenizers` library. A tokenizer is either trained on a collection's own texts (byte-level
byte-pair encoding: no unknown tokens, and the same texts give the same file) or read from the folder or the
name of a pretrained model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

from plainfilm.errors import ModelError, UsageError
from plainfilm.io.files import replacing, sha256_of
from plainfilm.io.hub import before_download, local_only, not_here, transformers_library, unreadable
from plainfilm.io.json_records import Record, read_record, write_record
from plainfilm.io.packages import local_path
from plainfilm.io.tables import read_json
from plainfilm.text.sentencepiece import SUFFIX, read_sentencepiece
from plainfilm.text.tokenizer_limits import check_tokenizer_limits

TOKENIZER_FILE = "tokenizer.json"
SETTINGS_FILE = "tokenizer_config.json"
UNKNOWN_SHARE = 0.03
"""The share of unknown tokens above which a tokenizer does not fit its texts: BERT's knows all of 2,751
reports in English, and 42 % of one in Chinese."""
COUNTED = 2000
"""Texts that are read to measure it."""
_UNREADABLE = "holds no tokenizer that can be read"
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class _Stored(Record):
    """What `SETTINGS_FILE` holds. tokenizer_sha256: of `TOKENIZER_FILE`, in hexadecimal."""

    max_tokens: int = Field(ge=2, le=1 << 20)
    pad_token: str
    tokenizer_sha256: str | None = None


_SPACE = "\u0120"
"""How a tokenizer of bytes writes a space before a word."""


class Tokenizer:
    """Encodes texts as token ids, each between a start and an end token.

    `vocabulary_size` is one more than the largest id; `max_tokens` includes the special tokens.
    """

    def __init__(self, backend: Backend, max_tokens: int, pad_token: str) -> None:
        pad_id = backend.token_to_id(pad_token)
        if pad_id is None:
            raise ModelError(f"tokenizer has no padding token '{pad_token}'")
        special = backend.num_special_tokens_to_add(is_pair=False)
        if max_tokens <= special:
            raise UsageError(f"max_tokens is {max_tokens}: must exceed the {special} special tokens")
        self.max_tokens = max_tokens
        self.pad_token = pad_token
        self.pad_id = int(pad_id)
        self._backend = backend
        backend.enable_truncation(max_tokens)
        backend.enable_padding(direction="right", pad_id=pad_id, pad_token=pad_token)

    @property
    def vocabulary_size(self) -> int:
        """The number of rows of an embedding table."""
        return max(self._backend.get_vocab(with_added_tokens=True).values()) + 1

    @property
    def start_id(self) -> int | None:
        """The id at the start of every text, if there is one."""
        ends = self._backend.encode("").ids
        return ends[0] if len(ends) > 1 else None

    @property
    def end_id(self) -> int | None:
        """The id at the end of every text, if there is one."""
        ends = self._backend.encode("").ids
        return ends[-1] if ends else None

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Token ids (N, L) and mask (N, L), False on padding; L is the longest text's, at most `max_tokens`.

        The last True of a row is its end token. No texts give arrays (0, 0).
        """
        if not texts:
            return np.zeros((0, 0), dtype=np.int64), np.zeros((0, 0), dtype=np.bool_)
        # Prompts of a batch are the same few, many times.
        places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        encodings = self._backend.encode_batch(list(places))
        ids = np.array([encoding.ids for encoding in encodings], dtype=np.int64)
        mask = np.array([encoding.attention_mask for encoding in encodings], dtype=np.bool_)
        rows = [places[text] for text in texts]
        return ids[rows], mask[rows]

    def length(self, text: str) -> int:
        """The number of tokens of a text that is not cut."""
        encoding = self._backend.encode(text)
        cut = sum(len(rest.ids) - sum(rest.special_tokens_mask) for rest in encoding.overflowing)
        return len(encoding.ids) - encoding.attention_mask.count(0) + cut

    def spelled_share(self, text: str) -> float:
        """The share of the tokens of `text` that are a single letter or byte of a longer word, 0 to 1.

        Where unknown letters become bytes, words of another language or script are spelled.
        """
        words: dict[int, list[tuple[int, int]]] = {}
        encoding = self._backend.encode(text)
        for word, token, place in zip(encoding.word_ids, encoding.tokens, encoding.offsets, strict=True):
            if word is not None:
                words.setdefault(word, []).append((len(token.removeprefix(_SPACE)), place[1] - place[0]))
        lengths = [[length for length, _ in pieces] for pieces in words.values() if len(pieces) > 2]
        spelled = sum(length <= 1 for pieces in lengths for length in pieces)
        return spelled / max(sum(map(len, words.values())), 1)

    def unknown_share(self, texts: Iterable[str]) -> float:
        """The share of the tokens of `texts` that stand for something the vocabulary does not have, 0 to 1.

        Start, end and padding are not counted; no tokens at all give 0. Where unknown letters become bytes,
        nothing is ever unknown.
        """
        unknown = self._unknown_id()
        if unknown is None:
            return 0.0
        all_tokens = unknown_tokens = 0
        for encoding in self._backend.encode_batch(list(texts)):
            special = sum(encoding.special_tokens_mask)
            all_tokens += len(encoding.ids) - special
            unknown_tokens += encoding.ids.count(unknown)
        return unknown_tokens / max(all_tokens, 1)

    def _unknown_id(self) -> int | None:
        model: Any = self._backend.model
        token = getattr(model, "unk_token", None)
        if token is not None:
            return self._backend.token_to_id(token)
        place = getattr(model, "unk_id", None)  # of Unigram
        return None if place is None else int(place)

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of `token_ids` without special tokens, after normalisation."""
        return self._backend.decode([int(number) for number in token_ids], skip_special_tokens=True)

    @staticmethod
    def train(texts: Iterable[str], vocabulary_size: int = 4096, max_tokens: int = 128) -> Tokenizer:
        """Train a tokenizer of at most `vocabulary_size` pieces on `texts`; case is folded."""
        backend = Backend(models.BPE(unk_token="[UNK]"))
        backend.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        backend.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocabulary_size,
            special_tokens=list(_SPECIAL),
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        backend.train_from_iterator(texts, trainer)
        ends = [(token, backend.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
        backend.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
        return Tokenizer(backend, max_tokens, "[PAD]")

    @staticmethod
    def from_pretrained(
        name: str | Path, max_tokens: int = 128, *, offline: bool = False, writes: bool = False
    ) -> Tokenizer:
        """The tokenizer of a pretrained model: a folder, `package:NAME/folder`, a hub name, or the `.model`
        file of a SentencePiece vocabulary.

        A hub name that is not in the local cache is downloaded, unless `offline`. With `writes`, texts get a
        start and an end where the tokenizer gives them none, and are padded with the end token if there is no
        other (as GPT-2's).

        Raises:
            MissingDependency: the package transformers, which reads all but the first and the last kind of
                folder, is not installed.
            ModelError: nothing there, files that are damaged or hold no words, or a name that would need a
                download that cannot happen.
        """
        folder = local_path(str(name))
        if folder is not None and folder.suffix == SUFFIX and folder.is_file():
            backend, pad_token = read_sentencepiece(folder)
        elif folder is not None and (folder / TOKENIZER_FILE).is_file():
            backend = _read_backend(folder / TOKENIZER_FILE)
            stated = [_stated_token(folder / "tokenizer_config.json", key) for key in _ENDS]
            pad_token = _pad_token(folder, backend, stated[1] if writes else None)
            _add_ends(backend, *(stated if writes else (None, None)))
        else:
            converted = _through_transformers(str(name), folder, offline=offline, writes=writes)
            backend = converted.backend_tokenizer
            stated = [getattr(converted, key, None) for key in _ENDS]
            pad_token = str(converted.pad_token or stated[1])
            check_tokenizer_limits(backend.to_str(), str(name))
            _add_ends(backend, *(stated if writes else (None, None)))
        _refuse_empty(backend, str(name))
        return Tokenizer(backend, max_tokens, pad_token)

    def continues_word(self, token_id: int) -> bool:
        """Whether a token continues the word before it, as "##" says in BERT's vocabularies."""
        return (self._backend.id_to_token(token_id) or "").startswith("##")

    def after(self, *steps: normalizers.Normalizer) -> Tokenizer:
        """The same tokenizer after `steps` that change a text first."""
        backend = Backend.from_str(self._backend.to_str())
        own = backend.normalizer
        backend.normalizer = normalizers.Sequence([*steps, *([] if own is None else [own])])
        return Tokenizer(backend, self.max_tokens, self.pad_token)

    def save(self, folder: Path) -> None:
        """Write the tokenizer's two files into the existing `folder`."""
        with replacing(folder / TOKENIZER_FILE) as temporary:
            self._backend.save(str(temporary))
        digest = sha256_of(folder / TOKENIZER_FILE)
        settings = {"max_tokens": self.max_tokens, "pad_token": self.pad_token, "tokenizer_sha256": digest}
        write_record(settings, folder / SETTINGS_FILE)

    @staticmethod
    def load(folder: Path) -> Tokenizer:
        """Load the tokenizer that `save` wrote into `folder`.

        Raises:
            ModelError: a file is missing or damaged.
        """
        for name in (TOKENIZER_FILE, SETTINGS_FILE):
            if not (folder / name).is_file():
                raise ModelError(f"{folder}: no {name}, so this is no complete model folder")
        settings = read_record(folder / SETTINGS_FILE, _Stored, ModelError, "copy or train the model again")
        backend = _read_backend(folder / TOKENIZER_FILE)
        if settings.tokenizer_sha256 not in (
            None,
            sha256_of(folder / TOKENIZER_FILE),
        ):
            raise ModelError(
                f"{folder / TOKENIZER_FILE}: damaged (its digest in {SETTINGS_FILE} differs); copy or train "
                "the model again"
            )
        return Tokenizer(backend, settings.max_tokens, settings.pad_token)


def unknown_tokens_alarm(tokenizer: Tokenizer, texts: Iterable[str]) -> str | None:
    """What a person should know where many tokens of `texts` are unknown to `tokenizer`, else `None`.

    Texts of another language or script, or the tokenizer of another model, train without an error: every
    word becomes the same token. `UNKNOWN_SHARE` is where that begins to matter. Some `COUNTED` texts from all
    over `texts` are tokenised.
    """
    share = tokenizer.unknown_share(_spread(texts, COUNTED))
    if share <= UNKNOWN_SHARE:
        return None
    return (
        f"{100 * share:.0f} % of the tokens of these texts are unknown to the tokenizer: it is of another "
        "language or another model; use one that fits (in a recipe tokenizers.text.name)"
    )


def _spread(texts: Iterable[str], count: int) -> list[str]:
    """`count` to twice as many of `texts`, or all there are, at even distances."""
    kept: list[str] = []
    step = 1
    for place, text in enumerate(texts):
        if place % step == 0:
            kept.append(text)
        if len(kept) >= 2 * count:
            kept, step = kept[::2], 2 * step
    return kept


def _refuse_empty(backend: Backend, name: str) -> None:
    special = {token.content for token in backend.get_added_tokens_decoder().values()}
    if not set(backend.get_vocab(with_added_tokens=False)) - special:
        raise ModelError(
            f"{name}: holds no tokenizer (no {TOKENIZER_FILE}, vocab.txt or other list of words): copy its "
            "files there, or name another in the recipe (tokenizers.text.name)"
        )


def _read_backend(path: Path) -> Backend:
    try:
        text = path.read_text(encoding="utf-8")
        check_tokenizer_limits(text, str(path))
        return Backend.from_str(text)
    except ModelError:
        raise
    except Exception as error:  # the library raises bare Exception for any unreadable file
        raise ModelError(f"{path}: not a tokenizer file ({str(error)[:300]})") from None


def _pad_token(folder: Path, backend: Backend, end: str | None) -> str:
    for name in (SETTINGS_FILE, "special_tokens_map.json"):
        stated = _stated_token(folder / name, "pad_token")
        if stated is not None:
            return stated
    for usual in ("[PAD]", "<pad>", end):
        if usual is not None and backend.token_to_id(usual) is not None:
            return usual
    raise ModelError(f"{folder}: no padding token in {SETTINGS_FILE}, and none of the usual ones in use")


def _stated_token(path: Path, key: str) -> str | None:
    values: Any = read_json(path) if path.is_file() else None
    stated = values.get(key) if isinstance(values, Mapping) else None
    return stated.get("content") if isinstance(stated, Mapping) else stated


_ENDS = ("bos_token", "eos_token")


def _add_ends(backend: Backend, start: str | None, end: str | None) -> None:
    """Let texts start and end with these tokens, where nothing is added to them so far."""
    if end is None or backend.encode("").ids:
        return
    start = start or end
    ids = {token: backend.token_to_id(token) for token in (start, end)}
    if None not in ids.values():
        backend.post_processor = processors.TemplateProcessing(
            single=f"{start} $A {end}", special_tokens=list(ids.items())
        )


def _through_transformers(name: str, folder: Path | None, *, offline: bool, writes: bool) -> Any:
    what = f"tokenizer '{name}'"
    library = transformers_library(what).AutoTokenizer
    # Explicitly: without a word on foreign code the library asks for it on standard input.
    read = partial(library.from_pretrained, trust_remote_code=False)
    try:
        with local_only():
            return _fast(read(str(folder or name), local_files_only=True), what, writes)
    except ModelError:
        raise
    except (OSError, ValueError) as error:
        if folder is not None:
            raise unreadable(name, error, folder, _UNREADABLE) from None
    except Exception as error:  # of files that are damaged the library lets anything through
        raise unreadable(name, error, folder, _UNREADABLE) from None
    before_download(what, offline=offline)
    try:
        return _fast(read(name), what, writes)
    except (OSError, ValueError) as error:
        raise not_here(what, str(error)) from None


def _fast(tokenizer: Any, what: str, writes: bool) -> Any:
    pad_token = tokenizer.pad_token or (tokenizer.eos_token if writes else None)
    if not hasattr(tokenizer, "backend_tokenizer") or pad_token is None:
        lacks = "padding token" if hasattr(tokenizer, "backend_tokenizer") else f"{TOKENIZER_FILE}"
        raise ModelError(f"{what}: has no {lacks}, which is needed; save it again with one, or name another")
    return tokenizer
