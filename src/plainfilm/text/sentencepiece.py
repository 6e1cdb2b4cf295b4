"""Vocabularies of SentencePiece (`.model` files), as tokenizers of the `tokenizers` library.

A `.model` is a message of protocol buffers (sentencepiece's `sentencepiece_model.proto`), of which the pieces
and a few settings are read here; no library for it is needed. Byte-pair vocabularies become merges ranked by
the score of what they make, as SentencePiece merges; unigram vocabularies keep their scores.

VirTex (Desai and Johnson 2021, arXiv:2006.06666) and REFERS put texts into lower case, decompose them (NFKD)
and drop combining characters before the vocabulary's own rules, and call the ends of a text [SOS] and [EOS].
A vocabulary with these pieces is read so; of any other the ends are those it states (<s> and </s>).

The ids are SentencePiece's own. Letters in several parts (decomposed accents, Korean jamo), which
SentencePiece composes and the `tokenizers` library leaves apart, are the exception.
"""

from __future__ import annotations

import struct
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers import Tokenizer as Backend

from plainfilm.errors import ModelError

SUFFIX = ".model"
_SPACE = "▁"
_PUBLISHED_ENDS = ("[SOS]", "[EOS]")

# Numbers of fields in sentencepiece_model.proto, and values of its enumerations.
_PIECES, _TRAINER, _NORMALIZER = 1, 2, 3
_TEXT, _SCORE, _KIND = 1, 2, 3
_MODEL_TYPE, _BYTE_FALLBACK, _BOS, _EOS, _PAD = 3, 35, 41, 42, 43
_CHARACTER_MAP, _PREFIX, _STRIP = 2, 3, 4
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6
_UNIGRAM, _BYTE_PAIRS = 1, 2


@dataclass(frozen=True)
class Piece:
    """An entry of a vocabulary; `kind` is SentencePiece's number for what it is."""

    text: str
    score: float
    kind: int


@dataclass(frozen=True)
class Vocabulary:
    """What a `.model` file says.

    byte_pairs: merged pair by pair, else chosen by score (unigram). bytes_for_unknown: characters without a
    piece become bytes. start, end, pad: pieces, where it has them. character_map: the compiled rules of
    normalisation; prefix: texts get a leading space; strip: other spaces at the ends or in a row are dropped.
    """

    pieces: tuple[Piece, ...]
    unknown: int
    byte_pairs: bool
    bytes_for_unknown: bool
    start: str
    end: str
    pad: str
    character_map: bytes
    prefix: bool
    strip: bool


def read_sentencepiece(path: Path) -> tuple[Backend, str]:
    """The tokenizer of a `.model` file, and its padding token: its own, or the unknown one as in VirTex.

    Raises:
        ModelError: not such a file, a damaged one, or a vocabulary without the ends of a text.
    """
    vocabulary = read_vocabulary(path)
    backend = Backend(_model_of(vocabulary))
    backend.normalizer = normalizers.Sequence(_normalizers(vocabulary))
    inside = any(_SPACE in piece.text[1:].lstrip(_SPACE) for piece in vocabulary.pieces)
    scheme: Any = "always" if vocabulary.prefix else "never"
    backend.pre_tokenizer = pre_tokenizers.Metaspace(_SPACE, scheme, split=not inside)
    decoding = [decoders.ByteFallback(), decoders.Fuse()] if vocabulary.bytes_for_unknown else []
    backend.decoder = decoders.Sequence([decoders.Metaspace(_SPACE, scheme), *decoding])
    ends = [(token, _id_of(vocabulary, token)) for token in (vocabulary.start, vocabulary.end)]
    backend.post_processor = processors.TemplateProcessing(
        single=[vocabulary.start, "$A", vocabulary.end], special_tokens=ends
    )
    special = [piece.text for piece in vocabulary.pieces if piece.kind in (_CONTROL, _UNKNOWN)]
    backend.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in special])
    return backend, vocabulary.pad


def read_vocabulary(path: Path) -> Vocabulary:
    """What the `.model` file at `path` says.

    Raises:
        ModelError: see `read_sentencepiece`.
    """
    try:
        return _vocabulary(path.read_bytes(), path)
    except (OSError, UnicodeDecodeError, ValueError, TypeError, struct.error) as error:
        raise ModelError(f"{path}: not a vocabulary of SentencePiece, or damaged ({error})") from None


def _vocabulary(content: bytes, path: Path) -> Vocabulary:
    fields = list(_fields(content))
    pieces = tuple(_piece(value) for number, value in fields if number == _PIECES)
    trainer, normalizer = (_last(fields, number) for number in (_TRAINER, _NORMALIZER))
    kinds = {piece.kind for piece in pieces}
    if not kinds & {_NORMAL}:
        raise ValueError("no pieces")
    kind = trainer.get(_MODEL_TYPE, _UNIGRAM)
    if kind not in (_UNIGRAM, _BYTE_PAIRS) or kinds - {_NORMAL, _UNKNOWN, _CONTROL, _BYTE}:
        raise ModelError(
            f"{path}: only byte-pair and unigram vocabularies without symbols of their user can be read"
        )
    unknown = [place for place, piece in enumerate(pieces) if piece.kind == _UNKNOWN]
    if len(unknown) != 1:
        raise ValueError(f"{len(unknown)} pieces for what is unknown")
    start, end = _ends(pieces, trainer, path)
    pad = trainer.get(_PAD, -1)
    return Vocabulary(
        pieces=pieces,
        unknown=unknown[0],
        byte_pairs=kind == _BYTE_PAIRS,
        bytes_for_unknown=bool(trainer.get(_BYTE_FALLBACK, 0)),
        start=start,
        end=end,
        pad=pieces[pad if 0 <= pad < len(pieces) else unknown[0]].text,
        character_map=bytes(normalizer.get(_CHARACTER_MAP, b"")),
        prefix=bool(normalizer.get(_PREFIX, 1)),
        strip=bool(normalizer.get(_STRIP, 1)),
    )


