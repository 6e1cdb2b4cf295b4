"""The vocabulary that reports are written with, which lies beside a checkpoint and never in it."""

from __future__ import annotations

from pathlib import Path

from plainfilm.checkpoints.reading.tokenizer import VOCABULARY_FILE
from plainfilm.errors import ModelError
from plainfilm.models.base import TokenizerFacts
from plainfilm.text.sentencepiece import SUFFIX
from plainfilm.text.tokenizers import TOKENIZER_FILE, Tokenizer


def report_tokenizer(checkpoint: Path, stated: str | None, facts: TokenizerFacts) -> Tokenizer:
    """The tokenizer called `stated`, or the only `.model` file in the folder of `checkpoint`.

    Raises:
        ModelError: none or several there, or one that is not the decoder's: it has another number of tokens,
            or other ids for the ends of a text and padding than `facts`.
    """
    name = stated or str(_beside(checkpoint))
    found = Tokenizer.from_pretrained(name, facts.max_tokens)
    own = (found.vocabulary_size, found.pad_id, found.start_id, found.end_id)
    needed = (facts.vocabulary_size, facts.pad, facts.start, facts.end)
    if own != needed:
        told = "{} tokens, padding {}, start {} and end {}"
        raise ModelError(
            f"report tokenizer '{name}' has {told.format(*own)}, the decoder {told.format(*needed)}: they do "
            "not belong together; name the right one with report_tokenizer=FILE"
        )
    return found


def _beside(checkpoint: Path) -> Path:
    found = sorted(checkpoint.parent.glob(f"*{SUFFIX}"))
    if len(found) == 1:
        return found[0]
    there = "no" if not found else f"{len(found)}"
    raise ModelError(
        f"{checkpoint}: writes reports, and there {'is' if not found else 'are'} {there} {SUFFIX} "
        f"file{'s' * (len(found) > 1)} beside it: name the vocabulary (mimic_10k.model of REFERS) with "
        "report_tokenizer=FILE"
    )


def text_tokenizer_name(checkpoint: Path, stated: str | None, published: str) -> str:
    """What the tokenizer of the text encoder is called: `stated` unless that is a vocabulary of reports, the
    folder of `checkpoint` if it holds one, else the `published` name."""
    if stated is not None and not stated.endswith(SUFFIX):
        return stated
    beside = checkpoint.parent
    is_there = any((beside / name).is_file() for name in (VOCABULARY_FILE, TOKENIZER_FILE))
    return str(beside) if is_there else published
