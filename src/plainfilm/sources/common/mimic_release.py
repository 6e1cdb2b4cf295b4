"""Where the parts of a MIMIC-CXR download lie: films, tables, reports, licence.

    mimic-cxr-jpg/2.1.0/    files/p10/p10000032/s50414267/<dicom_id>.jpg, mimic-cxr-2.0.0-*.csv.gz
    mimic-cxr/2.1.0/        the same with .dcm, cxr-record-list.csv.gz, cxr-study-list.csv.gz,
                            mimic-cxr-reports.zip (files/p10/p10000032/s50414267.txt)

PhysioNet publishes both, `wget -r` puts them below physionet.org/files, and people unpack and move them; so
every part is looked for at the usual places.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from plainfilm.errors import SourceError
from plainfilm.io.archives import is_file, read_bytes
from plainfilm.sources.base import SourceConfig
from plainfilm.sources.common.folders import children, find_folder

TABLES = (
    *("metadata", "record-list", "split", "study-list"),
    *("chexpert", "negbio", "test-set-labeled", "patients"),
)
"""The tables that are read, by the part of their names that tells them apart."""

_MARKERS = {".jpg": ("split", "metadata"), ".dcm": ("record-list",)}
"""The tables by which the release of each kind of film is known."""
_GROUP = re.compile(r"p\d\d")
_REPORTS = ("mimic-cxr-reports", "mimic-cxr-reports.zip")


class MimicConfig(SourceConfig):
    """The options of every source that reads MIMIC-CXR.

    reports: the folder or zip that holds `files/` of reports. tables: the folder that holds the csv.gz. Both
    where they are not found by themselves. sections: a file that states the sections of single studies (see
    `text.section_overrides`).
    """

    reports: Path | None = None
    tables: Path | None = None
    sections: Path | None = None


@dataclass(frozen=True)
class Release:
    """The parts of a download: `files` holds p10/, p11/, ...; `reports` are such folders too."""

    root: Path
    suffix: str
    tables: Mapping[str, Path]
    reports: tuple[Path, ...]
    licence: str | None

    @property
    def files(self) -> Path:
        """The folder of films."""
        return self.root / "files"

    def patient_folder(self, patient: str) -> Path:
        """Where the films of a patient lie."""
        return self.files / patient[:3] / patient


def find_release(raw: Path, suffix: str, config: MimicConfig) -> Release:
    """The release of films with `suffix` at or below `raw`.

    Raises:
        SourceError: there is none, or an option names what is not there.
    """
    root = release_root(raw, suffix, tables_only=config.tables_only)
    if root is None:
        wanted = "csv.gz of MIMIC-CXR" if config.tables_only else "folder 'files'"
        raise SourceError(
            f"{raw}: no {wanted} in it nor below; give the folder that holds files/ and the csv.gz"
        )
    tables = _tables(root, config)
    return Release(root, suffix, tables, tuple(_reports(root, config)), _licence(root))


def release_root(raw: Path, suffix: str, tables_only: bool = False) -> Path | None:
    """The folder that holds a release's tables, or else its `files`; `None` where there is neither."""
    if raw.name == "files" and _has_groups(raw):
        return raw.parent

    def is_marked(folder: Path, names: Sequence[str]) -> bool:
        tables = any(_table(names, marker) for marker in _MARKERS[suffix])
        return tables and (tables_only or "files" in names)

    def has_films(folder: Path, names: Sequence[str]) -> bool:
        return "files" in names and _has_groups(folder / "files")

    return find_folder(raw, is_marked) or find_folder(raw, has_films)


def _has_groups(files: Path) -> bool:
    return any(_GROUP.fullmatch(name) for name in children(files))


def _tables(root: Path, config: MimicConfig) -> dict[str, Path]:
    """The newest table of each name, first in the release and then in the other one beside it."""
    if config.tables is not None and not children(config.tables):
        raise SourceError(f"{config.tables}: no such folder of tables")
    folders = [config.tables] if config.tables else [root, *sisters(root, "mimic-cxr-jpg")]
    found: dict[str, Path] = {}
    for folder in folders:
        names = children(folder)
        for table in TABLES:
            newest = _table(names, table)
            if newest:
                found.setdefault(table, folder / newest)
    return found


def _table(names: Sequence[str], table: str) -> str | None:
    """The newest file of a name: `mimic-cxr-2.1.0-split.csv.gz`, `cxr-record-list.csv`, `split.csv`, ..."""
    pattern = re.compile(rf"(?:mimic-cxr-[\d.]+-|cxr-)?{table}\.csv(?:\.gz)?")
    found = sorted(name for name in names if pattern.fullmatch(name))
    return max(found, key=lambda name: (name != f"{table}.csv", "cxr-" in name, name), default=None)


def sisters(root: Path, project: str) -> list[Path]:
    """The releases of another project beside this one, the newest first."""
    folders = [root.parent.parent / project, root.parent / project]
    found = [folder / version for folder in folders for version in reversed(children(folder))]
    return [*(folder for folder in found if children(folder)), *(one for one in folders if children(one))]


def _reports(root: Path, config: MimicConfig) -> Iterator[Path]:
    if config.reports is not None:
        found = next(_with_groups(config.reports), None)
        if found is None:
            raise SourceError(f"{config.reports}: no such folder of reports (files/p10/p10.../s....txt)")
        yield found
        return
    others = sisters(root, "mimic-cxr")
    beside = [folder / name for folder in (root, root.parent, *others) for name in _REPORTS]
    yield from dict.fromkeys(folder for place in (root, *beside, *others) for folder in _with_groups(place))


def _with_groups(place: Path) -> Iterator[Path]:
    """The folder of p10/, p11/, ... in a place where one may have been unpacked, if it is there."""
    for folder in (place, place / "files", *(place / name / "files" for name in _REPORTS)):
        if _has_groups(folder):
            yield folder
            return


def _licence(root: Path) -> str | None:
    """The first lines of the licence file that PhysioNet puts beside the data."""
    file = root / "LICENSE.txt"
    if not is_file(file):
        return None
    lines = [line.strip() for line in read_bytes(file).decode("utf-8", "replace").splitlines()]
    return " ".join([line for line in lines if line][:2]) or None
