"""MIMIC-CXR-JPG (and the reports of MIMIC-CXR) as downloaded from PhysioNet.

    RAW/files/p10/p10000032/s50414267/<dicom_id>.jpg
    RAW/files/p10/p10000032/s50414267.txt           or RAW/mimic-cxr-reports/files/..., or beside RAW
    RAW/mimic-cxr-2.0.0-metadata.csv.gz             views, dates          (2.1.0 and unzipped too)
    RAW/mimic-cxr-2.0.0-split.csv.gz                official split
    RAW/mimic-cxr-2.0.0-chexpert.csv.gz, -negbio    labels
    RAW/patients.csv.gz                             sex and age, from MIMIC-IV, optional

Every table may be missing: without them the folder tree is what is read, views are unknown and the split
is drawn by patient. The tables are held in memory (0.5 GB for all of MIMIC-CXR); films and reports
are not. Johnson et al., "MIMIC-CXR, a de-identified publicly available database of chest radiographs
with free-text reports", Scientific Data 6, 2019.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from plainfilm.errors import SourceError
from plainfilm.io.tables import read_csv
from plainfilm.sources.base import SourceConfig, is_blank, number_of, sex_of, split_of, state_of, view_of
from plainfilm.text.overrides import Override, read_overrides
from plainfilm.text.sections import parse_sections
from plainfilm.types import Image, Label, Rejection, Report, State, Study, View

IMAGE_KEYS = ("dicom_id", "subject_id", "study_id")
LABELLERS = ("chexpert", "negbio")
CORPUS = "mimic-cxr"


class Config(SourceConfig):
    """reports: the folder that holds `files/` of reports, where it is not found by itself. sections: a file
    that states the sections of single studies (see `text.overrides`).
    """

    reports: Path | None = None
    sections: Path | None = None


@dataclass(frozen=True, slots=True)
class _Film:
    """What the tables say of one image."""

    split: str | None
    view: View
    order: float | None


@dataclass(frozen=True)
class _Person:
    """Sex, and age in `year` of the patient's shifted calendar (the year may be unknown)."""

    sex: str | None
    age: float | None
    year: int | None


@dataclass
class _Tables:
    """The tables of the layout by id: studies of a patient, films of a study, labels of a study."""

    studies: dict[str, list[str]] = field(default_factory=dict)
    films: dict[str, dict[str, _Film]] = field(default_factory=dict)
    labels: dict[str, tuple[Label, ...]] = field(default_factory=dict)
    people: dict[str, _Person] = field(default_factory=dict)
    licence: str | None = None
    overrides: Mapping[str, Override] = field(default_factory=dict)


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """The studies of a download, by patient and study number.

    A study without a report is kept for its images and a report without images for its text. What is
    listed but not on disk, and what is on disk but not listed, is a `Rejection`.

    Raises:
        SourceError: `raw` is not a folder or holds no `files/`.
    """
    files = raw / "files"
    if not files.is_dir():
        raise SourceError(f"{raw}: no folder 'files' in it; give the folder that holds files/ and the csv.gz")
    reports = _report_roots(raw, config)
    overrides = read_overrides(config.sections) if config.sections else {}
    tables = _Tables(licence=_licence(raw), overrides=overrides)
    yield from _read_tables(raw, tables)
    for patient in _patients(files, reports, tables):
        yield from _patient(patient, raw, reports, tables)


def _report_roots(raw: Path, config: Config) -> list[Path]:
    if config.reports is not None:
        root = config.reports / "files" if (config.reports / "files").is_dir() else config.reports
        if not root.is_dir():
            raise SourceError(f"{config.reports}: no such folder of reports")
        return [root]
    beside = (raw, raw / "mimic-cxr-reports", raw.parent / "mimic-cxr-reports")
    return [folder / "files" for folder in beside if (folder / "files").is_dir()]


def _licence(raw: Path) -> str | None:
    """The first lines of the licence file that PhysioNet puts beside the data."""
    file = raw / "LICENSE.txt"
    if not file.is_file():
        return None
    lines = [line.strip() for line in file.read_text(encoding="utf-8", errors="replace").splitlines()]
    return " ".join([line for line in lines if line][:2]) or None


