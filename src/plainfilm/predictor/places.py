"""The questions about places on a film: where a text is, what a box shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from plainfilm.errors import ImageError
from plainfilm.geometry import Boxes
from plainfilm.predictor import describe as describing
from plainfilm.predictor import locate as locating
from plainfilm.predictor import regions as region_encoding
from plainfilm.predictor import similarity_map as mapping
from plainfilm.predictor.box_tuner import BoxTuner
from plainfilm.predictor.box_tuning import BoxTuning
from plainfilm.predictor.core import Core, Vectors
from plainfilm.predictor.films import EncodedFilm, FilmEncoder, FilmLike
from plainfilm.predictor.grounded_report import ReportPrompts, write_grounded_report
from plainfilm.predictor.locate import FoundText
from plainfilm.predictor.report import WrittenReport
from plainfilm.predictor.similarity_map import SimilarityMap
from plainfilm.progress import SILENT, Progress


class PlaceQuestions:
    """The part of a `Predictor` that locates, maps and describes."""

    _core: Core
    _films: FilmEncoder
    _tuner: BoxTuner

    def encode_film(self, image: FilmLike) -> EncodedFilm:
        """Encode an image once for several questions.

        Raises:
            ImageError: the image is not usable; the message has its name.
        """
        return self._films.encode(image)

    @property
    def box_tuning(self) -> BoxTuning | None:
        """What was tuned for locating, if anything."""
        return self._tuner.tuning

    def locate(self, image: FilmLike, texts: str | Sequence[str], describe: bool = False) -> list[FoundText]:
        """Boxes on an image for each text, in pixels of the file as opened; with `describe` also a sentence
        about each, if the model writes any. Of a tuned model, boxes that score at least its threshold, so
        that a text may have none.

        Raises:
            UsageError: the model does not locate phrases, or cannot read a text: it is blank, too long, or of
                words that are not those of its training.
            ImageError: the image is not usable; the message has its name.
        """
        phrases = [texts] if isinstance(texts, str) else texts
        film = self.encode_film(image)
        found = locating.locate(self._core, film, phrases, describe)
        return [self._tuner.found(one) for one in self._tuner.tuned(film, found)]

    def stream_located(
        self, images: Sequence[FilmLike], texts_of_each: Sequence[Sequence[str]], progress: Progress = SILENT
    ) -> Iterator[tuple[tuple[int, int], list[FoundText]]]:
        """For each image in turn its size (width, height) and all boxes of each of its own texts, also those
        below the threshold of a tuned model.

        Raises:
            UsageError: the model does not locate phrases, or not every image has its texts.
            ImageError: a file is not a usable image; the message has its name.
        """
        stream = locating.stream_located(self._core, self._films, images, texts_of_each, progress)
        return ((film.size, self._tuner.tuned(film, found)) for film, found in stream)

    def similarity_map(self, image: FilmLike, text: str) -> SimilarityMap:
        """The cosine of each patch of an image with a text; see `similarity_maps`."""
        return self.similarity_maps(image, [text])[0]

    def similarity_maps(self, image: FilmLike, texts: Sequence[str]) -> list[SimilarityMap]:
        """For each text a map of the cosines of the patches of an image, which is encoded once.

        Raises:
            UsageError: the model does not compare patches with texts, or a text is blank.
            ImageError: the image is not usable; the message has its name.
        """
        return mapping.similarity_maps(self._core, self.encode_film(image), texts)

    def stream_similarity_maps(
        self, images: Sequence[FilmLike], texts_of_each: Sequence[Sequence[str]], progress: Progress = SILENT
    ) -> Iterator[list[SimilarityMap] | ImageError]:
        """For each image in turn a map for each of its own texts, or the image's error; every text is encoded
        once. See `similarity_maps` for the errors."""
        return mapping.stream_similarity_maps(self._core, self._films, images, texts_of_each, progress)

    def stream_regions(
        self, images: Sequence[FilmLike], boxes_of_each: Sequence[Boxes], progress: Progress = SILENT
    ) -> Iterator[Vectors]:
        """For each image in turn the unit vectors (K, D) of its boxes (K, 4), in pixels of the file as
        opened, in the space of texts; of a model that does not encode boxes, the mean of the patches below.

        Raises:
            UsageError: the model encodes neither boxes nor patches, not every image has its boxes, or a box
                is inverted or outside the image.
            ImageError: an image is not usable; the message has its name.
        """
        return region_encoding.stream_region_vectors(self._core, self._films, images, boxes_of_each, progress)

    def stream_described(
        self, images: Sequence[FilmLike], boxes_of_each: Sequence[Boxes], progress: Progress = SILENT
    ) -> Iterator[list[str]]:
        """For each image in turn a sentence for each of its boxes (K, 4); see `describe` for the errors."""
        return region_encoding.stream_described(self._core, self._films, images, boxes_of_each, progress)

    def describe(self, image: FilmLike, boxes: Sequence[describing.Box] | Boxes) -> list[str]:
        """A sentence for each box (x0, y0, x1, y1) in pixels of the file as opened.

        Raises:
            UsageError: the model does not describe boxes, or a box is inverted, outside the image, or where
                preprocessing cuts the image off.
            ImageError: the image is not usable; the message has its name.
        """
        return describing.describe(self._core, self.encode_film(image), boxes)

    def encode_regions(self, image: FilmLike, boxes: Sequence[describing.Box] | Boxes) -> Vectors:
        """Unit vectors (K, D) of boxes (x0, y0, x1, y1) in pixels of the file as opened, to be compared with
        those of texts; see `describe` for the errors."""
        return describing.encode_regions(self._core, self.encode_film(image), boxes)

    def write_grounded_report(self, image: FilmLike, prompts: ReportPrompts | None = None) -> WrittenReport:
        """A report for one image, each sentence with its boxes; one without boxes is not localised. By
        default it is made of the published prompts.

        Raises:
            UsageError: the model writes no sentences with boxes.
            ImageError: the image is not usable; the message has its name.
        """
        return write_grounded_report(self._core, self.encode_film(image), prompts, self._tuner)
