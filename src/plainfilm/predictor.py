"""A trained model to ask: films and texts in, unit vectors and probabilities out.

This is the one inference path: the command line, tasks, banks and the server all use it. Nothing in it is
random and everything is 32-bit, so the same input gives the same bytes on the same machine. Films are
decoded by threads a few batches ahead of the model; memory does not grow with their number.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from plainfilm.batches.transforms import fit, to_tensor
from plainfilm.errors import ModelError, UsageError
from plainfilm.io.images import read_image, reduced
from plainfilm.nn.model_folder import LoadedModel, load_model
from plainfilm.progress import SILENT, Progress

Film = NDArray[np.uint8]
"""(H, W), 0 black .. 255 white."""
Vectors = NDArray[np.float32]

BATCH_IMAGES = 32
BATCH_TEXTS = 64
SORTED_TEXTS = 4096
"""Texts are sorted by length within blocks of this many, so that little is computed on padding."""
BATCHES_AHEAD = 2


@dataclass(frozen=True)
class ZeroShot:
    """What prompts say of N films, for C observations; all arrays (N, C).

    positive, negative: cosine with the positive and the negative prompt. probability: of the positive
    prompt in a softmax over the two at the model's temperature.
    """

    observations: tuple[str, ...]
    positive: Vectors
    negative: Vectors
    probability: Vectors


class Predictor:
    """A frozen model with its preprocessing and tokenizer. Build one with `load`."""

    def __init__(self, loaded: LoadedModel, name: str, device: torch.device) -> None:
        self.config = loaded.config
        self.name = name
        self.fingerprint = loaded.config.fingerprint
        self.trained_patients = loaded.patients
        self._tokenizer = loaded.tokenizer
        self._device = device
        self._model = loaded.model.to(device).eval()

    @property
    def scale(self) -> float:
        """1 / temperature: what cosines are multiplied with before a softmax."""
        return float(self._model.scale().detach())

    @property
    def dimension(self) -> int:
        """D, the length of every vector."""
        return int(self._model.dimension)

    def encode_images(self, images: Iterable[Path | str | Film], progress: Progress = SILENT) -> Vectors:
        """Unit vectors (N, D) of films, given as files or as grey arrays (H, W) of uint8.

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
        total = len(images) if isinstance(images, Sequence) else None
        preprocessing = self.config.preprocessing
        for squares in self._decoded(progress.track(images, total, "embedding images")):
            pixels = to_tensor(np.stack(squares), preprocessing).to(self._device)
            with torch.inference_mode():
                yield self._checked(self._model.encode_images(pixels))

    def stream_texts(self, texts: Sequence[str], progress: Progress = SILENT) -> Iterator[Vectors]:
        """`encode_texts` in blocks (n, D)."""
        starts = range(0, len(texts), SORTED_TEXTS)
        for start in progress.track(starts, len(starts), "embedding texts"):
            yield self._encode_block(texts[start : start + SORTED_TEXTS])

    def zero_shot(
        self, images: Iterable[Path | str | Film], prompts: Mapping[str, tuple[str, str]]
    ) -> ZeroShot:
        """Compares films with a (positive, negative) pair of prompts per observation.

        Raises:
            UsageError: no prompts.
        """
        if not prompts:
            raise UsageError("zero_shot: no prompts; give {observation: (positive, negative)}")
        texts = [text for pair in prompts.values() for text in pair]
        cosines = self.encode_images(images) @ self.encode_texts(texts).T
        positive, negative = cosines[:, 0::2], cosines[:, 1::2]
        probability = 1.0 / (1.0 + np.exp(-self.scale * (positive - negative).astype(np.float64)))
        return ZeroShot(tuple(prompts), positive, negative, probability.astype(np.float32))

    def _encode_block(self, texts: Sequence[str]) -> Vectors:
        order = sorted(range(len(texts)), key=lambda place: (len(texts[place]), place))
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        for start in range(0, len(order), BATCH_TEXTS):
            places = order[start : start + BATCH_TEXTS]
            ids, mask = self._tokenizer.encode([texts[place] for place in places])
            token_ids, token_mask = torch.from_numpy(ids), torch.from_numpy(mask)
            with torch.inference_mode():
                encoded = self._model.encode_texts(token_ids.to(self._device), token_mask.to(self._device))
            vectors[places] = self._checked(encoded)
        return vectors

    def _decoded(self, images: Iterable[Path | str | Film]) -> Iterator[list[Film]]:
        """Batches of squares (S, S), decoded by threads at most `BATCHES_AHEAD` batches ahead."""
        remaining = iter(images)
        waiting: deque[list[Future[Film]]] = deque()
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            while True:
                batch = [pool.submit(self._square, image) for image in islice(remaining, BATCH_IMAGES)]
                if batch:
                    waiting.append(batch)
                if not waiting:
                    return
                if not batch or len(waiting) > BATCHES_AHEAD:
                    yield [future.result() for future in waiting.popleft()]

    def _square(self, image: Path | str | Film) -> Film:
        """As training saw films: first at the side it read them at, then at the model's."""
        preprocessing = self.config.preprocessing
        side = preprocessing.read_side
        if not isinstance(image, np.ndarray):
            image = read_image(image, shortest_side=side).array
        return fit(reduced(image, side), preprocessing)

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
        ModelError: not a model folder, or its weights do not fit its configuration.
    """
    folder = Path(folder)
    loaded = load_model(folder, trust_code)
    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    return Predictor(loaded, folder.resolve().name, torch.device(chosen))
