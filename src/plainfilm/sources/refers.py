"""The lists that REFERS trains on (github.com/funnyzhou/REFERS), for any films.

    {train,val}_img_caption_patients.txt    pre-training: FOLDER/ <tab> report; films are the files in FOLDER
    train.txt, val.txt, test.txt            fine-tuning: NAME 0 1 0 ... from the folder `images`
    labels.txt                              what the columns mean, a line each (option `labels` otherwise)

`valid` stands for `val`, and `captions` for `caption`, as REFERS spells them elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from plainfilm.errors import SourceError
from plainfilm.io import paths
from plainfilm.io.archives import is_file
from plainfilm.sources.base import SourceConfig, split_of
from plainfilm.sources.common.chexpert_tree import film_id as chexpert_film_id
from plainfilm.sources.common.film_ids import FilmIds, people_in
from plainfilm.sources.common.listed_studies import ListedStudies
from plainfilm.sources.common.option_matches import require_nearly_all
from plainfilm.sources.common.split_files import Listed, read_lists
from plainfilm.sources.nih14 import FINDINGS
from plainfilm.types import Image, Label, Rejection, Report, State, Study

_CAPTIONS = re.compile(r"(\w+?)_img_captions?_patients\.txt")
_SMALL = "-small"
_FILMS = (".jpg", ".jpeg", ".png")
_OTHER = "other than "
COLUMNS = {
    "nih14": FINDINGS,
    "vinbigdata": (
        *("Aortic enlargement", "Atelectasis", "Pneumothorax", "Lung Opacity", "Pleural thickening", "ILD"),
        *("Pulmonary fibrosis", "Calcification", "Pleural effusion", "Consolidation", "Cardiomegaly"),
        *("Other lesion", "Nodule/Mass", "Infiltration"),
    ),
    "covid19_idc": ("other than COVID-19", "COVID-19"),
    "shenzhen_tb": ("other than Tuberculosis", "Tuberculosis"),
}
"""The columns of the lists that REFERS publishes, in their order."""


class Config(SourceConfig):
    """images: the folder that names start from (RAW/images without it, or RAW). labels: nih14, vinbigdata,
    covid19_idc or shenzhen_tb for REFERS' own lists, else names separated by commas. ids: "path" takes
    patient and study from the folders in a name. header_rules: how a report is cut.
    """

    images: Path | None = None
    labels: str | None = None
    ids: Literal["path", "name"] | None = None
    header_rules: str = "plain"
    corpus: str | None = None


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """The studies of the lists in `raw`: those for pre-training where there are any, else those of films.

    Raises:
        SourceError: no list, or nothing says what the columns mean.
    """
    captions = [file for file in paths.files_in(raw, "*.txt") if _CAPTIONS.fullmatch(file.name)]
    yield from _captions(captions, raw, config) if captions else _labelled(raw, config)


def _captions(files: Sequence[Path], raw: Path, config: Config) -> Iterator[Study | Rejection]:
    studies = ListedStudies()
    for file in files:
        name = _CAPTIONS.fullmatch(file.name)
        split = split_of(name[1]) if name else None
        for number, line in enumerate(paths.read_text(file).splitlines(), start=1):
            folder, tab, text = line.partition("\t")
            if not line.strip():
                continue
            place = f"{file.name} line {number}"
            if not tab or not folder.strip("/ "):
                yield Rejection(place, "is not a folder, a tab and a report")
                continue
            yield from _add_caption(folder.strip(), text.strip(), split, place, studies, raw, config)
    yield from studies


def _add_caption(
    folder: str, text: str, split: str | None, place: str, studies: ListedStudies, raw: Path, config: Config
) -> Iterator[Rejection]:
    path = (config.images or raw) / folder
    patient_id, study_id = people_in(folder) or (unquote(path.parent.name), unquote(path.name))
    films = [file for file in paths.files_in(path) if file.suffix.lower() in _FILMS]
    small = [film for film in films if film.stem.endswith(_SMALL)]
    if not films and not config.tables_only:
        yield Rejection(folder, f"{place} names it, but it holds no film", study_id)
    study = studies.of(study_id, patient_id, split)
    if study.report is not None:
        yield Rejection(place, "a second line of one study; the first is taken", study_id)
        return
    study.report = Report(text, header_rules=config.header_rules) if text else None
    study.images += [Image(_film_id(film), film) for film in small or films]


def _film_id(film: Path) -> str:
    """CheXpert's films are called alike in every study; others have names of their own."""
    return chexpert_film_id(film) or unquote(film.stem.removesuffix(_SMALL))


def _labelled(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    lists = read_lists(raw)
    columns = _columns(raw, config)
    by_path = config.ids == "path" if config.ids else paths.is_file(raw / "labels.txt")
    root = config.images or (raw / "images" if paths.is_folder(raw / "images") else raw)
    studies, ids = ListedStudies(), FilmIds(lists.images)
    if config.ids == "path":
        require_nearly_all("ids=path", lambda name: _folders(name) is not None, lists.images, raw)
    yield from lists.rejections
    for listed in lists.images.values():
        path = root / listed.name
        if not config.tables_only and not is_file(path):
            yield Rejection(listed.name, f"{listed.place} lists it, but it is not on disk")
            continue
        if len(listed.values) != len(columns) or not {0.0, 1.0}.issuperset(listed.values):
            reason = f"{listed.place} has {len(listed.values)} numbers; expected {len(columns)}, each 0 or 1"
            yield Rejection(listed.name, reason)
            continue
        image_id = unquote(ids[listed.name])
        folders = _folders(listed.name) if by_path else None
        patient_id, study_id = folders or (image_id, image_id)
        study = studies.of(study_id, patient_id, listed.split)
        study.images.append(Image(image_id, path, labels=tuple(_labels(listed, columns))))
    yield from studies


def _folders(name: str) -> tuple[str, str] | None:
    """(patient, study) by the folders of a name, where it has both."""
    parts = [unquote(part) for part in Path(name).parts]
    return people_in(name) or ((parts[-3], parts[-2]) if len(parts) >= 3 else None)


def _columns(raw: Path, config: Config) -> Sequence[str]:
    if config.labels:
        stated = [name.strip() for name in config.labels.split(",")]
        return COLUMNS.get(config.labels) or stated
    if not paths.is_file(raw / "labels.txt"):
        known = ", ".join(COLUMNS)
        raise SourceError(f"{raw}: what are the columns? Say labels=NAME,NAME,... or one of {known}")
    lines = paths.read_text(raw / "labels.txt").splitlines()
    return [line.strip() for line in lines if line.strip()]


def _labels(listed: Listed, columns: Sequence[str]) -> Iterator[Label]:
    for name, value in zip(columns, listed.values, strict=True):
        if not name.startswith(_OTHER):
            yield Label(name, State(int(value)), "refers")
