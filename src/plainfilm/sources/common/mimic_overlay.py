"""Corpora that are annotations of MIMIC-CXR's films: the films, reports and labels come from there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from plainfilm.errors import SourceError
from plainfilm.io.folders import default_raw, variable_of
from plainfilm.sources.common.mimic_release import MimicConfig, Release, find_release, release_root, sisters
from plainfilm.sources.common.mimic_studies import REPORT, Corpus
from plainfilm.sources.common.mimic_tables import Film
from plainfilm.types import SPLITS, Rejection, Study

_SUFFIXES = (".jpg", ".dcm")


class OverlayConfig(MimicConfig):
    """images: the folder of MIMIC-CXR-JPG (or of MIMIC-CXR with DICOM files). Without it the folder is looked
    for in the raw folder, beside it as PhysioNet names it, and where MIMIC_CXR_JPG_DIR says.
    """

    images: Path | None = None


@dataclass(frozen=True, slots=True)
class ListedFilm:
    """A film that the annotations name; ids are numbers as MIMIC's tables have them."""

    image: str
    subject: str
    study: str
    film: Film = field(default_factory=Film)


def find_films(raw: Path, config: OverlayConfig) -> Corpus:
    """The release of films that the annotations in `raw` are about; with `tables_only` it may be none.

    Raises:
        SourceError: there is none, or the option names one that is not there.
    """
    places = (
        [config.images] if config.images else [raw, *sisters(raw, "mimic-cxr-jpg"), default_raw("mimic_cxr")]
    )
    for place in filter(None, places):
        for suffix in _SUFFIXES:
            if release_root(place, suffix, tables_only=config.tables_only):
                return Corpus(find_release(place, suffix, config), config)
    if config.images:
        raise SourceError(
            f"{config.images}: no MIMIC-CXR in it (files/p10/...); option images names its folder"
        )
    if not config.tables_only:
        raise SourceError(
            f"{raw}: its films are those of MIMIC-CXR-JPG, which was not found; "
            f"say --option images=FOLDER or set {variable_of('mimic_cxr')}"
        )
    return Corpus(Release(raw, _SUFFIXES[0], {}, (), None), config)


def annotated(
    corpus: Corpus, listed: Iterable[ListedFilm], wanted: Collection[str]
) -> Iterator[Study | Rejection]:
    """The studies that have a `wanted` film, with those films only.

    `listed` makes films known that MIMIC's own tables do not name, or that are read without them. Faults
    of other films are not reported; a wanted film that MIMIC does not have is a `Rejection`.
    """
    yield from corpus.read_tables()
    for one in listed:
        corpus.tables.films[corpus.tables.add_study(one.subject, one.study)].setdefault(one.image, one.film)
    missing = set(wanted)
    for item in corpus.studies(_patients(corpus, wanted)):
        if isinstance(item, Rejection):
            name = Path(item.path)
            if name.stem in wanted or name.suffix == REPORT:
                missing.discard(name.stem)
                yield item
            continue
        kept = tuple(image for image in item.images if image.image_id in wanted)
        if kept:
            missing.difference_update(image.image_id for image in kept)
            yield replace(item, images=kept)
    for image in sorted(missing):
        yield Rejection(image, "is annotated but no film of MIMIC-CXR that is known")


def _patients(corpus: Corpus, wanted: Collection[str]) -> set[str] | None:
    """Those with a wanted film, or `None` where only the disk knows."""
    tables = corpus.tables
    found = {
        patient
        for patient, studies in tables.studies.items()
        if any(image in wanted for study in studies for image in tables.films[study])
    }
    return found or None


class PatientSplits:
    """The split of each patient: of several, the one that is kept furthest from training."""

    def __init__(self) -> None:
        self._splits: dict[str, str] = {}

    def put(self, subject: str, split: str | None) -> None:
        """Notes that a film of a patient (a number) is in a split."""
        patient = f"p{subject}"
        if split:
            self._splits[patient] = max(split, self._splits.get(patient, split), key=SPLITS.index)

    def __getitem__(self, patient: str) -> str | None:
        """The split of a patient, `None` where none was noted."""
        return self._splits.get(patient)