def _table(raw: Path, name: str) -> Path | None:
    """The newest table of a name: `mimic-cxr-2.1.0-split.csv.gz`, `split.csv`, ..."""
    patterns = (f"mimic-cxr-*-{name}.csv.gz", f"mimic-cxr-*-{name}.csv", f"{name}.csv.gz", f"{name}.csv")
    found = [path for pattern in patterns for path in sorted(raw.glob(pattern), reverse=True)]
    return found[0] if found else None


def _columns(path: Path, required: Sequence[str], optional: Sequence[str]) -> Iterator[list[str]]:
    """The cells of each row, stripped, in the order of the names; blank where an optional one is missing."""
    frame = read_csv(path, required=list(required))
    blank = [""] * len(frame)
    columns = [frame[name].tolist() if name in frame else blank for name in (*required, *optional)]
    for cells in zip(*columns, strict=True):
        yield ["" if is_blank(cell) else cell.strip() for cell in cells]


def _read_tables(raw: Path, tables: _Tables) -> Iterator[Rejection]:
    splits: dict[str, str] = {}
    split_table, metadata = _table(raw, "split"), _table(raw, "metadata")
    if split_table:
        for image, subject, study, split in _columns(split_table, (*IMAGE_KEYS, "split"), ()):
            splits[image] = split
            if not metadata:
                _add_film(tables, (image, subject, study), _Film(split_of(split), View.UNKNOWN, None))
    if metadata:
        yield from _read_metadata(metadata, splits, tables)
    for name in LABELLERS:
        path = _table(raw, name)
        yield from _read_labels(path, f"mimic-cxr/{name}", tables) if path else ()
    people = _table(raw, "patients")
    if people:
        _read_people(people, tables)


def _read_metadata(path: Path, splits: dict[str, str], tables: _Tables) -> Iterator[Rejection]:
    optional = (
        "ViewPosition",
        "ViewCodeSequence_CodeMeaning",
        "PatientOrientationCodeSequence_CodeMeaning",
        "StudyDate",
        "StudyTime",
    )
    for image, subject, study, *rest in _columns(path, IMAGE_KEYS, optional):
        position, meaning, orientation, date, time = rest
        view = view_of(position or meaning)
        if view is View.AP and orientation.lower() == "recumbent":
            view = View.AP_SUPINE
        film = _Film(split_of(splits.get(image, "")), view, _days(date, time))
        if not _add_film(tables, (image, subject, study), film):
            yield Rejection(image, f"{path.name} lists the image twice in study s{study}", f"s{study}")


def _add_film(tables: _Tables, keys: tuple[str, str, str], film: _Film) -> bool:
    """Adds a film below its study and patient; False for the second one of the same id."""
    image, patient, study = keys[0], f"p{keys[1]}", f"s{keys[2]}"
    if study not in tables.films:
        tables.studies.setdefault(patient, []).append(study)
    films = tables.films.setdefault(study, {})
    if image in films:
        return False
    films[image] = film
    return True


def _days(date: str, time: str) -> float | None:
    """A DICOM date and time as days since year 1, or `None`."""
    try:
        day = datetime.strptime(date.partition(".")[0], "%Y%m%d").toordinal()
    except ValueError:
        return None
    clock = time.partition(".")[0].zfill(6)
    seconds = (int(clock[:2]) * 60 + int(clock[2:4])) * 60 + int(clock[4:6]) if clock.isdigit() else 0
    return day + seconds / 86_400


def _read_labels(path: Path, origin: str, tables: _Tables) -> Iterator[Rejection]:
    frame = read_csv(path, required=["study_id"])
    observations = [str(name) for name in frame.columns if name not in ("study_id", "subject_id")]
    rows = frame[["study_id", *observations]].itertuples(index=False, name=None)
    known: dict[tuple[str, State], Label] = {}  # one record per label, shared by all studies
    for number, (study, *cells) in enumerate(rows, start=1):
        labels = list(tables.labels.get(f"s{study}", ()))
        for observation, cell in zip(observations, cells, strict=True):
            state = None if is_blank(cell) else state_of(cell)
            if state is not None:
                labels.append(known.setdefault((observation, state), Label(observation, state, origin)))
            elif not is_blank(cell):
                reason = f"label {observation} is '{cell}': expected 1, 0, -1 or blank"
                yield Rejection(f"{path.name} row {number}", reason, f"s{study}")
        tables.labels[f"s{study}"] = tuple(labels)


