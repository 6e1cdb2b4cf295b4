"""Films listed one by one, gathered into studies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from plainfilm.sources.common.person_ids import People, identifier
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
    """Studies in the order of their first rows.

    One in two splits, or of two patients, is two; `prepare` keeps the first and rejects the other.
    """

    def __init__(self) -> None:
        self._studies: dict[tuple[str, str, str | None], ListedStudy] = {}
        self._people = People()

    def of(self, study_id: str, patient_id: str, split: str | None) -> ListedStudy:
        """The study of a row, which is new or was met before; one of another patient is another study.

        A blank patient, or one that a spreadsheet has rounded, is the study itself.
        """
        study_id = identifier(study_id)
        patient_id = self._people(patient_id) or study_id
        key = (study_id, patient_id, split)
        if key not in self._studies:
            self._studies[key] = ListedStudy(study_id, patient_id, split)
        return self._studies[key]

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
