"""The object that users and every other part of Plainfilm ask."""

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

    Films are paths, PIL images, arrays or tensors (`io.images.as_film`), or an `EncodedFilm`. A question
    that this kind of model cannot answer raises a `UsageError` that says what it cannot do; `abilities`
    tells beforehand.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        name: str,
        device: torch.device,
        folder: Path | None = None,
        decisions: OperatingPoints | None = None,
    ) -> None:
        self.config = loaded.config
        self.name = name
        self.fingerprint = loaded.config.fingerprint
        self.trained_patients = loaded.patients
        self.folder = folder
        self.decisions = decisions
        model = loaded.model.to(device).eval()
        self._core = Core(model, loaded.tokenizers, loaded.config, device, name)
        self._films = FilmEncoder(self._core)

    @property
    def abilities(self) -> frozenset[str]:
        """What the model can do, by the names in `models.base.ABILITIES`."""
        return abilities(self._core.model)

    @property
    def scale(self) -> float:
        """1 / temperature: what cosines are multiplied with before a softmax."""
        return prompting.scale_of(self._core)

    @property
    def observations(self) -> tuple[str, ...]:
        """What the model has an output for, in the order of its logits; empty for other models."""
        return self._core.model.facts.observations

    @property
    def dimension(self) -> int:
        """D, the length of every vector."""
        return int(self._core.model.dimension)

    def encode_film(self, image: FilmLike) -> EncodedFilm:
        """A film that the model has seen, to be asked often without being encoded again.

        Raises:
            ImageError: not a usable image, by name.
        """
        return self._films.encode(image)

    def encode_images(self, images: Any, progress: Progress = SILENT) -> Vectors:
        """Unit vectors (N, D) of films; a classifier's are its pooled features.

        Raises:
            ImageError: a file that is not a usable image, by name.
        """
        return self._all(self.stream_images(images, progress))

    def encode_texts(self, texts: str | Sequence[str], progress: Progress = SILENT) -> Vectors:
        """Unit vectors (N, D) of texts, in their order."""
        return self._all(self.stream_texts([texts] if isinstance(texts, str) else texts, progress))

    def stream_images(self, images: Any, progress: Progress = SILENT) -> Iterator[Vectors]:
        """`encode_images` in blocks (n, D), for more films than fit into memory."""
        return self._films.stream(images, prompting.image_vectors(self._core), progress)

    def stream_texts(self, texts: Sequence[str], progress: Progress = SILENT) -> Iterator[Vectors]:
        """`encode_texts` in blocks (n, D)."""
        return stream_texts(self._core, texts, progress)

    def stream_features(self, images: Any, progress: Progress = SILENT) -> Iterator[Vectors]:
        """What the image encoder makes of films before anything projects it, in blocks (n, F)."""
        return self._films.stream(images, lambda features: features.pooled, progress)

    def classify(self, images: Any, progress: Progress = SILENT) -> Classification:
        """What a model with outputs for observations says of films.

        Raises:
            UsageError: a model without.
            ImageError: a file that is not a usable image, by name.
        """
        encode = logits_of(self._core)
        empty = np.empty((0, len(self.observations)), dtype=np.float32)
        blocks = self._films.stream(images, encode, progress)
        return Classification(self.observations, np.concatenate([empty, *blocks]))

    def zero_shot(self, images: Any, prompts: PromptsOf, ensembles: Ensembles = "mean") -> ZeroShot:
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
        return prompting.prompt_vectors(self._core, prompts, ensembles)

    def compare(self, films: Vectors, prompts: PromptVectors) -> ZeroShot:
        """What prompts say of films (N, D) that are encoded already."""
        return prompting.compare(self._core, films, prompts)

    def findings(
        self, images: Any, prompts: PromptsOf | None = None, progress: Progress = SILENT
    ) -> Iterator[list[Finding] | ImageError]:
        """For each film in turn all observations, the likeliest first; or what is wrong with the film.

        Calibrated probabilities and others do not compare, so calibrated ones come first.

        Without `prompts` they are those the model's decisions were fitted with. OperatingPoints hold only
        where the prompts are the same, so other prompts give probabilities that are not calibrated. A
        classifier is asked without prompts.

        Raises:
            UsageError: no prompts, and the model has no decisions; prompts for a classifier.
        """
        return findings(self._core, self._films, images, self.decisions, prompts, progress)

    def locate(self, image: FilmLike, texts: str | Sequence[str]) -> list[FoundText]:
        """Boxes on a film for each text, in pixels of the file as it was opened.

        Raises:
            UsageError: the model does not say where things are.
            ImageError: not a usable image, by name.
        """
        asked = [texts] if isinstance(texts, str) else texts
        return locating.locate(self._core, self.encode_film(image), asked)

    def describe(self, image: FilmLike, boxes: Sequence[describing.Box] | Boxes) -> list[str]:
        """A sentence for each box (x0, y0, x1, y1) in pixels of the file as it was opened.

        Raises:
            UsageError: the model writes no sentences about boxes, or a box that is inverted or off the film.
            ImageError: not a usable image, by name.
        """
        return describing.describe(self._core, self.encode_film(image), boxes)

    def write_report(
        self, images: FilmLike | Sequence[FilmLike], views: Sequence[View | None] | None = None
    ) -> WrittenReport:
        """A report for one film, or for the films of one study.

        Raises:
            UsageError: the model writes no reports, or no film or another number of views is given.
            ImageError: not a usable image, by name.
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
        """All that is asked of each file, which is encoded once; a file that is not usable has its error.

        Findings are given where the model classifies or reads prompts.
        """
        return answers(self, files, questions, prompts, progress)

    def untrained(self, seed: int = 0) -> Predictor:
        """The same architecture with the same preprocessing and random weights: how much of what it does is
        due to training shows beside it."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = build_model(self.config.architecture, self._core.model.facts)
        config = self.config.model_copy(update={"fingerprint": ""})
        loaded = LoadedModel(model, self._core.tokenizers, config)
        return Predictor(loaded, f"untrained {self.name}", self._core.device)

    def _all(self, blocks: Iterator[Vectors]) -> Vectors:
        return np.concatenate([np.empty((0, self.dimension), dtype=np.float32), *blocks])


def load(folder: Path | str, device: str | None = None, *, trust_code: bool = False) -> Predictor:
    """The model in `folder`, on `device` (by default the accelerator if there is one, else the processor).

    A model with a part of somebody's own names a Python file, which loading runs: only with
    `trust_code`.

    Raises:
        ModelError: not a model folder, its weights do not fit its configuration, or its decisions were made
            for other weights.
    """
    folder = Path(folder)
    loaded = load_model(folder, trust_code)
    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    decisions = read_operating_points(folder, loaded.config.fingerprint)
    return Predictor(loaded, folder.resolve().name, torch.device(chosen), folder, decisions)
