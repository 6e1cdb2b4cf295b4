"""Words for viewers that draw no structured report: a number for each box, and a list of what is said."""

from __future__ import annotations

from dataclasses import dataclass

from plainfilm.dicom_output.annotations import Annotation, FilmResults
from plainfilm.dicom_output.objects import MANUFACTURER, Algorithm

NOT_LOCATED = "not located"
NOTHING = "No box and no sentence."


@dataclass(frozen=True)
class Caption:
    """What is said of some boxes, by their numbers from 1, or of the film if there is none."""

    numbers: tuple[int, ...]
    words: str

    def __str__(self) -> str:
        """The numbers and the words on one line."""
        return f"{', '.join(map(str, self.numbers)) or '-'}  {self.words}"


def heading(algorithm: Algorithm) -> str:
    """What every picture says of itself."""
    return f"{MANUFACTURER} research software, not for diagnosis. Model: {algorithm.name}"


def numbered(results: FilmResults) -> list[tuple[int, Annotation]]:
    """The annotations that have a box, with the number of each."""
    return list(enumerate((one for one in results.annotations if one.box is not None), start=1))


def captions(results: FilmResults) -> list[Caption]:
    """One line for each answer, those with boxes by their first number, then the others."""
    lines: dict[tuple[object, ...], tuple[list[int], str]] = {}
    for number, one in numbered(results):
        numbers, _ = lines.setdefault((one.answer, one.name, one.sentence), ([], _words(one)))
        numbers.append(number)
    with_boxes = [Caption(tuple(numbers), words) for numbers, words in lines.values()]
    others = [Caption((), _words(one)) for one in results.annotations if one.box is None]
    return [*with_boxes, *others] or [Caption((), NOTHING)]


def tag(number: int, one: Annotation) -> str:
    """What stands at the box itself: its number, and the score where there is one."""
    return str(number) if one.score is None else f"{number} ({one.score:.2f})"


def _words(one: Annotation) -> str:
    located = [] if one.box is not None or one.sentence else [NOT_LOCATED]
    return ": ".join(filter(None, (one.name, one.sentence, *located)))
