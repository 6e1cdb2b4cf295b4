"""The `Predictor`, the interface for inference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from plainfilm.errors import ImageError
from plainfilm.geometry import Boxes
from plainfilm.model_folder import LoadedModel, load_model
from plainfilm.models.base import abilities, build_model
from plainfilm.predictor import describe as describing
from plainfilm.predictor import locate as locating
from plainfilm.predictor import report as reporting
from plainfilm.predictor import zero_shot as prompting
from plainfilm.predictor.answers import answers
from plainfilm.predictor.classify import Classification, logits_of
from plainfilm.predictor.core import Core, Vectors
from plainfilm.predictor.documents import Answers, Questions
from plainfilm.predictor.films import EncodedFilm, FilmEncoder, FilmLike
from plainfilm.predictor.findings import Finding, findings
from plainfilm.predictor.locate import FoundText
from plainfilm.predictor.operating_points import Ensembles, OperatingPoints, read_operating_points
from plainfilm.predictor.report import WrittenReport
from plainfilm.predictor.texts import stream_texts
from plainfilm.predictor.zero_shot import PromptsOf, PromptVectors, ZeroShot
from plainfilm.progress import SILENT, Progress
from plainfilm.types import View


class Predictor:
    """A frozen model with its preprocessing and tokenizers. Build one with `load`.

    Images are paths, PIL images, arrays or tensors (`io.images.as_film`), or an `EncodedFilm`. A method that
    this kind of model does not support raises a `UsageError` that names the missing ability; `abilities`
    lists the supported ones.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        name: str,
        device: torch.device,
        folder: Path | None = None,
        operating_points: OperatingPoints | None = None,
    ) -> None:
        self.config = loaded.config
        self.name = name
        self.fingerprint = loaded.config.fingerprint
        self.trained_patients = loaded.patients
        self.folder = folder
        self.operating_points = operating_points
        model = loaded.model.to(device).eval()
        self._core = Core(model, loaded.tokenizers, loaded.config, device, name)
        self._films = FilmEncoder(self._core)

    @property
    def abilities(self) -> frozenset[str]:
        """The abilities of the model, by the names in `models.base.ABILITIES`."""
        return abilities(self._core.model)

    @property
    def scale(self) -> float:
        """1 / temperature: the factor of cosines before a softmax."""
        return prompting.scale_of(self._core)

    @property
    def observations(self) -> tuple[str, ...]:
        """The observations that the model predicts, in the order of its logits; empty for other models."""
        return self._core.model.facts.observations

    @property
    def dimension(self) -> int:
        """D, the length of every vector."""
        return int(self._core.model.dimension)

    def encode_film(self, image: FilmLike) -> EncodedFilm:
        """Encode an image once for several questions.

        Raises:
            ImageError: the image is not usable; the message has its name.
        """
        return self._films.encode(image)

    def encode_images(self, images: Any, progress: Progress = SILENT) -> Vectors:
        """Unit vectors (N, D) of images; for a classifier, of its pooled features.

        Raises:
            ImageError: a file is not a usable image; the message has its name.
        """
        return self._gathered(self.stream_images(images, progress))

    def encode_texts(self, texts: str | Sequence[str], progress: Progress = SILENT) -> Vectors:
        """Unit vectors (N, D) of texts, in their order."""
        return self._gathered(self.stream_texts([texts] if isinstance(texts, str) else texts, progress))

    def stream_images(self, images: Any, progress: Progress = SILENT) -> Iterator[Vectors]:
        """`encode_images` in blocks (n, D), for more images than fit into memory."""
        return self._films.stream(images, prompting.image_vectors(self._core), progress)

    def stream_texts(self, texts: Sequence[str], progress: Progress = SILENT) -> Iterator[Vectors]:
        """`encode_texts` in blocks (n, D)."""
        return stream_texts(self._core, texts, progress)

    def stream_features(self, images: Any, progress: Progress = SILENT) -> Iterator[Vectors]:
        """The output of the image encoder, without projection, in blocks (n, F)."""
        return self._films.stream(images, lambda features: features.pooled, progress)

    def classify(self, images: Any, progress: Progress = SILENT) -> Classification:
        """Classify images with a model that has outputs for observations.

        Raises:
            UsageError: the model has none.
            ImageError: a file is not a usable image; the message has its name.
        """
        encode = logits_of(self._core)
        empty = np.empty((0, len(self.observations)), dtype=np.float32)
        blocks = self._films.stream(images, encode, progress)
        return Classification(self.observations, np.concatenate([empty, *blocks]))

    def zero_shot(self, images: Any, prompts: PromptsOf, ensembles: Ensembles = "mean") -> ZeroShot:
        """Compare images with the positive and negative prompts of each observation.

        Raises:
            UsageError: there are no prompts.
        """
        vectors = self.prompt_vectors(prompts, ensembles)
        return self.compare(self.encode_images(images), vectors)

    def prompt_vectors(self, prompts: PromptsOf, ensembles: Ensembles = "mean") -> PromptVectors:
        """The vectors of all prompts: each text encoded once, each ensemble combined to one vector.

        Raises:
            UsageError: no prompts at all, none for the presence of an observation, or a blank one.
        """
        return prompting.prompt_vectors(self._core, prompts, ensembles)

    def compare(self, films: Vectors, prompts: PromptVectors) -> ZeroShot:
        """Compare encoded images (N, D) with prompts."""
        return prompting.compare(self._core, films, prompts)

    def findings(
        self, images: Any, prompts: PromptsOf | None = None, progress: Progress = SILENT
    ) -> Iterator[list[Finding] | ImageError]:
        """For each image in turn all observations, most probable first, or the image's error.

        Calibrated probabilities come first, as they cannot be compared with others.

        By default, `prompts` are those of the model's operating points. Operating points hold only for the
        same prompts, so other prompts give uncalibrated probabilities. A classifier takes no prompts.

        Raises:
            UsageError: no prompts for a model without operating points, or prompts for a classifier.
        """
        return findings(self._core, self._films, images, self.operating_points, prompts, progress)

    def locate(self, image: FilmLike, texts: str | Sequence[str]) -> list[FoundText]:
        """Boxes on an image for each text, in pixels of the file as opened.

        Raises:
            UsageError: the model does not locate phrases.
            ImageError: the image is not usable; the message has its name.
        """
        phrases = [texts] if isinstance(texts, str) else texts
        return locating.locate(self._core, self.encode_film(image), phrases)

    def describe(self, image: FilmLike, boxes: Sequence[describing.Box] | Boxes) -> list[str]:
        """A sentence for each box (x0, y0, x1, y1) in pixels of the file as opened.

        Raises:
            UsageError: the model does not describe boxes, or a box is inverted or outside the image.
            ImageError: the image is not usable; the message has its name.
        """
        return describing.describe(self._core, self.encode_film(image), boxes)

    def write_report(
        self, images: FilmLike | Sequence[FilmLike], views: Sequence[View | None] | None = None
    ) -> WrittenReport:
        """A report for one image, or for the images of one study.

        Raises:
            UsageError: the model does not write reports, there is no image, or the number of views differs.
            ImageError: an image is not usable; the message has its name.
        """
        films = list(images) if isinstance(images, list | tuple) else [images]
        return reporting.write_report(self._core, [self.encode_film(one) for one in films], views)

    def answer(
        self,
        files: Sequence[Path],
        questions: Questions,
        prompts: PromptsOf | None = None,
        progress: Progress = SILENT,
    ) -> Iterator[Answers]:
        """Answer all questions about each file, which is encoded once; an unusable file has its error.

        Findings are included if the model classifies or encodes texts.
        """
        return answers(self, files, questions, prompts, progress)

    def untrained(self, seed: int = 0) -> Predictor:
        """The same architecture and preprocessing with random weights, a baseline that shows the effect of
        training."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = build_model(self.config.architecture, self._core.model.facts)
        config = self.config.model_copy(update={"fingerprint": ""})
        loaded = LoadedModel(model, self._core.tokenizers, config)
        return Predictor(loaded, f"untrained {self.name}", self._core.device)

    def _gathered(self, blocks: Iterator[Vectors]) -> Vectors:
        return np.concatenate([np.empty((0, self.dimension), dtype=np.float32), *blocks])


def load(folder: Path | str, device: str | None = None, *, trust_code: bool = False) -> Predictor:
    """Load the model in `folder` on `device` (by default the accelerator if there is one, else the CPU).

    A model with a user's own part names a Python file, which loading runs; this requires `trust_code`.

    Raises:
        ModelError: not a model folder, weights that do not fit its configuration, or operating points made
            for other weights.
    """
    folder = Path(folder)
    loaded = load_model(folder, trust_code)
    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    points = read_operating_points(folder, loaded.config.fingerprint)
    return Predictor(loaded, folder.resolve().name, torch.device(chosen), folder, points)
