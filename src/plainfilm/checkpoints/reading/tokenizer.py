"""The tokenizer of a text encoder whose checkpoint does not bring it along."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tokenizers import Regex, normalizers

from plainfilm.errors import ModelError
from plainfilm.io.hub import transformers_library, unreadable
from plainfilm.io.packages import local_path
from plainfilm.text.tokenizers import TOKENIZER_FILE, Tokenizer

VOCABULARY_FILE = "vocab.txt"

Cleaning = Literal["lower", "canonicalize", "words"]
"""Of open_clip: small letters; and without punctuation, which joins what it stood between. Of GLoRIA: words
of letters and digits of ASCII, small."""

_CLEANING: dict[Cleaning, tuple[normalizers.Normalizer, ...]] = {
    "lower": (normalizers.Lowercase(),),
    "canonicalize": (
        normalizers.Replace("_", " "),
        normalizers.Replace(Regex(r"[!-/:-@\[-`{-~]"), ""),
        normalizers.Lowercase(),
        normalizers.Replace(Regex(r"\s+"), " "),
        normalizers.Strip(),
    ),
    "words": (
        normalizers.Lowercase(),
        normalizers.Replace(Regex(r"\W+"), " "),
        normalizers.Replace(Regex(r"[^ -~]"), ""),
        normalizers.Strip(),
    ),
}


def tokenizer_of(
    name: str, max_tokens: int, rows: int, *, offline: bool, cleaning: Cleaning | None = None
) -> Tokenizer:
    """The tokenizer called `name`: a folder, `package:NAME/folder` or hub name, as BERT was published.

    A folder may hold `vocab.txt` alone. Letters are made small unless `tokenizer_config.json` says otherwise,
    as the transformers library does with such files. `cleaning` is what a family does to texts before.

    Raises:
        MissingDependency: the package transformers is not installed, and the folder holds `vocab.txt` alone.
        ModelError: none there, one that needs a download that cannot happen, or one that does not give
            exactly `rows` different tokens and so is not this encoder's.
    """
    folder = local_path(name)
    if folder is not None and folder.is_file():
        folder = folder.parent
    if (
        folder is not None
        and (folder / VOCABULARY_FILE).is_file()
        and not (folder / TOKENIZER_FILE).is_file()
    ):
        found = _from_vocabulary(folder, max_tokens)
    else:
        found = Tokenizer.from_pretrained(name, max_tokens, offline=offline)
    if found.vocabulary_size != rows:
        raise ModelError(
            f"tokenizer '{name}' has {found.vocabulary_size} tokens, the text encoder {rows}: they do not "
            "belong together; name the right one with --tokenizer"
        )
    return found if cleaning is None else found.after(*_CLEANING[cleaning])


def _from_vocabulary(folder: Path, max_tokens: int) -> Tokenizer:
    library = transformers_library(f"the tokenizer of '{folder}'")
    try:
        found = library.BertTokenizerFast.from_pretrained(str(folder), local_files_only=True)
    except Exception as error:  # of files that are damaged the library lets anything through
        raise unreadable(str(folder), error, folder, "its vocabulary cannot be read") from None
    return Tokenizer(found.backend_tokenizer, max_tokens, str(found.pad_token))