def _read_people(path: Path, tables: _Tables) -> None:
    optional = ("gender", "anchor_age", "anchor_year")
    for subject, gender, age, year in _columns(path, ("subject_id",), optional):
        known = number_of(year)
        tables.people[f"p{subject}"] = _Person(sex_of(gender), number_of(age), int(known) if known else None)


def _age(person: _Person | None, order: float | None) -> float | None:
    """Years at the study: the anchor age moved by the calendar years between anchor and study."""
    if person is None or person.age is None:
        return None
    if person.year is None or order is None:
        return person.age
    return max(0.0, person.age + datetime.fromordinal(int(order)).year - person.year)


def _patients(files: Path, reports: Sequence[Path], tables: _Tables) -> list[str]:
    """Every patient on disk or in the tables, in order."""
    patients = set(tables.studies)
    for root in dict.fromkeys((files, *reports)):
        for group in root.glob("p[0-9]*"):
            patients.update(folder.name for folder in group.glob("p[0-9]*") if folder.is_dir())
    return sorted(patients)


def _patient(
    patient: str, raw: Path, reports: Sequence[Path], tables: _Tables
) -> Iterator[Study | Rejection]:
    folder = raw / "files" / patient[:3] / patient
    texts = {
        file.stem: file
        for root in reversed(reports)
        for file in (root / patient[:3] / patient).glob("s*.txt")
    }
    on_disk = {path.name for path in folder.glob("s*") if path.is_dir()}
    listed = tables.studies.get(patient, [])
    split = next(
        (film.split for study in listed for film in tables.films[study].values() if film.split), None
    )
    for study in sorted({*listed, *on_disk, *texts}):
        films = tables.films.get(study, {})
        images, rejections = _images(folder / study, films, raw, tables)
        yield from (Rejection(path, reason, study) for path, reason in rejections)
        text, rejection = _report(texts.get(study), raw)
        yield from (Rejection(path, reason, study) for path, reason in rejection)
        order = min((film.order for film in films.values() if film.order is not None), default=None)
        person = tables.people.get(patient)
        yield Study(
            study_id=study,
            patient_id=patient,
            images=tuple(images),
            report=_sectioned(text, tables.overrides.get(study)) if text else None,
            labels=tables.labels.get(study, ()),
            split=next((film.split for film in films.values() if film.split), split),
            order=order,
            age=_age(person, order),
            sex=person.sex if person else None,
        )


def _sectioned(text: str, override: Override | None) -> Report:
    sections = parse_sections(text, "mimic_cxr", override) if override else None
    return Report(text, sections, "mimic_cxr")


def _images(
    folder: Path, films: dict[str, _Film], raw: Path, tables: _Tables
) -> tuple[list[Image], list[tuple[str, str]]]:
    """The films of a study, and (path, reason) of those on one side of disk and tables only."""
    on_disk = {path.stem: path for path in folder.glob("*.jpg")}
    images: list[Image] = []
    rejections: list[tuple[str, str]] = []
    for image in sorted({*films, *on_disk}):
        path = on_disk.get(image, folder / f"{image}.jpg")
        shown = path.relative_to(raw).as_posix()
        if image not in on_disk:
            rejections.append((shown, "listed in the tables but not on disk"))
        elif tables.films and image not in films:
            rejections.append((shown, "on disk but not in the tables, so its view and split are unknown"))
        else:
            view = films[image].view if image in films else View.UNKNOWN
            images.append(Image(image, path, view, licence=tables.licence))
    return images, rejections


def _report(path: Path | None, raw: Path) -> tuple[str | None, Iterable[tuple[str, str]]]:
    """A report's text; an empty or unreadable file is a rejection and the study stays without report."""
    if path is None:
        return None, ()
    shown = path.relative_to(raw).as_posix() if path.is_relative_to(raw) else path.name
    try:
        text = path.read_bytes()
    except OSError as error:
        return None, [(shown, f"the report cannot be read: {error.strerror}")]
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError:
        decoded = text.decode("cp1252", errors="replace")
    return (decoded, ()) if decoded.strip() else (None, [(shown, "the report is empty")])


def make_example(root: Path) -> Path:
    """Six phantom studies in this layout."""
    from plainfilm import phantom  # compiles its kernels, which readers need not wait for

    phantom.write("mimic_cxr", root, studies=6, size=128)
    return root
