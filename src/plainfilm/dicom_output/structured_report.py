"""Results of a film as a structured report that viewers draw and let a person edit.

A Comprehensive 3D SR (PS3.3 A.35.13) by TID 1500, with 2-D coordinates: projection images have no frame of
reference. Every box is a measurement group (TID 1410) of its own, a closed polyline of five points with the
geometric purpose "bounded by". Coordinates are columns and rows from the top left corner of the top left
pixel (PS3.3 C.18.6), as `geometry` counts. What has no box stands under "Qualitative Evaluations", which
viewers that draw do not read: a group without coordinates makes some of them fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from plainfilm.dicom_output import concepts
from plainfilm.dicom_output.annotations import Annotation, FilmResults, plain_words
from plainfilm.dicom_output.codes import subject_of
from plainfilm.dicom_output.concepts import CodedName
from plainfilm.dicom_output.objects import MANUFACTURER, Algorithm, identity, without_warnings
from plainfilm.dicom_output.source_film import EXTRA, PURPOSE, SourceFilm
from plainfilm.io.optional import optional_import

UNNAMED = "Reader^Unnamed"
"""The observer where a person changed something and gave no name: TID 1003 demands one."""
_PERSON_NAME = 64
"""Characters of a value of type PN."""
TRACKING_IDENTIFIER = "Cornerstone3DTools@^0.1.0:RectangleROI"
"""By this name OHIF makes a rectangle of a group that a person can move (Cornerstone3D adapters)."""


def structured_report(film: SourceFilm, results: FilmResults, algorithm: Algorithm, reader: str = "") -> Any:
    """The report as a pydicom dataset; the same arguments give the same identifiers.

    reader: the name of the person who changed what the model said, if one did; an observer beside the model.

    Raises:
        MissingDependency: a package that writes DICOM is not installed.
    """
    sr = optional_import("highdicom.sr", EXTRA, PURPOSE)
    with without_warnings():
        report = sr.Comprehensive3DSR(
            evidence=[film.header],
            content=_content(sr, film, results, algorithm, reader),
            is_complete=True,
            **identity(film, results, algorithm, "structured report", reader),
        )
    report.CodingSchemeIdentificationSequence = [_coding_scheme()]
    return report


def _content(sr: Any, film: SourceFilm, results: FilmResults, algorithm: Algorithm, reader: str) -> Any:
    """The root of the content tree, in the order that TID 1500 states."""
    observer = sr.ObserverContext(
        observer_type=_code(sr, concepts.DEVICE),
        observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
            uid=algorithm.uid, name=algorithm.name, manufacturer_name=MANUFACTURER
        ),
    )
    root = sr.ContainerContentItem(name=_code(sr, concepts.IMAGING_REPORT), template_id="1500")
    groups = [_group(sr, film, one, algorithm) for one in results.annotations if one.box is not None]
    measurements = _container(sr, concepts.MEASUREMENTS, groups)
    evaluations = [
        *_algorithm(sr, algorithm, algorithm.parameters),
        *_unlocated(sr, results.annotations),
        *(_finding(sr, one) for one in results.findings),
    ]
    items = [
        *sr.ObservationContext(
            observer_person_context=_person(sr, reader) if reader else None, observer_device_context=observer
        ),
        _coded(sr, concepts.PROCEDURE, concepts.CHEST_FILM, "HAS CONCEPT MOD"),
        _image_library(sr, film),
        measurements,
        _container(sr, concepts.EVALUATIONS, evaluations),
    ]
    root.ContentSequence = sr.ContentSequence(items)
    return root


def _person(sr: Any, reader: str) -> Any:
    """TID 1003: a person by name."""
    name = " ".join((plain_words(reader.replace("\\", " ")) or UNNAMED).split())
    return sr.ObserverContext(
        observer_type=_code(sr, concepts.PERSON),
        observer_identifying_attributes=sr.PersonObserverIdentifyingAttributes(
            name=name.replace("=", " ")[:_PERSON_NAME]
        ),
    )


def _image_library(sr: Any, film: SourceFilm) -> Any:
    """TID 1600 with one group, which OHIF demands, and the size of the film in it."""
    width, height = film.size
    image = sr.ImageContentItem(
        name=_code(sr, concepts.SOURCE),
        referenced_sop_class_uid=film.header.SOPClassUID,
        referenced_sop_instance_uid=film.uid,
        relationship_type="CONTAINS",
    )
    sides = [
        _number(sr, concept, number, concepts.PIXELS, "HAS ACQ CONTEXT")
        for concept, number in ((concepts.ROWS, height), (concepts.COLUMNS, width))
    ]
    image.ContentSequence = sr.ContentSequence(sides)
    group = _container(sr, concepts.LIBRARY_GROUP, [image])
    return _container(sr, concepts.IMAGE_LIBRARY, [group])


def _group(sr: Any, film: SourceFilm, one: Annotation, algorithm: Algorithm) -> Any:
    """The measurement group (TID 1410) of a box."""
    assert one.box is not None
    subject = subject_of(one.name)
    x0, y0, x1, y1 = one.box
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]])
    image = sr.SourceImageForRegion(
        referenced_sop_class_uid=film.header.SOPClassUID, referenced_sop_instance_uid=film.uid
    )
    site = subject.site and sr.FindingSite(
        _code(sr, subject.site), laterality=subject.side and _code(sr, subject.side)
    )
    group = sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(one.tracking_uid, TRACKING_IDENTIFIER),
        referenced_region=sr.ImageRegion("POLYLINE", corners, image),
        finding_type=_code(sr, subject.finding),
        finding_sites=[site] if site else None,
        geometric_purpose=_code(sr, concepts.BOUNDED_BY),
        algorithm_id=_algorithm(sr, algorithm),
        measurements=[_measurement(sr, one)],
    )[0]
    for item in _texts(sr, one, "CONTAINS"):
        group.ContentSequence.append(item)
    return group


def _algorithm(sr: Any, algorithm: Algorithm, parameters: Sequence[str] = ()) -> Any:
    """TID 4019. The parameters are said once for the film, not again with every box."""
    return sr.AlgorithmIdentification(
        algorithm.name,
        algorithm.version,
        parameters,
        _code(sr, concepts.ARTIFICIAL_INTELLIGENCE),
        MANUFACTURER,
    )


def _measurement(sr: Any, one: Annotation) -> Any:
    """The score, or the area of a box that has none: OHIF labels a box by its first number."""
    assert one.box is not None
    x0, y0, x1, y1 = one.box
    concept, value, unit = (concepts.SCORE, one.score, concepts.NO_UNITS)
    if value is None:
        concept, value, unit = concepts.AREA, round((x1 - x0) * (y1 - y0), 1), concepts.PIXELS
    return sr.Measurement(name=_code(sr, concept), value=value, unit=_code(sr, unit))


def _texts(sr: Any, one: Annotation, relationship: str) -> list[Any]:
    """The sentence, then what only Plainfilm reads: the name that was asked for, the place of the answer."""
    texts = [(concepts.COMMENT, one.sentence), (concepts.NAME, one.name)]
    texts.append((concepts.ANSWER, f"{one.answer.question} {one.answer.number}"))
    return [
        sr.TextContentItem(name=_code(sr, concept), value=text, relationship_type=relationship)
        for concept, text in texts
        if text
    ]


def _unlocated(sr: Any, annotations: Iterable[Annotation]) -> Iterator[Any]:
    """Answers without a box: the sentence, or the subject that was not found."""
    for one in annotations:
        if one.box is not None:
            continue
        item, *details = _texts(sr, one, "HAS PROPERTIES")
        if not one.sentence:
            details = [item, *details]
            item = _coded(sr, concepts.FINDING, subject_of(one.name).finding, "CONTAINS")
        item.RelationshipType = "CONTAINS"
        item.ContentSequence = sr.ContentSequence(details)
        yield item


def _finding(sr: Any, one: Mapping[str, Any]) -> Any:
    item = _coded(sr, concepts.FINDING, subject_of(one["observation"]).finding, "CONTAINS")
    properties = [
        sr.TextContentItem(_code(sr, concepts.NAME), one["observation"], "HAS PROPERTIES"),
        *(
            _number(sr, concept, one[key], concepts.NO_UNITS, "HAS PROPERTIES")
            for key, concept in concepts.NUMBERS
            if one[key] is not None
        ),
        *(
            _coded(sr, concept, concepts.YES if one[key] else concepts.NO, "HAS PROPERTIES")
            for key, concept in concepts.FLAGS
            if one[key] is not None
        ),
    ]
    item.ContentSequence = sr.ContentSequence(properties)
    return item


def _code(sr: Any, name: CodedName) -> Any:
    return sr.CodedConcept(name.value, name.scheme, name.meaning)


def _coded(sr: Any, concept: CodedName, value: CodedName, relationship: str) -> Any:
    return sr.CodeContentItem(_code(sr, concept), _code(sr, value), relationship)


def _number(sr: Any, concept: CodedName, value: float, unit: CodedName, relationship: str) -> Any:
    return sr.NumContentItem(_code(sr, concept), value, _code(sr, unit), relationship_type=relationship)


def _container(sr: Any, concept: CodedName, items: Sequence[Any]) -> Any:
    container = sr.ContainerContentItem(name=_code(sr, concept), relationship_type="CONTAINS")
    if items:
        container.ContentSequence = sr.ContentSequence(items)
    return container


def _coding_scheme() -> Any:
    pydicom = optional_import("pydicom", EXTRA, PURPOSE)
    scheme = pydicom.Dataset()
    scheme.CodingSchemeDesignator = concepts.PRIVATE
    scheme.CodingSchemeName = "Plainfilm: answers of models, and names without a standard code"
    scheme.CodingSchemeResponsibleOrganization = MANUFACTURER
    return scheme
