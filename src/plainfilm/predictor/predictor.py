"""The `Predictor`, the interface for inference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch

from plainfilm.errors import ImageError, UsageError
from plainfilm.model_folder import LoadedModel, find_model, load_model
from plainfilm.model_folder.hub import local_folder
from plainfilm.models.base import WritesGroundedReports, WritesReports, abilities, build_model
from plainfilm.nn.decoding import Decoding
from plainfilm.nn.size import count_parameters
from plainfilm.predictor import report as reporting
from plainfilm.predictor import studies as study_encoding
from plainfilm.predictor import zero_shot as prompting
from plainfilm.predictor.answers import answers, study_answers
from plainfilm.predictor.box_tuner import BoxTuner
from plainfilm.predictor.box_tuning import BoxTuning, read_box_tuning
from plainfilm.predictor.classify import Classification, logits_of
from plainfilm.predictor.core import Core, Elsewhere, Vectors
from plainfilm.predictor.documents import Answers, Questions, Study
from plainfilm.predictor.films import EncodedFilm, FilmEncoder, FilmLike, pooled
from plainfilm.predictor.findings import Finding, of_images, of_studies
from plainfilm.predictor.operating_points import Ensembles, OperatingPoints, read_operating_points
from plainfilm.predictor.places import PlaceQuestions
from plainfilm.predictor.report import WrittenReport
from plainfilm.predictor.spread import Spread
from plainfilm.predictor.studies import StudyFilms
from plainfilm.predictor.texts import stream_texts
from plainfilm.predictor.zero_shot import PromptsOf, PromptVectors, ZeroShot
from plainfilm.progress import SILENT, Progress
from plainfilm.types import View


class Predictor(PlaceQuestions):
    """A frozen model with its preprocessing and tokenizers. Build one with `load`.

    Images are paths, PIL images, arrays or tensors, results of `read_image`, films of a collection
    (`io.images.as_film`), or an `EncodedFilm`. A method that
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
        box_tuning: BoxTuning | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self.config = loaded.config
        self.name = name
        self.fingerprint = loaded.config.fingerprint
        self.trained_patients = loaded.patients
        self.folder = folder
        self.operating_points = operating_points
        model = loaded.model.to(device).eval()
        own = (model, loaded.tokenizers, loaded.config, device, name)
        self._core = Core(*own, elsewhere=elsewhere, cost=loaded.cost)
        self._films = FilmEncoder(self._core)
        self._tuner = BoxTuner(self._core, box_tuning)

    def __repr__(self) -> str:
        able = ", ".join(sorted(ability.replace("_", " ") for ability in self.abilities))
        return f"<Model '{self.name}', {self.config.architecture.use}: {able}>"

    def without_tuning(self) -> Predictor:
        """The same model with its own boxes and scores."""
        core = self._core
        loaded = LoadedModel(core.model, core.tokenizers, self.config, self.trained_patients, core.cost)
        points, elsewhere = self.operating_points, self._core.elsewhere
        return Predictor(loaded, self.name, self._core.device, self.folder, points, elsewhere=elsewhere)

    @property
    def abilities(self) -> frozenset[str]:
        """The abilities of the model, by the names in `models.base.ABILITIES`; a model that writes grounded
        reports writes reports, of one film."""
        found = abilities(self._core.model)
        return found | {"writes_reports"} if "writes_grounded_reports" in found else found

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know of all that was encoded so far: texts of unknown words, vectors that are
        nearly the same."""
        return tuple(self._core.warnings.values())

    def clear_warnings(self) -> None:
        """Forget the warnings so far."""
        self._core.warnings.clear()
        self._core.kept.clear()  # so that texts are read again, and warned of

    @property
    def scale(self) -> float:
        """1 / temperature: the factor of cosines before a softmax."""
        return prompting.scale_of(self._core)

    @property
    def observations(self) -> tuple[str, ...]:
        """The observations that the model predicts, in the order of its logits; empty for other models."""
        return self._core.model.facts.observations

    @property
    def parameters(self) -> int:
        """The number of parameters of the model."""
        return count_parameters(self._core.model)

    @property
    def dimension(self) -> int:
        """D, the length of every vector."""
        return int(self._core.model.dimension)

    @property
    def most_films(self) -> int | None:
        """The largest number of films of a study that the model takes, if there is one."""
        if self._grounds_alone:
            return 1
        return getattr(self._core.model, "most_films", None)

    @property
    def _grounds_alone(self) -> bool:
        """Whether the reports that the model writes are grounded ones of single films only."""
        model = self._core.model
        return isinstance(model, WritesGroundedReports) and not isinstance(model, WritesReports)

    def blank_film(self) -> EncodedFilm:
        """A film that shows nothing: what a model answers about it, it has not seen."""
        return self._films.encode_blank()

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
        blocks = self._films.stream(images, prompting.image_vectors, progress)
        return self._core.watched(blocks, "images")

    def stream_texts(self, texts: Sequence[str], progress: Progress = SILENT) -> Iterator[Vectors]:
        """`encode_texts` in blocks (n, D)."""
        return stream_texts(self._core, texts, progress)

    def stream_inputs(self, images: Any) -> Iterator[torch.Tensor]:
        """Images as the image encoder gets them, normalised, in blocks (n, C, S, S)."""
        return self._films.stream_inputs(images)

    def stream_features(self, images: Any, progress: Progress = SILENT) -> Iterator[Vectors]:
        """The output of the image encoder, without projection, in blocks (n, F)."""
        return self._films.stream(images, pooled, progress)

    def classify(self, images: Any, progress: Progress = SILENT) -> Classification:
        """Classify images with a model that has outputs for observations.

        Raises:
            UsageError: the model has none.
            ImageError: a file is not a usable image; the message has its name.
        """
        empty = np.empty((0, len(self.observations)), dtype=np.float32)
        blocks = self._films.stream(images, logits_of, progress)
        return Classification(self.observations, np.concatenate([empty, *blocks]))

    def classify_studies(
        self,
        studies: Sequence[Sequence[FilmLike]],
        views: Sequence[Sequence[View | None] | None] | None = None,
        progress: Progress = SILENT,
    ) -> Classification:
        """Classify studies, each of any number of images; see `encode_studies` for the errors."""
        films = self._studies(studies, views)
        blocks = study_encoding.stream_logits(self._core, self._films, films, progress)
        empty = np.empty((0, len(self.observations)), dtype=np.float32)
        return Classification(self.observations, np.concatenate([empty, *blocks]))

    def zero_shot(self, images: Any, prompts: PromptsOf, ensembles: Ensembles = "mean") -> ZeroShot:
        """Compare images with the positive and negative prompts of each observation.

        Raises:
            UsageError: there are no prompts.
        """
        return self.compare_images(images, self.prompt_vectors(prompts, ensembles))

    def prompt_vectors(self, prompts: PromptsOf, ensembles: Ensembles = "mean") -> PromptVectors:
        """The vectors of all prompts: each text encoded once, each ensemble combined to one vector.

        Raises:
            UsageError: no prompts at all, none for the presence of an observation, or a blank one.
        """
        return prompting.prompt_vectors(self._core, prompts, ensembles)

    def compare(self, films: Vectors, prompts: PromptVectors) -> ZeroShot:
        """Compare encoded images (N, D) with prompts."""
        return prompting.compare(self._core, films, prompts)

    def compare_images(self, images: Any, prompts: PromptVectors, progress: Progress = SILENT) -> ZeroShot:
        """Compare images with prompts, keeping nothing of them but their scores.

        Raises:
            ImageError: a file is not a usable image; the message has its name.
        """
        if prompts.texts is None:
            blocks = self.stream_images(images, progress)
        else:
            blocks = self._films.stream(images, partial(prompting.image_rows, prompts=prompts), progress)
        empty = np.empty((0, prompts.positive.shape[1]), dtype=np.float32)
        return prompting.joined([self.compare(block, prompts) for block in chain([empty], blocks)])

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
        points = self._points_of("image")
        return of_images(self._core, self._films, images, points, prompts, progress)

    def findings_of_studies(
        self,
        studies: Sequence[Sequence[FilmLike]],
        views: Sequence[Sequence[View | None] | None] | None = None,
        prompts: PromptsOf | None = None,
        progress: Progress = SILENT,
    ) -> Iterator[list[Finding]]:
        """For each study in turn all observations; see `findings` and `encode_studies`."""
        films, points = self._studies(studies, views), self._points_of("study")
        found = of_studies(self._core, self._films, films, points, prompts, progress)
        return (one for one in found if not isinstance(one, ImageError))

    def write_report(
        self,
        images: FilmLike | Sequence[FilmLike],
        views: Sequence[View | None] | None = None,
        decoding: Decoding | None = None,
    ) -> WrittenReport:
        """A report for one image, or for the images of one study; see `write_reports`."""
        films = list(images) if isinstance(images, list | tuple) else [images]
        return next(self.write_reports([films], None if views is None else [views], decoding))

    def write_reports(
        self,
        studies: Sequence[Sequence[FilmLike]],
        views: Sequence[Sequence[View | None] | None] | None = None,
        decoding: Decoding | None = None,
        progress: Progress = SILENT,
    ) -> Iterator[WrittenReport]:
        """A report for the images of each study, in batches; `decoding` says how, by default the model's
        configuration. A view that is not stated is that of the DICOM header, else unknown. Of a model of
        single films it is the grounded report of the only image.

        Raises:
            UsageError: the model does not write reports, a study has no image or more than the model takes,
                the number of views differs, or `decoding` is given for grounded reports.
            ImageError: an image is not usable; the message has its name.
        """
        if self._grounds_alone:
            return self._grounded_reports(studies, decoding, progress)
        return reporting.write_reports(
            self._core, self._films, self._studies(studies, views), decoding, progress
        )

    def _grounded_reports(
        self, studies: Sequence[Sequence[FilmLike]], decoding: Decoding | None, progress: Progress
    ) -> Iterator[WrittenReport]:
        if decoding is not None:
            raise UsageError(f"{self.name} writes grounded reports as its configuration says: leave decoding")
        for study in progress.track(studies, len(studies), "writing reports"):
            if len(study) != 1:
                raise UsageError(f"a study with {len(study)} images: {self.name} writes reports of one")
            yield self.write_grounded_report(study[0])

    def encode_studies(
        self,
        studies: Sequence[Sequence[FilmLike]],
        views: Sequence[Sequence[View | None] | None] | None = None,
        progress: Progress = SILENT,
    ) -> Vectors:
        """Unit vectors (B, D) of studies, each of any number of images.

        Raises:
            UsageError: the model does not encode studies, a study has no image or more than the model takes,
                or the number of views differs.
            ImageError: an image is not usable; the message has its name.
        """
        films = self._studies(studies, views)
        return self._gathered(study_encoding.stream_vectors(self._core, self._films, films, progress))

    def _points_of(self, item: str) -> OperatingPoints | None:
        """The operating points, if they were fitted on this kind of item."""
        points = self.operating_points
        return points if points is not None and points.item == item else None

    def _studies(
        self,
        studies: Sequence[Sequence[FilmLike]],
        views: Sequence[Sequence[View | None] | None] | None,
    ) -> list[StudyFilms]:
        stated = [None] * len(studies) if views is None else views
        if len(stated) != len(studies):
            raise UsageError(f"{len(studies)} studies but views of {len(stated)}; give those of each")
        pairs = zip(studies, stated, strict=True)
        return [study_encoding.study_films(films, known) for films, known in pairs]

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

    def answer_studies(
        self,
        studies: Sequence[Study],
        questions: Questions,
        prompts: PromptsOf | None = None,
        progress: Progress = SILENT,
    ) -> Iterator[Answers]:
        """Answer about each study from all its films: findings if the model gives any, the report if asked.

        An unusable film is left out and listed with its error; a study without any other film has an error.

        Raises:
            UsageError: the model does not encode studies, or a study has more films than it takes.
        """
        return study_answers(self, studies, questions, prompts, progress)

    def untrained(self, seed: int = 0) -> Predictor:
        """The same architecture and preprocessing with random weights, a baseline that shows the effect of
        training."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = build_model(self.config.architecture, self._core.model.facts)
        config = self.config.model_copy(update={"fingerprint": ""})
        loaded = LoadedModel(model, self._core.tokenizers, config, cost=self._core.cost)
        elsewhere = self._core.elsewhere and self._core.elsewhere.untrained(seed)
        return Predictor(loaded, f"untrained {self.name}", self._core.device, elsewhere=elsewhere)

    def _gathered(self, blocks: Iterator[Vectors]) -> Vectors:
        return np.concatenate([np.empty((0, self.dimension), dtype=np.float32), *blocks])


def load(
    folder: Path | str,
    device: str | None = None,
    *,
    trust_code: bool = False,
    ray: str | None = None,
    progress: Progress = SILENT,
) -> Predictor:
    """Load the model in `folder`, or the shipped one with this name, on `device` (by default the accelerator
    if there is one, else the CPU).

    `folder` may be hf://OWNER/NAME, a model on the Hugging Face Hub (`model_folder.hub`).

    With `ray`, the address of a cluster, its nodes encode the images and long lists of texts; they see the
    same files. A model with a user's own part names a Python file, which loading runs; this requires
    `trust_code`.

    Raises:
        ModelError: not a model folder, weights that do not fit its configuration, or operating points or a
            tuning of boxes made for other weights.
    """
    folder = find_model(local_folder(folder))
    loaded = load_model(folder, trust_code)
    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    points = read_operating_points(folder, loaded.config.fingerprint)
    tuning = read_box_tuning(folder, loaded.config.fingerprint)
    spread = Spread.over(folder, loaded.config.fingerprint, trust_code, ray, progress) if ray else None
    return Predictor(loaded, folder.resolve().name, torch.device(chosen), folder, points, tuning, spread)
