"""Zero-shot classification: compares images with positive and negative prompts of each observation.

As in CLIP (Radford et al. 2021, arXiv:2103.00020), with a pair of prompts for each observation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plainfilm.errors import UsageError
from plainfilm.metrics.calibration import sigmoid
from plainfilm.models.base import EncodesImages, ScoresPairs
from plainfilm.predictor.core import Core, Vectors, described
from plainfilm.predictor.films import Encode
from plainfilm.predictor.operating_points import Ensembles
from plainfilm.predictor.texts import pair_texts, reads_texts, scores_pairs, stream_texts

__all__ = ["PromptVectors", "PromptsOf", "Vectors", "Wording", "ZeroShot"]

Wording = str | Sequence[str]
"""A prompt, or the prompts of an ensemble."""
PromptsOf = Mapping[str, tuple[Wording, Wording]]
"""The positive and negative prompts of each observation; the latter may be empty."""


@dataclass(frozen=True)
class PromptVectors:
    """The ensembles of C observations as vectors (C, D); NaN in `negative` without negative prompts.

    Of a model that scores pairs, the vectors are weights (C, T) of the T `texts`, whose scores they average.
    """

    observations: tuple[str, ...]
    positive: Vectors
    negative: Vectors
    texts: Any = None


@dataclass(frozen=True)
class ZeroShot:
    """The scores of N images for C observations by prompts; all arrays (N, C).

    positive, negative: cosine with the positive and the negative ensemble, or their score by a model that
    scores pairs. probability: of the positive one in a softmax over the two at the model's temperature. NaN
    without negative prompts.
    """

    observations: tuple[str, ...]
    positive: Vectors
    negative: Vectors
    probability: Vectors

    @property
    def margin(self) -> NDArray[np.float64]:
        """Positive minus negative cosine: ranks as the probability does, without its rounding to 0 and 1."""
        return self.positive.astype(np.float64) - self.negative

    def __repr__(self) -> str:
        return described("Zero-shot scores", self.observations, self.probability)


def texts_of(wording: Wording) -> tuple[str, ...]:
    """The prompts of an ensemble."""
    return (wording,) if isinstance(wording, str) else tuple(wording)


def image_rows(core: Core, prompts: PromptVectors) -> Encode:
    """A function from features of images to what `compare` takes: unit vectors (N, D), or of a model that
    scores pairs the scores (N, T) of all `prompts`.

    Raises:
        UsageError: the model does neither.
    """
    if prompts.texts is None:
        return image_vectors(core)
    model: ScoresPairs = core.able(ScoresPairs)
    return lambda features: model.pair_scores(features, prompts.texts)


def image_vectors(core: Core) -> Encode:
    """A function from features of images to unit vectors (N, D).

    Raises:
        UsageError: the model does not encode images as vectors.
    """
    model: EncodesImages = core.able(EncodesImages)
    return model.image_vectors


def scale_of(core: Core) -> float:
    """1 / temperature: the factor of cosines, or of the scores of pairs, before a softmax."""
    if scores_pairs(core):
        return 1.0
    return float(reads_texts(core).scale().detach())


def prompt_vectors(core: Core, prompts: PromptsOf, ensembles: Ensembles = "mean") -> PromptVectors:
    """The vectors of all prompts: each text encoded once, each ensemble combined to one vector.

    The last ones are kept: a pack has hundreds of prompts, and is asked about film after film.

    Raises:
        UsageError: no prompts at all, none for the presence of an observation, or a blank one.
    """
    if not scores_pairs(core):
        reads_texts(core)
    if not prompts:
        raise UsageError("zero_shot: no prompts; give {observation: (positive, negative)}, or another pack")
    pairs = {name: (texts_of(pair[0]), texts_of(pair[1])) for name, pair in prompts.items()}
    for name, (positive, negative) in pairs.items():
        if not positive:
            raise UsageError(f"zero_shot: no positive prompt for '{name}'")
        if not all(text.strip() for text in (*positive, *negative)):
            raise UsageError(f"zero_shot: a prompt of '{name}' is blank; leave it out")
    question = (ensembles, tuple(pairs.items()))
    if core.kept.get("prompts", (None, None))[0] != question:
        core.kept["prompts"] = (question, _encoded(core, pairs, ensembles))
    vectors: PromptVectors = core.kept["prompts"][1]
    return vectors


def _encoded(
    core: Core, pairs: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]], ensembles: Ensembles
) -> PromptVectors:
    texts = list(dict.fromkeys(text for pair in pairs.values() for side in pair for text in side))
    if scores_pairs(core):
        shares = [np.stack([_shares(texts, pair[side]) for pair in pairs.values()]) for side in (0, 1)]
        return PromptVectors(tuple(pairs), shares[0], shares[1], pair_texts(core, texts))
    encoded = dict(zip(texts, np.concatenate(list(stream_texts(core, texts))), strict=True))
    sides = [
        np.stack(
            [_ensemble(core, [encoded[text] for text in pair[side]], ensembles) for pair in pairs.values()]
        )
        for side in (0, 1)
    ]
    return PromptVectors(tuple(pairs), *sides)


def compare(core: Core, films: Vectors, prompts: PromptVectors) -> ZeroShot:
    """Compare images with prompts, by what `image_rows` makes of them: (N, D) or (N, T)."""
    # In double precision and then rounded, so that equal images get equal scores at any position.
    wide = films.astype(np.float64)
    positive = (wide @ prompts.positive.T).astype(np.float32)
    negative = (wide @ prompts.negative.T).astype(np.float32)
    margin = positive.astype(np.float64) - negative
    probability = sigmoid(scale_of(core) * margin).astype(np.float32)
    return ZeroShot(prompts.observations, positive, negative, probability)


def joined(parts: Sequence[ZeroShot]) -> ZeroShot:
    """The scores of the images of all `parts`, one after another."""
    names = ("positive", "negative", "probability")
    columns = (np.concatenate([getattr(part, name) for part in parts]) for name in names)
    return ZeroShot(parts[0].observations, *columns)


def _shares(texts: Sequence[str], side: Sequence[str]) -> Vectors:
    """The weights (T,) that average the scores of an ensemble; NaN for one without prompts."""
    if not side:
        return np.full(len(texts), np.nan, dtype=np.float32)
    weights = np.zeros(len(texts), dtype=np.float32)
    for text in side:
        weights[texts.index(text)] += 1 / len(side)
    return weights


def _ensemble(core: Core, vectors: Sequence[Vectors], ensembles: Ensembles) -> Vectors:
    if not vectors:
        return np.full(core.model.dimension, np.nan, dtype=np.float32)
    mean = np.mean(np.stack(vectors), axis=0, dtype=np.float64)
    length = max(float(np.linalg.norm(mean)), 1e-12) if ensembles == "mean" else 1.0
    return np.asarray(mean / length, dtype=np.float32)