def _ends(pieces: tuple[Piece, ...], trainer: Mapping[int, Any], path: Path) -> tuple[str, str]:
    """The pieces at the start and the end of every text."""
    control = [piece.text for piece in pieces if piece.kind == _CONTROL]
    if all(end in control for end in _PUBLISHED_ENDS):
        return _PUBLISHED_ENDS
    places = [trainer.get(_BOS, 1), trainer.get(_EOS, 2)]
    if any(not 0 <= place < len(pieces) or pieces[place].kind != _CONTROL for place in places):
        raise ModelError(
            f"{path}: its vocabulary has no pieces for the start and end of a text ([SOS] and [EOS], or <s> "
            "and </s>): a decoder needs both"
        )
    return pieces[places[0]].text, pieces[places[1]].text


def _id_of(vocabulary: Vocabulary, text: str) -> int:
    return next(place for place, piece in enumerate(vocabulary.pieces) if piece.text == text)


def _model_of(vocabulary: Vocabulary) -> Any:
    pieces, falls_back = vocabulary.pieces, vocabulary.bytes_for_unknown
    if not vocabulary.byte_pairs:
        scored = [(piece.text, piece.score) for piece in pieces]
        return models.Unigram(scored, unk_id=vocabulary.unknown, byte_fallback=falls_back)
    return models.BPE(
        vocab={piece.text: place for place, piece in enumerate(pieces)},
        merges=_merges(pieces),
        unk_token=pieces[vocabulary.unknown].text,
        fuse_unk=True,
        byte_fallback=falls_back,
    )


def _merges(pieces: tuple[Piece, ...]) -> list[tuple[str, str]]:
    """Every way to make a piece of two others, the piece with the best score first."""
    known = {piece.text: place for place, piece in enumerate(pieces) if piece.kind == _NORMAL}
    ranked = sorted((piece for piece in pieces if piece.kind == _NORMAL), key=lambda one: -one.score)
    merges: list[tuple[str, str]] = []
    for piece in ranked:
        text = piece.text
        halves = [(text[:place], text[place:]) for place in range(1, len(text))]
        found = [pair for pair in halves if pair[0] in known and pair[1] in known]
        merges += sorted(found, key=lambda pair: (known[pair[0]], known[pair[1]]))
    return merges


def _normalizers(vocabulary: Vocabulary) -> list[Any]:
    steps: list[Any] = []
    if vocabulary.start == _PUBLISHED_ENDS[0]:
        steps += [normalizers.Lowercase(), normalizers.NFKD()]
        steps.append(normalizers.Replace(Regex(_combining()), ""))
    if vocabulary.character_map:
        steps.append(normalizers.Precompiled(vocabulary.character_map))
    if vocabulary.strip:
        steps += [normalizers.Replace(Regex(" {2,}"), " "), normalizers.Strip()]
    return steps


@cache
def _combining() -> str:
    """A pattern of the characters that combine with the one before (canonical combining class above 0); the
    class of marks, which libraries strip as accents, is another one."""
    ranges: list[list[int]] = []
    for point in range(sys.maxunicode + 1):
        if not unicodedata.combining(chr(point)):
            continue
        if ranges and ranges[-1][1] == point - 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return "[" + "".join(f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in ranges) + "]"


def _piece(content: Any) -> Piece:
    fields = dict(_fields(content))
    return Piece(
        text=bytes(fields[_TEXT]).decode("utf-8") if _TEXT in fields else "",
        score=struct.unpack("<f", fields[_SCORE])[0] if _SCORE in fields else 0.0,
        kind=int(fields.get(_KIND, _NORMAL)),
    )


def _last(fields: list[tuple[int, Any]], number: int) -> dict[int, Any]:
    """The fields of the last message with this number; none if there is none."""
    found = [value for key, value in fields if key == number]
    return dict(_fields(found[-1])) if found else {}


def _fields(content: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a message, by number: whole numbers, or bytes of any other kind."""
    if not isinstance(content, bytes):
        raise TypeError("a message is missing")
    place = 0
    while place < len(content):
        key, place = _number(content, place)
        kind = key & 7
        if kind == 0:
            value, place = _number(content, place)
            yield key >> 3, value - (1 << 64) if value >> 63 else value
            continue
        size = {1: 8, 5: 4}.get(kind)
        if kind == 2:
            size, place = _number(content, place)
        if size is None or place + size > len(content):
            raise ValueError(f"field {key >> 3} does not fit")
        yield key >> 3, content[place : place + size]
        place += size


def _number(content: bytes, place: int) -> tuple[int, int]:
    """The number of variable length at `place`, and where it ends."""
    value = shift = 0
    while place < len(content) and shift < 70:
        value |= (content[place] & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if not content[place - 1] & 0x80:
            return value, place
    raise ValueError("a number does not end")
