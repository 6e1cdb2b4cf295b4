"""Boxes and sentences out of a structured report by TID 1500: ours, ours after a person edited it, or that of
other software with 2-D coordinates.

What a viewer keeps of a report differs. OHIF saves each rectangle as a measurement (TID 300) whose number is
inferred from coordinates, and its label as a comment or as a free-text code; so a box is looked for in the
group and below its numbers, and the sentence in both places. Names and places of answers are ours and may be
missing: such boxes are sentences of a report, or, where a finding is coded, answers to its name.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from plainfilm.dicom_output import concepts
from plainfilm.dicom_output.annotations import (
    PIXEL_DIGITS,
    QUESTIONS,
    Annotation,
    Answer,
    BoxCorners,
    FilmResults,
    in_order,
)
from plainfilm.dicom_output.content_items import (
    child,
    children,
    code_of,
    concept_of,
    is_named,
    number_of,
    text_of,
)
from plainfilm.dicom_output.objects import Algorithm
from plainfilm.dicom_output.source_film import EXTRA
from plainfilm.errors import DataError
from plainfilm.io.dicom.header import items, numbers, text
from plainfilm.io.dicom.safe_stream import safe_stream
from plainfilm.io.optional import optional_import

_FREE_TEXT = ("CORNERSTONEFREETEXT", "CORNERSTONEJS_FREETEXT")
"""The value of a code whose meaning is what a person typed, in older versions of OHIF."""
_POINTS = {"POLYLINE": 4, "CIRCLE": 2, "ELLIPSE": 4}
"""Graphic types that enclose an area (PS3.3 C.18.6.1.2), and the fewest points they need. A polyline of fewer
is a length or an angle."""
_UNDEFINED = 0xFFFFFFFF
"""The length of an element that ends with a delimiter."""
_DAMAGE = (
    OSError,
    ValueError,
    KeyError,
    AttributeError,
    TypeError,
    EOFError,
    IndexError,
    OverflowError,
    RecursionError,
)


@dataclass(frozen=True)
class ReadReport:
    """A structured report about films of one study.

    films: what is said of each film, by its SOP Instance UID. sizes: width and height of films, where the
    report has them. algorithm: what answered, where it is said. left_out: what is not read, and why. reader:
    the name of the person who observes, where one does.
    """

    uid: str
    study_uid: str
    films: dict[str, FilmResults]
    sizes: dict[str, tuple[int, int]]
    algorithm: Algorithm | None
    left_out: tuple[str, ...]
    reader: str = ""


def read_report(path: Path) -> ReadReport:
    """Read the structured report in a file.

    Raises:
        DataError: no DICOM file, a damaged one, or no report by TID 1500.
        MissingDependency: a package that reads DICOM is not installed.
    """
    pydicom = optional_import("pydicom", EXTRA, "reading structured reports")
    with path.open("rb") as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = pydicom.dcmread(safe_stream(stream))
            if _is_cut(dataset):
                raise EOFError
            return report_of_dataset(dataset, str(path))
        except pydicom.errors.InvalidDicomError:
            raise DataError(f"{path}: is no DICOM file; name a structured report") from None
        except _DAMAGE as error:
            raise DataError(f"{path}: the structured report is damaged or truncated") from error


def _is_cut(dataset: Any) -> bool:
    """Whether the file ends within an element: pydicom gives as many items of a sequence as there are."""
    raw = [dataset.get_item(tag) for tag in dataset.keys()]  # noqa: SIM118 - as they lie in the file
    known = [one for one in raw if getattr(one, "length", _UNDEFINED) != _UNDEFINED and one.value is not None]
    return any(len(one.value) < one.length for one in known)


def report_of_dataset(dataset: Any, name: str = "structured report") -> ReadReport:
    """The report in a pydicom dataset; `name` begins the messages of errors.

    Raises:
        DataError: it is no report by TID 1500.
    """
    root = concept_of(dataset)
    if (
        text(dataset, "ValueType") != "CONTAINER"
        or root is None
        or root.value != concepts.IMAGING_REPORT.value
    ):
        raise DataError(f"{name}: is no Imaging Measurement Report (TID 1500); no other is read")
    if not items(dataset, "ContentSequence"):
        raise DataError(f"{name}: the structured report has no content; it is truncated or empty")
    reader = _Reader(dataset)
    return ReadReport(
        text(dataset, "SOPInstanceUID"),
        text(dataset, "StudyInstanceUID"),
        reader.films(),
        reader.sizes,
        _algorithm(dataset),
        tuple(reader.left_out),
        _person(dataset),
    )


class _Reader:
    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self.left_out: list[str] = []
        self.sizes = dict(_library(dataset))

    def films(self) -> dict[str, FilmResults]:
        """What is said of each film, in the order of the library, then of the groups."""
        said: dict[str, list[Annotation]] = {uid: [] for uid in self.sizes}
        for number, group in enumerate(self._groups(), start=1):
            for uid, annotation in self._annotations(number, group):
                said.setdefault(uid, []).append(annotation)
        unlocated, findings = _evaluations(self._dataset)
        whole = next(iter(said), "")
        if unlocated or findings:
            said.setdefault(whole, []).extend(unlocated)
        return {
            uid: FilmResults(in_order(one), tuple(findings) if uid == whole else ())
            for uid, one in said.items()
        }

    def _groups(self) -> Iterator[Any]:
        for measurements in children(self._dataset, "CONTAINER", concepts.MEASUREMENTS):
            yield from children(measurements, "CONTAINER", concepts.GROUP)

    def _annotations(self, number: int, group: Any) -> Iterator[tuple[str, Annotation]]:
        shapes = [*children(group, "SCOORD")]
        shapes = shapes or [
            one for measured in children(group, "NUM") for one in children(measured, "SCOORD")
        ]
        boxes = {}
        for shape in shapes:
            uid = _image_uid(shape)
            box = _box(shape)
            if box is None or not uid:
                kind = text(shape, "GraphicType") or "unknown type"
                self.left_out.append(
                    f"group {number}: a {kind} that outlines nothing on the first frame of a film"
                )
            else:
                boxes[uid, box] = _annotation(number, group, box)
        for (uid, _), annotation in boxes.items():
            yield uid, annotation
        if not shapes:
            self.left_out.append(f"group {number}: has no 2-D coordinates")


def _annotation(number: int, group: Any, box: BoxCorners) -> Annotation:
    finding = code_of(group, concepts.FINDING)
    sentence = text_of(group, concepts.COMMENT)
    name = text_of(group, concepts.NAME)
    if finding is not None and finding.value in _FREE_TEXT:
        sentence = sentence or finding.meaning or None
    elif finding is not None and name is None and finding.value != concepts.DESCRIBED_REGION.value:
        name = finding.meaning or None
    tracking = child(group, "UIDREF", concepts.TRACKING_UID)
    return Annotation(
        _answer(group) or Answer("find" if name else "report", number),
        box,
        name,
        sentence,
        number_of(group, concepts.SCORE),
        text(tracking, "UID") if tracking is not None else "",
    )


def _answer(item: Any) -> Answer | None:
    found = re.fullmatch(
        rf"({'|'.join(QUESTIONS)}) ([1-9][0-9]{{0,8}})", text_of(item, concepts.ANSWER) or ""
    )
    return Answer(next(one for one in QUESTIONS if one == found[1]), int(found[2])) if found else None


def _box(shape: Any) -> BoxCorners | None:
    """The smallest box around a shape, or `None` where it is no outline."""
    kind, values = text(shape, "GraphicType"), numbers(shape, "GraphicData")
    if kind not in _POINTS or len(values) % 2 or len(values) < 2 * _POINTS[kind]:
        return None
    points = np.array(values).reshape(-1, 2)
    if kind == "CIRCLE":
        radius = float(np.hypot(*(points[1] - points[0])))
        points = np.array([points[0] - radius, points[0] + radius])
    if kind == "ELLIPSE":
        middle, major, minor = points.mean(axis=0), points[1] - points[0], points[3] - points[2]
        reach = np.hypot(major, minor) / 2
        points = np.array([middle - reach, middle + reach])
    x0, y0 = (round(float(value), PIXEL_DIGITS) for value in points.min(axis=0))
    x1, y1 = (round(float(value), PIXEL_DIGITS) for value in points.max(axis=0))
    return x0, y0, x1, y1


def _image_uid(shape: Any) -> str:
    """The film that a shape is drawn on; empty where there is none, or a frame other than the first."""
    for image in children(shape, "IMAGE"):
        for reference in items(image, "ReferencedSOPSequence")[:1]:
            if numbers(reference, "ReferencedFrameNumber")[:1] in ([], [1.0]):
                return text(reference, "ReferencedSOPInstanceUID")
    return ""


def _library(dataset: Any) -> Iterator[tuple[str, tuple[int, int]]]:
    """The films of the image library whose size is said there."""
    libraries = list(children(dataset, "CONTAINER", concepts.IMAGE_LIBRARY))
    places = [*libraries, *(group for one in libraries for group in children(one, "CONTAINER"))]
    for image in (one for place in places for one in children(place, "IMAGE")):
        columns, rows = number_of(image, concepts.COLUMNS), number_of(image, concepts.ROWS)
        references = items(image, "ReferencedSOPSequence")
        if columns and rows and references:
            yield text(references[0], "ReferencedSOPInstanceUID"), (int(columns), int(rows))


def _evaluations(dataset: Any) -> tuple[list[Annotation], list[dict[str, Any]]]:
    """Answers without a box, and findings of the whole film."""
    unlocated, findings = [], []
    for item in (
        one for part in children(dataset, "CONTAINER", concepts.EVALUATIONS) for one in children(part)
    ):
        answer, name = _answer(item), text_of(item, concepts.NAME)
        if answer is not None:
            sentence = text(item, "TextValue") or None
            unlocated.append(Annotation(answer, None, name, sentence))
        elif name is not None and is_named(item, concepts.FINDING):
            findings.append(_finding(name, item))
    return unlocated, findings


def _finding(name: str, item: Any) -> dict[str, Any]:
    """A finding of the whole film, with the keys of a document in its order."""
    said = {key: number_of(item, concept) for key, concept in concepts.NUMBERS}
    flags = {key: code_of(item, concept) for key, concept in concepts.FLAGS}
    decided = {key: None if flag is None else flag.value == concepts.YES.value for key, flag in flags.items()}
    return {"observation": name, **said, **decided}


def _person(dataset: Any) -> str:
    person = child(dataset, "PNAME", concepts.PERSON_NAME)
    return text(person, "PersonName") if person is not None else ""


def _algorithm(dataset: Any) -> Algorithm | None:
    groups = [one for part in children(dataset, "CONTAINER", concepts.MEASUREMENTS) for one in children(part)]
    for place in (*children(dataset, "CONTAINER", concepts.EVALUATIONS), *groups):
        name, version = text_of(place, concepts.ALGORITHM_NAME), text_of(place, concepts.ALGORITHM_VERSION)
        if name and version:
            found = [text(one, "TextValue") for one in children(place, "TEXT", concepts.ALGORITHM_PARAMETERS)]
            return Algorithm(name, version, tuple(found))
    return None
