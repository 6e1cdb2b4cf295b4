"""What the objects about a film have in common: who made them, and identifiers that follow from content."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from itertools import starmap
from typing import Any, Literal, get_args

import plainfilm
from plainfilm.dicom_output.annotations import Annotation, FilmResults
from plainfilm.dicom_output.codes import shortened
from plainfilm.dicom_output.identifiers import derived_uid
from plainfilm.dicom_output.source_film import SourceFilm
from plainfilm.io.dicom.subject import OURS

MANUFACTURER = OURS
BODY_PART = "CHEST"
"""It is no pair, so that no side is wanted of its pictures."""
Kind = Literal["structured report", "presentation state", "secondary capture"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_SERIES_NUMBERS: dict[Kind, int] = {
    "structured report": 9001,
    "presentation state": 9002,
    "secondary capture": 9003,
}
_LONG_STRING = 64
"""Characters of a value of type LO."""


@dataclass(frozen=True)
class Algorithm:
    """What answered: a model by name, the fingerprint of its weights, and what else decides the answer."""

    name: str
    version: str
    parameters: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Identifies the algorithm with all that it was asked."""
        return derived_uid("asked", *astuple(self))

    @property
    def uid(self) -> str:
        """Identifies the algorithm as a device that observes."""
        return derived_uid("algorithm", self.version)


def series_uid(film_uid: str, algorithm: Algorithm, kind: Kind) -> str:
    """The series of an object: one for every film, as OHIF shows one report of a series only.

    It follows from the film and the algorithm alone, so an archive can be asked for it before anything is
    computed.
    """
    return derived_uid("series", kind, film_uid, *astuple(algorithm))


def tracked(film: SourceFilm, results: FilmResults, algorithm: Algorithm) -> FilmResults:
    """The results with a tracking UID for every box that has none."""

    def with_uid(place: int, one: Annotation) -> Annotation:
        if one.box is None or one.tracking_uid:
            return one
        uid = derived_uid("annotation", film.uid, algorithm.version, place, *astuple(one))
        return replace(one, tracking_uid=uid)

    return replace(results, annotations=tuple(starmap(with_uid, enumerate(results.annotations))))


def identity(
    film: SourceFilm, results: FilmResults, algorithm: Algorithm, kind: Kind, reader: str = ""
) -> dict[str, Any]:
    """The arguments that every class of objects takes: identifiers, and the equipment that made it.

    The SOP Instance UID follows from all of the content but its dates: another content is another object, and
    the same content made again is the same object.
    """
    annotations = [astuple(one) for one in results.annotations]
    findings = [dict(one) for one in results.findings]
    content: tuple[object, ...] = (film.uid, astuple(algorithm), plainfilm.__version__, annotations, findings)
    content += (reader,) if reader else ()
    return {
        "series_instance_uid": series_uid(film.uid, algorithm, kind),
        "series_number": _SERIES_NUMBERS[kind],
        "series_description": shortened(f"{MANUFACTURER} {kind} (research)", _LONG_STRING),
        "sop_instance_uid": derived_uid("instance", kind, *content),
        "instance_number": 1,
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": shortened(algorithm.name, _LONG_STRING),
        "software_versions": plainfilm.__version__,
        "device_serial_number": shortened(algorithm.version, _LONG_STRING) or None,
    }


@contextmanager
def without_warnings() -> Iterator[None]:
    """Without the warnings of pydicom and highdicom, which quote header values that may name a patient."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
