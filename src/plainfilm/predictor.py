"""A trained model to ask: films and texts in, unit vectors and probabilities out.

This is the one inference path: the command line, tasks, banks and the server all use it. Nothing in it is
random and everything is 32-bit, so the same input gives the same bytes on the same machine. Films are
decoded by threads a few batches ahead of the model; memory does not grow with their number.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from plainfilm.batches.resampling import Film, Square
from plainfilm.batches.resizing import resize_to
from plainfilm.batches.transforms import to_tensor
from plainfilm.errors import ImageError, ModelError, UsageError
from plainfilm.io.images import read_image, reduced
from plainfilm.metrics.calibration import sigmoid
from plainfilm.model_folder import LoadedModel, load_model
from plainfilm.models.base import Classifies, EncodesTexts, abilities, ability, build_model
from plainfilm.nn.decisions import Decision, Decisions, Ensembles, read_decisions
from plainfilm.nn.findings import (
    Classification,
    Finding,
    PromptVectors,
    Vectors,
    Wording,
    ZeroShot,
    judged,
    prompted,
    ranked,
    texts_of,
    valid_for,
)
from plainfilm.progress import SILENT, Progress

__all__ = ["Classification", "Finding", "Predictor", "PromptVectors", "Vectors", "ZeroShot", "load"]

Encode = Callable[[torch.Tensor], torch.Tensor]
"""Pixels (N, C, H, W) to vectors (N, ...)."""
PromptsOf = Mapping[str, tuple[Wording, Wording]]
"""What states and what denies each observation; the latter may be empty."""

BATCH_IMAGES = 32
BATCH_TEXTS = 64
SORTED_TEXTS = 4096
"""Texts are sorted by length within blocks of this many, so that little is computed on padding."""
BATCHES_AHEAD = 2


class Predictor:
    """A frozen model with its preprocessing and, where it reads texts, its tokenizer. Build one with `load`.

    A classifier reads none: what takes texts or prompts raises a `UsageError`.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        name: str,
        device: torch.device,
        folder: Path | None = None,
        decisions: Decisions | None = None,
    ) -> None:
        self.config = loaded.config
        self.name = name
        self.fingerprint = loaded.config.fingerprint
        self.trained_patients = loaded.patients
        self.folder = folder
        self.decisions = decisions
        self._tokenizers = loaded.tokenizers
        self._device = device
        self._model = loaded.model.to(device).eval()

    @property
    def scale(self) -> float:
        """1 / temperature: what cosines are multiplied with before a softmax."""
        return float(self._reads_texts.scale().detach())

    @property
    def observations(self) -> tuple[str, ...]:
        """What a classifier answers, in the order of its logits; empty for other models."""
        return self._model.facts.observations if "classifies" in self.abilities else ()

    @property
    def abilities(self) -> frozenset[str]:
        """What the model can do, by the names in `models.base.ABILITIES`."""
        return abilities(self._model)

    @property
    def dimension(self) -> int:
        """D, the length of every vector."""
        return int(self._model.dimension)

    def encode_images(self, images: Iterable[Path | str | Film], progress: Progress = SILENT) -> Vectors:
        """Unit vectors (N, D) of films, given as files or as grey arrays (H, W) of uint8; a classifier's are
        its pooled features.

        Raises:
            ImageError: a file that is not a usable image, by name.
        """
        return self._all(self.stream_images(images, progress))

    def encode_texts(self, texts: Sequence[str], progress: Progress = SILENT) -> Vectors:
        """Unit vectors (N, D) of texts, in their order."""
        return self._all(self.stream_texts(texts, progress))

    def stream_images(
        self, images: Iterable[Path | str | Film], progress: Progress = SILENT
    ) -> Iterator[Vectors]:
        """`encode_images` in blocks (n, D), for more films than fit into memory."""
        return self._stream(images, self._model.encode_images, progress)

    def stream_features(
        self, images: Iterable[Path | str | Film], progress: Progress = SILENT
    ) -> Iterator[Vectors]:
        """What the image encoder makes of films before anything projects it, in blocks (n, F)."""
        return self._stream(images, lambda pixels: self._model.film_features(pixels).pooled, progress)

    def classify(self, images: Iterable[Path | str | Film], progress: Progress = SILENT) -> Classification:
        """What a classifier says of films.

        Raises:
            UsageError: another kind of model.
            ImageError: a file that is not a usable image, by name.
        """
        empty = np.empty((0, len(self.observations)), dtype=np.float32)
        return Classification(
            self.observations, np.concatenate([empty, *self.stream_logits(images, progress)])
        )

    def stream_logits(
        self, images: Iterable[Path | str | Film], progress: Progress = SILENT
    ) -> Iterator[Vectors]:
        """The logits of `classify` in blocks (n, C)."""
        return self._stream(images, self._logits, progress)

    def stream_each(
        self,
        images: Iterable[Path | str | Film],
        progress: Progress = SILENT,
        encode: Encode | None = None,
    ) -> Iterator[Vectors | ImageError]:
        """The vector (D,) of each film in turn, or what `encode` gives; in the place of one that is not
        usable, what is wrong."""
        for films in self._decoded(self._tracked(images, progress)):
            usable = [film for film in films if not isinstance(film, ImageError)]
            encoded = self._encode_films(usable, encode or self._model.encode_images) if usable else ()
            vectors: Iterator[Vectors] = iter(encoded)
            for film in films:
                yield film if isinstance(film, ImageError) else next(vectors)

    def stream_texts(self, texts: Sequence[str], progress: Progress = SILENT) -> Iterator[Vectors]:
        """`encode_texts` in blocks (n, D)."""
        starts = range(0, len(texts), SORTED_TEXTS)
        for start in progress.track(starts, len(starts), "embedding texts"):
            yield self._encode_block(texts[start : start + SORTED_TEXTS])

    def untrained(self, seed: int = 0) -> Predictor:
        """The same architecture with the same preprocessing and random weights: how much of what it does is
        due to training shows beside it."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = build_model(self.config.architecture, self._model.facts)
        config = self.config.model_copy(update={"fingerprint": ""})
        return Predictor(LoadedModel(model, self._tokenizers, config), f"untrained {self.name}", self._device)

    def zero_shot(
        self, images: Iterable[Path | str | Film], prompts: PromptsOf, ensembles: Ensembles = "mean"
    ) -> ZeroShot:
        """Compares films with what states and what denies each observation.

        Raises:
            UsageError: no prompts.
        """
        vectors = self.prompt_vectors(prompts, ensembles)
        return self.compare(self.encode_images(images), vectors)

    def prompt_vectors(self, prompts: PromptsOf, ensembles: Ensembles = "mean") -> PromptVectors:
        """The vectors of all prompts, each text encoded once and each ensemble made one vector.

        Raises:
            UsageError: no prompts at all, none that states an observation, or a blank one.
        """
        if not prompts:
            raise UsageError(
                "zero_shot: no prompts; give {observation: (positive, negative)}, or another pack"
            )
        pairs = {name: (texts_of(pair[0]), texts_of(pair[1])) for name, pair in prompts.items()}
        for name, (positive, negative) in pairs.items():
            if not positive:
                raise UsageError(f"zero_shot: no prompt states '{name}'")
            if not all(text.strip() for text in (*positive, *negative)):
                raise UsageError(f"zero_shot: a prompt of '{name}' is blank; leave it out")
        texts = list(dict.fromkeys(text for pair in pairs.values() for side in pair for text in side))
        encoded = dict(zip(texts, self.encode_texts(texts), strict=True))
        sides = [
            np.stack(
                [self._ensemble([encoded[text] for text in pair[side]], ensembles) for pair in pairs.values()]
            )
            for side in (0, 1)
        ]
        return PromptVectors(tuple(prompts), *sides)

    def compare(self, films: Vectors, prompts: PromptVectors) -> ZeroShot:
        """What prompts say of films (N, D) that are encoded already."""
        # In double precision and then rounded, so that equal films get equal scores wherever they stand.
        wide = films.astype(np.float64)
        positive = (wide @ prompts.positive.T).astype(np.float32)
        negative = (wide @ prompts.negative.T).astype(np.float32)
        probability = sigmoid(self.scale * (positive.astype(np.float64) - negative)).astype(np.float32)
        return ZeroShot(prompts.observations, positive, negative, probability)

    def findings(
        self,
        images: Iterable[Path | str | Film],
        prompts: PromptsOf | None = None,
        progress: Progress = SILENT,
    ) -> Iterator[list[Finding] | ImageError]:
        """For each film in turn all observations, the likeliest first; or what is wrong with the film.

        Calibrated probabilities and others do not compare, so calibrated ones come first.

        Without `prompts` they are those the model's decisions were fitted with. Decisions hold only where the
        prompts are the same, so other prompts give probabilities that are not calibrated. A classifier is
        asked without prompts.

        Raises:
            UsageError: no prompts, and the model has no decisions; prompts for a classifier.
        """
        if self.observations and prompts is None:
            yield from self._classified(images, progress)
            return
        decided = self.decisions.observations if self.decisions else {}
        asked = prompts or {name: (one.positive, one.negative) for name, one in decided.items()}
        vectors = self.prompt_vectors(asked, self.decisions.ensembles if self.decisions else "mean")
        valid = [valid_for(decided.get(name), asked[name]) for name in asked]
        for vector in self.stream_each(images, progress):
            yield vector if isinstance(vector, ImageError) else self._findings(vector, vectors, valid)

    def _classified(
        self, images: Iterable[Path | str | Film], progress: Progress
    ) -> Iterator[list[Finding] | ImageError]:
        decided = self.decisions.observations if self.decisions else {}
        valid = [valid_for(decided.get(name), ((), ())) for name in self.observations]
        for logits in self.stream_each(images, progress, self._logits):
            if isinstance(logits, ImageError):
                yield logits
                continue
            chances = sigmoid(logits.astype(np.float64)).tolist()
            rows = zip(self.observations, valid, logits.tolist(), chances, strict=True)
            yield ranked(judged(name, one, logit, None, logit, chance) for name, one, logit, chance in rows)

    def _findings(
        self, vector: Vectors, prompts: PromptVectors, decisions: Sequence[Decision | None]
    ) -> list[Finding]:
        scores = self.compare(vector[None], prompts)
        found = [
            prompted(
                name,
                decision,
                *(float(part[0, place]) for part in (scores.positive, scores.negative, scores.probability)),
            )
            for place, (name, decision) in enumerate(zip(prompts.observations, decisions, strict=True))
        ]
        return ranked(found)

    def _ensemble(self, vectors: Sequence[Vectors], ensembles: Ensembles) -> Vectors:
        if not vectors:
            return np.full(self.dimension, np.nan, dtype=np.float32)
        mean = np.mean(np.stack(vectors), axis=0, dtype=np.float64)
        length = max(float(np.linalg.norm(mean)), 1e-12) if ensembles == "mean" else 1.0
        return np.asarray(mean / length, dtype=np.float32)

    def _encode_block(self, texts: Sequence[str]) -> Vectors:
        model, tokenizer = self._reads_texts, self._tokenizers["text"]
        order = sorted(range(len(texts)), key=lambda place: (len(texts[place]), place))
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        for start in range(0, len(order), BATCH_TEXTS):
            places = order[start : start + BATCH_TEXTS]
            ids, mask = tokenizer.encode([texts[place] for place in places])
            token_ids, token_mask = torch.from_numpy(ids), torch.from_numpy(mask)
            with torch.inference_mode():
                encoded = model.encode_texts(token_ids.to(self._device), token_mask.to(self._device))
            vectors[places] = self._checked(encoded)
        return vectors

    @property
    def _reads_texts(self) -> EncodesTexts:
        found: EncodesTexts = ability(
            self._model,
            EncodesTexts,
            self.name,
            "use `plainfilm evaluate classification` or `plainfilm predict` without --prompts (in Python: "
            "classify), or a model that was trained on texts",
        )
        return found

    def _logits(self, pixels: torch.Tensor) -> torch.Tensor:
        model: Classifies = ability(
            self._model,
            Classifies,
            self.name,
            "make a classifier of it with `plainfilm finetune RECIPE --init MODEL`, or ask it with prompts "
            "(`plainfilm evaluate zero_shot`)",
        )
        return model.logits(self._model.film_features(pixels))

    def _tracked(
        self, images: Iterable[Path | str | Film], progress: Progress
    ) -> Iterator[Path | str | Film]:
        total = len(images) if isinstance(images, Sequence) else None
        return progress.track(images, total, "embedding images")

    def _stream(
        self, images: Iterable[Path | str | Film], encode: Encode, progress: Progress
    ) -> Iterator[Vectors]:
        for films in self._decoded(self._tracked(images, progress)):
            for film in films:
                if isinstance(film, ImageError):
                    raise film
            yield self._encode_films([film for film in films if not isinstance(film, ImageError)], encode)

    def _encode_films(self, squares: Sequence[Square], encode: Encode) -> Vectors:
        pixels = to_tensor(np.stack(squares), self.config.preprocessing).to(self._device)
        with torch.inference_mode():
            return self._checked(encode(pixels))

    def _decoded(self, images: Iterable[Path | str | Film]) -> Iterator[list[Square | ImageError]]:
        """Batches of squares (S, S), decoded by threads at most `BATCHES_AHEAD` batches ahead."""
        remaining = iter(images)
        waiting: deque[list[Future[Square | ImageError]]] = deque()
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            while True:
                batch = [pool.submit(self._try_square, image) for image in islice(remaining, BATCH_IMAGES)]
                if batch:
                    waiting.append(batch)
                if not waiting:
                    return
                if not batch or len(waiting) > BATCHES_AHEAD:
                    yield [future.result() for future in waiting.popleft()]

    def _try_square(self, image: Path | str | Film) -> Square | ImageError:
        try:
            return self._square(image)
        except ImageError as error:
            return error

    def _square(self, image: Path | str | Film) -> Square:
        """As training saw films: first at the side it read them at, then at the model's."""
        preprocessing = self.config.preprocessing
        side = preprocessing.read_side
        if not isinstance(image, np.ndarray):
            image = read_image(image, shortest_side=side).array
        return resize_to(reduced(image, side), preprocessing)

    def _checked(self, vectors: torch.Tensor) -> Vectors:
        found = vectors.float().cpu().numpy()
        if not np.isfinite(found).all():
            raise ModelError(f"{self.name}: gives vectors that are not finite; its weights are damaged")
        return found

    def _all(self, blocks: Iterator[Vectors]) -> Vectors:
        return np.concatenate([np.empty((0, self.dimension), dtype=np.float32), *blocks])


def load(folder: Path | str, device: str | None = None, *, trust_code: bool = False) -> Predictor:
    """The model in `folder`, on `device` (by default the accelerator if there is one, else the processor).

    A model with an encoder of somebody's own names a Python file, which loading runs: only with
    `trust_code`.

    Raises:
        ModelError: not a model folder, its weights do not fit its configuration, or its decisions were made
            for other weights.
    """
    folder = Path(folder)
    loaded = load_model(folder, trust_code)
    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    decisions = read_decisions(folder, loaded.config.fingerprint)
    return Predictor(loaded, folder.resolve().name, torch.device(chosen), folder, decisions)
