"""Results of a film as a grayscale softcopy presentation state (PS3.3 A.33.1), for viewers that draw no
structured report.

Boxes are polylines in pixels of the film (PS3.3 C.10.5.1.2), with the same origin as in the report. Each has
its number; what is said stands in a field at the lower edge of the display. Grey values are shown as the
film itself says.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from plainfilm.dicom_output.annotations import FilmResults
from plainfilm.dicom_output.captions import captions, heading, numbered, tag
from plainfilm.dicom_output.objects import BODY_PART, Algorithm, identity, without_warnings
from plainfilm.dicom_output.source_film import EXTRA, PURPOSE, SourceFilm
from plainfilm.io.optional import optional_import

LABEL = "PLAINFILM"
_TEXT_CHARACTERS = 1024
"""Characters of a value of type ST."""
_FIELD = (0.02, 0.80, 0.98, 0.98)
"""Left, top, right, bottom of the field of sentences, as fractions of the display."""


def presentation_state(film: SourceFilm, results: FilmResults, algorithm: Algorithm) -> Any:
    """The presentation state as a pydicom dataset; the same arguments give the same identifiers.

    Raises:
        MissingDependency: a package that writes DICOM is not installed.
    """
    pr = optional_import("highdicom.pr", EXTRA, PURPOSE)
    layer = pr.GraphicLayer(LABEL, 1, description="boxes and sentences of a model")
    with without_warnings():
        annotation = pr.GraphicAnnotation(
            referenced_images=[film.header],
            graphic_layer=layer,
            graphic_objects=[_rectangle(pr, film, one.box, one.tracking_uid) for _, one in numbered(results)],
            text_objects=[*_tags(pr, film, results), _sentences(pr, results, algorithm)],
        )
        state: Any = pr.GrayscaleSoftcopyPresentationState(
            referenced_images=[film.header],
            content_label=LABEL,
            content_description="Boxes and sentences of a model",
            graphic_layers=[layer],
            graphic_annotations=[annotation],
            presentation_lut_transformation=_polarity(film),
            **identity(film, results, algorithm, "presentation state"),
        )
    state.BodyPartExamined = BODY_PART
    return state


def _polarity(film: SourceFilm) -> Any:
    """MONOCHROME1 is shown inverted, and a presentation state has to say so (PS3.3 C.11.6)."""
    content = optional_import("highdicom", EXTRA, PURPOSE)
    shape = "INVERSE" if film.header.PhotometricInterpretation == "MONOCHROME1" else "IDENTITY"
    return content.PresentationLUTTransformation(presentation_lut_shape=shape)


def _rectangle(pr: Any, film: SourceFilm, box: Any, tracking_uid: str) -> Any:
    x0, y0, x1, y1 = _inside(film, box)
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]])
    return pr.GraphicObject("POLYLINE", corners, "PIXEL", tracking_id=LABEL, tracking_uid=tracking_uid)


def _tags(pr: Any, film: SourceFilm, results: FilmResults) -> list[Any]:
    tags = []
    for number, one in numbered(results):
        x0, y0, *_ = _inside(film, one.box)
        text = tag(number, one)
        tags.append(pr.TextObject(text, "PIXEL", anchor_point=(x0, y0), anchor_point_visible=False))
    return tags


def _sentences(pr: Any, results: FilmResults, algorithm: Algorithm) -> Any:
    lines = "\r\n".join([heading(algorithm), *map(str, captions(results))]).replace("\\", "/")
    shown = lines if len(lines) <= _TEXT_CHARACTERS else f"{lines[: _TEXT_CHARACTERS - 3]}..."
    return pr.TextObject(shown, "DISPLAY", bounding_box=_FIELD, text_justification="LEFT")


def _inside(film: SourceFilm, box: Any) -> tuple[float, ...]:
    """The part of a box within the film: a person may have moved it beyond the edge, which is not allowed."""
    width, height = film.size
    limits = (width, height, width, height)
    return tuple(min(max(value, 0.0), limit) for value, limit in zip(box, limits, strict=True))
