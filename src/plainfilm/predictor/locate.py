"""Locates phrases on an image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from plainfilm.errors import ImageError, UsageError
from plainfilm.geometry import Boxes
from plainfilm.models.base import Locates, WritesGroundedReports
from plainfilm.nn.regions.abilities import DescribedPrompts, Located
from plainfilm.predictor import core as limits
from plainfilm.predictor.core import Core, Vectors
from plainfilm.predictor.films import EncodedFilm, FilmEncoder, FilmLike, joined
from plainfilm.predictor.texts import TEXT, tokens
from plainfilm.progress import SILENT, Progress

PROMPTS_AT_ONCE = 64
_SHOWN = 60
"""Letters of a prompt in a message."""


@dataclass(frozen=True)
class FoundText:
    """The location of one phrase on one image.

    boxes: (K, 4) float64, x0 y0 x1 y1 in pixels of the file as opened; none if nothing was found. scores:
    (K,) from 0 to 1, the best first. sentence: the model's description of it, if the model writes one.
    """

    text: str
    boxes: Boxes
    scores: Vectors
    sentence: str | None = None


def locate(core: Core, film: EncodedFilm, texts: Sequence[str], describe: bool = False) -> list[FoundText]:
    """Boxes for each text, and with `describe` a sentence about it, if the model writes any; texts do not
    affect each other.

    Raises:
        UsageError: the model does not locate phrases, or a text is not one that it can read (`readable`).
    """
    model: Locates = core.able(Locates)
    prompts = readable(core, texts)
    if describe and isinstance(model, WritesGroundedReports):
        return [found for block in described(core, film, prompts) for found in block.found(core, film)]
    found: list[FoundText] = []
    for start in range(0, len(prompts), PROMPTS_AT_ONCE):
        block = prompts[start : start + PROMPTS_AT_ONCE]
        with torch.inference_mode():
            located = model.locate(film.features, *tokens(core, block))
        found += _found(core, film, block, located)
    return found


def stream_located(
    core: Core,
    films: FilmEncoder,
    images: Sequence[FilmLike],
    texts_of_each: Sequence[Sequence[str]],
    progress: Progress = SILENT,
) -> Iterator[tuple[EncodedFilm, list[FoundText]]]:
    """For each image in turn the boxes of each of its texts, and the encoded image.

    Images that are asked the same texts one after the other are asked together.

    Raises:
        UsageError: the model does not locate phrases, or not every image has its texts.
        ImageError: a file is not a usable image; the message has its name.
    """
    core.able(Locates)
    if len(images) != len(texts_of_each):
        raise UsageError(f"{len(images)} images but texts of {len(texts_of_each)}; give those of each")
    waiting: list[EncodedFilm] = []
    asked: tuple[str, ...] = ()
    encoded = films.stream_films(progress.track(images, len(images), "locating"))
    for film, texts in zip(encoded, texts_of_each, strict=True):
        if isinstance(film, ImageError):
            raise film
        if waiting and (tuple(texts) != asked or len(waiting) == limits.BATCH_IMAGES):
            yield from _located_together(core, waiting, asked)
            waiting = []
        asked = tuple(texts)
        waiting.append(film)
    yield from _located_together(core, waiting, asked)


def _located_together(
    core: Core, films: Sequence[EncodedFilm], texts: Sequence[str]
) -> Iterator[tuple[EncodedFilm, list[FoundText]]]:
    if not films or not texts:
        yield from ((film, []) for film in films)
        return
    model: Locates = core.able(Locates)
    with torch.inference_mode():
        located = model.locate(joined([film.features for film in films]), *tokens(core, texts))
    boxes, scores = core.arrays(located.boxes), core.arrays(located.scores)
    for film, own, values in zip(films, boxes, scores, strict=True):
        each = zip(texts, own, values, strict=True)
        yield film, [FoundText(text, on_film(film, corners), score) for text, corners, score in each]


@dataclass(frozen=True)
class DescribedBlock:
    """The answers to some prompts, as the model gives them."""

    texts: Sequence[str]
    answers: DescribedPrompts
    writes_with: str

    def found(self, core: Core, film: EncodedFilm) -> list[FoundText]:
        """The boxes of each text, and a sentence about it."""
        sentences = core.sentences(self.writes_with, self.answers.token_ids[0])
        found = _found(core, film, self.texts, self.answers.located)
        return [replace(one, sentence=said) for one, said in zip(found, sentences, strict=True)]


def described(core: Core, film: EncodedFilm, texts: Sequence[str]) -> Iterator[DescribedBlock]:
    """What the model finds and says of each text, in blocks.

    Raises:
        UsageError: the model writes no sentences with boxes.
    """
    model: WritesGroundedReports = core.able(WritesGroundedReports)
    longest = model_limit(core, model.writes_with)
    for start in range(0, len(texts), PROMPTS_AT_ONCE):
        block = texts[start : start + PROMPTS_AT_ONCE]
        with torch.inference_mode():
            answers = model.describe_prompts(film.features, *tokens(core, block), longest)
        yield DescribedBlock(block, answers, model.writes_with)


def readable(core: Core, texts: Sequence[str]) -> list[str]:
    """`texts` without white space around them, each checked to be a prompt that the model can read.

    Raises:
        UsageError: a text is blank, longer than the model reads, or of letters that it has not learned.
    """
    tokenizer, prompts = core.tokenizers[TEXT], [text.strip() for text in texts]
    for text in prompts:
        if not any(letter.isalpha() for letter in text):
            raise UsageError(
                "a prompt without a word: name what to look for, such as 'left pleural effusion'"
            )
        shown = f"prompt '{text[:_SHOWN]}{'...' * (len(text) > _SHOWN)}'"
        if max(tokenizer.spelled_share(text), tokenizer.unknown_share([text])) > _UNKNOWN:
            raise UsageError(
                f"{shown}: its words are not those that {core.name} was trained on; ask in the language of "
                "its reports"
            )
        length = tokenizer.length(text)
        if length > tokenizer.max_tokens:
            raise UsageError(
                f"{shown}: has {length} tokens, and {core.name} reads {tokenizer.max_tokens}: shorten it"
            )
    return prompts


_UNKNOWN = 0.5
"""Of a prompt with a larger share of tokens that are unknown, or single letters or bytes of a word, the words
were not among those that the tokenizer was trained on."""


def model_limit(core: Core, tokenizer: str) -> int:
    """The largest number of tokens that the model writes with a tokenizer."""
    return core.model.facts.tokenizers[tokenizer].max_tokens


def on_film(film: EncodedFilm, boxes: Vectors) -> Boxes:
    """Convert boxes (K, 4) from fractions of the model's input to pixels of the file as opened."""
    return film.geometry.boxes_to_film(boxes.astype(np.float64) * film.geometry.size)


def on_input(film: EncodedFilm, boxes: Boxes) -> Boxes:
    """Convert boxes (K, 4) from pixels of the file as opened to fractions of the model's input."""
    return film.geometry.boxes_to_square(boxes) / film.geometry.size


def _found(core: Core, film: EncodedFilm, texts: Sequence[str], located: Located) -> list[FoundText]:
    boxes, scores = _plain(core, located.boxes), _plain(core, located.scores)
    return [FoundText(text, on_film(film, boxes[place]), scores[place]) for place, text in enumerate(texts)]


def _plain(core: Core, values: Tensor) -> Vectors:
    """The values of the only film."""
    return core.arrays(values[0])
