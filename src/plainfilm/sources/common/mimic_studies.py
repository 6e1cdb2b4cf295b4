"""The studies of a MIMIC-CXR release, from its tables and from what lies on disk."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from plainfilm.errors import DataError
from plainfilm.io.archives import read_bytes
from plainfilm.sources.common.folders import children
from plainfilm.sources.common.mimic_release import MimicConfig, Release, find_release
from plainfilm.sources.common.mimic_tables import Film, Tables, read_tables
from plainfilm.text.section_overrides import Override, read_overrides
from plainfilm.text.sections import parse_sections
from plainfilm.types import Image, Rejection, Report, Study

REPORT = ".txt"
_RULES = "mimic_cxr"


@dataclass
class Corpus:
    """A release with its tables. `films` says whether films are looked for on disk."""

    release: Release
    config: MimicConfig
    tables: Tables = field(default_factory=Tables)
    overrides: dict[str, Override] = field(default_factory=dict)

    def read_tables(self) -> Iterator[Rejection]:
        """Reads every table there is; yields what is wrong in them."""
        if self.config.sections:
            self.overrides = read_overrides(self.config.sections)
        yield from read_tables(self.release.tables, self.tables)

    def studies(self, patients: Collection[str] | None = None) -> Iterator[Study | Rejection]:
        """The studies by patient and study number, of all patients or of some.

        A study without a report is kept for its images, and a report without images for its text. What is
        listed but not on disk, and what is on disk but not listed, is a `Rejection`. Reports are not read:
        `with_report` does that.
        """
        for patient in sorted(self._patients() if patients is None else patients):
            yield from self._patient(patient)

    def _patients(self) -> set[str]:
        """Every patient on disk or in the tables."""
        found = set(self.tables.studies)
        films = () if self.config.tables_only else (self.release.files,)
        for root in {*films, *self.release.reports}:
            for group in children(root):
                found.update(
                    name for name in children(root / group) if name[:1] == "p" and name[1:].isdigit()
                )
        return found

    def _patient(self, patient: str) -> Iterator[Study | Rejection]:
        folder = self.release.patient_folder(patient)
        present = () if self.config.tables_only else children(folder)
        texts = self._texts(patient)
        listed = self.tables.studies.get(patient, [])
        on_disk = {name for name in present if name[:1] == "s" and "." not in name}
        split, person = self.tables.split_of(patient), self.tables.people.get(patient)
        for study in sorted({*listed, *on_disk, *texts}):
            films = self.tables.films.get(study, {})
            images = []
            for item in self._images(folder / study, films):
                if isinstance(item, Image):
                    images.append(item)
                else:
                    yield replace(item, study_id=study)
            if study in self.tables.listed and study not in texts and (texts or self._has_reports):
                yield Rejection(f"{study}{REPORT}", "the report is listed but not on disk", study)
            order = min((film.order for film in films.values() if film.order is not None), default=None)
            made = Study(
                study_id=study,
                patient_id=patient,
                images=tuple(images),
                labels=self.tables.labels.get(study, ()),
                split=next((film.split for film in films.values() if film.split), split),
                order=order,
                age=person.age_at(order) if person else None,
                sex=person.sex if person else None,
                files=(texts[study],) if study in texts else (),
            )
            yield from self._overridden(made)

    @property
    def _has_reports(self) -> bool:
        """True where reports lie in a place of their own."""
        return any(root != self.release.files for root in self.release.reports)

    def _texts(self, patient: str) -> dict[str, Path]:
        """The reports of a patient by study."""
        return {
            name.removesuffix(REPORT): root / patient[:3] / patient / name
            for root in reversed(self.release.reports)
            for name in children(root / patient[:3] / patient)
            if name.endswith(REPORT)
        }

    def _images(self, folder: Path, films: dict[str, Film]) -> Iterator[Image | Rejection]:
        """The films of a study, and rejections of those on one side of disk and tables only."""
        suffix, licence = self.release.suffix, self.release.licence
        if self.config.tables_only:
            on_disk = set(films)
        else:
            on_disk = {name.removesuffix(suffix) for name in children(folder) if name.endswith(suffix)}
        for image in sorted({*films, *on_disk}):
            path = folder / f"{image}{suffix}"
            if image not in on_disk:
                yield Rejection(str(path), "listed in the tables but not on disk")
            elif self.tables.films and image not in films:
                reason = "on disk but not in the tables, so its view and split are unknown"
                yield Rejection(str(path), reason)
            else:
                film = films.get(image, Film())
                yield Image(image, path, film.view, licence=licence, width=film.width, height=film.height)

    def _overridden(self, study: Study) -> Iterator[Study | Rejection]:
        """The study, with its report where a file states the sections of that."""
        override = self.overrides.get(study.study_id)
        if override is None:
            yield study
            return
        for item in with_report(study):
            if isinstance(item, Study) and item.report is not None:
                sections = parse_sections(item.report.text, _RULES, override)
                item = replace(item, report=replace(item.report, sections=sections))
            yield replace(item, files=()) if isinstance(item, Study) else item


def read_release(raw: Path, suffix: str, config: MimicConfig) -> Iterator[Study | Rejection]:
    """The studies of the release at or below `raw` whose films have that suffix.

    Raises:
        SourceError: there is none.
    """
    corpus = Corpus(find_release(raw, suffix, config), config)
    yield from corpus.read_tables()
    yield from corpus.studies()


def with_report(study: Study) -> Iterator[Study | Rejection]:
    """The study with the report among its `files`, and a rejection of one that is empty or unreadable."""
    path = next((file for file in study.files if file.suffix == REPORT), None)
    if path is None:
        yield study
        return
    text, reason = _read(path)
    if reason:
        yield Rejection(str(path), reason, study.study_id)
    yield replace(study, report=Report(text, header_rules=_RULES)) if text else study


def _read(path: Path) -> tuple[str | None, str | None]:
    """A report's text, or why there is none."""
    try:
        data = read_bytes(path)
    except (OSError, DataError) as error:
        return None, f"the report cannot be read ({getattr(error, 'strerror', None) or error})"
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    return (text, None) if text.strip() else (None, "the report is empty")
