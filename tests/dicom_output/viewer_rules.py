"""What viewers demand of a structured report before they draw its boxes, restated from their sources.

OHIF: `extensions/cornerstone-dicom-sr/src/getSopClassHandlerModule.ts`, and for boxes that a person can move
the `MeasurementReport` of Cornerstone3D's adapters. 3D Slicer: QuantitativeReporting. dwv: its annotation
factory. Each function gives the boxes it would draw, by tracking UID, or raises `Refused` with the rule that
is broken.
"""

from __future__ import annotations

from typing import Any

Points = list[tuple[float, float]]
_SR_CLASSES = {f"1.2.840.10008.5.1.4.1.1.88.{number}" for number in (11, 22, 33, 34)}


class Refused(Exception):
    """A viewer fails, or draws nothing."""


def _require(condition: object, rule: str) -> None:
    if not condition:
        raise Refused(rule)


def _value(item: Any) -> str:
    sequence = item.get("ConceptNameCodeSequence")
    _require(sequence, "every content item has a concept name")
    return str(sequence[0].CodeValue)


def _meaning(item: Any) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeMeaning)


def _content(item: Any) -> list[Any]:
    return list(item.get("ContentSequence") or [])


def _find(parts: list[Any], value: str) -> Any:
    return next((part for part in parts if _value(part) == value), None)


def ohif_draws(report: Any) -> dict[str, Points]:
    _require(report.SOPClassUID in _SR_CLASSES, "a class of structured reports")
    _require(_value(report) == "126000", "root is an Imaging Measurement Report")
    library = _find(_content(report), "111028")
    _require(library is not None, "an image library")
    group = _find(_content(library), "126200")
    _require(group is not None, "an image library group")
    films = {
        str(one.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
        for one in _content(group)
        if "ReferencedSOPSequence" in one
    }
    _require(films, "images in the library group")
    measurements = _find(_content(report), "126010")
    _require(measurements is not None, "imaging measurements")
    drawn: dict[str, Points] = {}
    groups = [one for one in _content(measurements) if _value(one) == "125007"]
    for one in groups:
        uid, points = _ohif_group(_content(one), films)
        _require(uid not in drawn, "a tracking UID of its own for every box, as groups with one are merged")
        drawn[uid] = points
    return drawn


def _ohif_group(parts: list[Any], films: set[str]) -> tuple[str, Points]:
    tracking = _find(parts, "112040")
    _require(tracking is not None, "a tracking unique identifier in every group")
    _require(_find(parts, "112039") is not None, "a tracking identifier in every group")
    shape = next((part for part in parts if part.ValueType in ("SCOORD", "SCOORD3D")), None)
    _require(shape is not None, "coordinates in every group: numbers without them make it fail")
    inner = _content(shape)
    _require(len(inner) == 1 and "ReferencedSOPSequence" in inner[0], "coordinates selected from one image")
    uid = str(inner[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
    _require(uid in films, "coordinates on a film of the library")
    numbers = [part for part in parts if part.ValueType == "NUM" and part.get("MeasuredValueSequence")]
    _require(numbers, "a number in every group, from which the label is made")
    return str(tracking.UID), _points(shape)


def ohif_edits(report: Any) -> dict[str, str]:
    """The labels of the rectangles that a person can move, by tracking UID."""
    template = report.get("ContentTemplateSequence")
    _require(template and template[0].TemplateIdentifier == "1500", "template 1500")
    parts = [one for one in _content(report) if _meaning(one) == "Imaging Measurements"]
    _require(parts, "the meaning 'Imaging Measurements'")
    groups = [one for one in _content(parts[0]) if _meaning(one) == "Measurement Group"]
    _require(groups, "the meaning 'Measurement Group'")
    labels = {}
    for group in groups:
        by_meaning = {_meaning(one): one for one in _content(group)}
        _require("Tracking Identifier" in by_meaning, "the meaning 'Tracking Identifier'")
        _require("Tracking Unique Identifier" in by_meaning, "the meaning 'Tracking Unique Identifier'")
        _require(
            by_meaning["Tracking Identifier"].TextValue == "Cornerstone3DTools@^0.1.0:RectangleROI",
            "a tracking identifier that names the rectangle tool",
        )
        shape = next(one for one in _content(group) if one.ValueType == "SCOORD")
        _require(_value(shape) == "111030" and shape.GraphicType == "POLYLINE", "an image region as polyline")
        _require(len(_points(shape)) in (4, 5), "a polyline of four or five points")
        comment = _find(_content(group), "121106")
        labels[str(by_meaning["Tracking Unique Identifier"].UID)] = comment.TextValue if comment else ""
    return labels


def slicer_draws(report: Any) -> int:
    """How many boxes 3D Slicer takes as bounding boxes."""
    groups = _content(_find(_content(report), "126010"))
    for group in groups:
        purpose = _find(_content(group), "130400")
        _require(purpose is not None, "a geometric purpose of the region")
        code = purpose.ConceptCodeSequence[0]
        _require((code.CodeValue, code.CodingSchemeDesignator) == ("75958009", "SCT"), "bounded by")
    return len(groups)


def dwv_draws(report: Any) -> dict[str, Points]:
    evidence = report.get("CurrentRequestedProcedureEvidenceSequence")
    _require(evidence, "evidence of the current procedure")
    known = {
        str(one.ReferencedSOPInstanceUID)
        for study in evidence
        for series in study.ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    }
    drawn = {}
    for group in _content(_find(_content(report), "126010")):
        shape = next(one for one in _content(group) if one.ValueType == "SCOORD")
        image = _content(shape)[0].ReferencedSOPSequence[0]
        _require(str(image.ReferencedSOPInstanceUID) in known, "the film among the evidence")
        points = _points(shape)
        _require(len(points) == 5 and points[0] == points[-1], "a closed polyline of five points")
        drawn[str(_find(_content(group), "112040").UID)] = points
    return drawn


def _points(shape: Any) -> Points:
    values = [float(value) for value in shape.GraphicData]
    return list(zip(values[::2], values[1::2], strict=True))
