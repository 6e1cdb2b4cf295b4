"""Films listed one by one, gathered into studies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from plainfilm.types import Image, Label, Report, Study


@dataclass
class ListedStudy:
    """What the rows of one study say."""

    study_id: str
    patient_id: str
    split: str | None = None
    images: list[Image] = field(default_factory=list)
    report: Report | None = None
    labels: tuple[Label, ...] = ()


class ListedStudies:
    """Studies in the order of their first rows. One in two splits is two; `prepare` keeps the first."""

    def __init__(self) -> None:
        self._studies: dict[tuple[str, str | None], ListedStudy] = {}

    def of(self, study_id: str, patient_id: str, split: str | None) -> ListedStudy:
        """The study of a row, which is new or was met before."""
        return self._studies.setdefault((study_id, split), ListedStudy(study_id, patient_id, split))

    def __iter__(self) -> Iterator[Study]:
        for study in self._studies.values():
            yield Study(
                study.study_id,
                study.patient_id,
                tuple(study.images),
                study.report,
                study.labels,
                study.split,
            )
