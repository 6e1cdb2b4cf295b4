"""REFERS: lists of studies with their reports for pre-training, lists of images with 0 or 1 for fine-tuning.

    {train,val,test}_img_caption_patients.txt    FOLDER/ <tab> report, where FOLDER holds NAME-small.jpg
    {train,val,test}.txt, labels.txt             patient/study/NAME.jpg 0 1 0 ..., and the column names

A folder must end in "/" and an image for pre-training in "-small.jpg": the published loaders rely on both.
The first file name is that of the loader; the published README has `img_captions_patients`. White space in
ids, which would split a line, is percent-encoded. The source `refers` reads both.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from plainfilm.collection.collection import Collection
from plainfilm.interchange.base import SPLIT_FILES, FormatConfig, Written, left_out_lines, put_image
from plainfilm.interchange.stored import StoredFilm, StoredStudy, chosen_origins, studies_in
from plainfilm.io.files import replacing

CAPTIONS = "_img_caption_patients.txt"
LABELS = "labels.txt"
_SAFE = "/!$&'()+,;=@:~-_."


class Config(FormatConfig):
    """images: link or copy, as a list cannot refer to the collection's files. kind: of the lists. text: the
    sections for pre-training. origin and observations (separated by commas, by default all), and the value of
    uncertain labels, for fine-tuning; one_hot writes one observation as two columns, as REFERS does.
    """

    images: Literal["link", "copy"] = "link"
    kind: Literal["pretraining", "finetuning"] = "pretraining"
    text: str = "findings_impression"
    origin: str | None = None
    observations: str | None = None
    uncertain: Literal["positive", "negative"] = "positive"
    one_hot: bool = False


def write(collection: Collection, out: Path, config: Config) -> Written:
    """Write the lists of all splits with studies, and put the images at the paths in them.

    Raises:
        ConfigError: labels of ambiguous origin, for fine-tuning.
        DataError: a file cannot be written.
    """
    if config.kind == "pretraining":
        return _pretraining(list(studies_in(collection)), out, config)
    origins = chosen_origins(collection, config.origin, needed=True)
    return _finetuning(list(studies_in(collection, origins)), out, config)


def _pretraining(studies: list[StoredStudy], out: Path, config: Config) -> Written:
    usable = [study for study in studies if study.films and study.text(config.text)]
    files, rows = [], 0
    for split, name in SPLIT_FILES.items():
        lines = [_caption(study, out, config) for study in usable if study.split == split]
        if lines:
            files.append(_write_lines(out / f"{name}{CAPTIONS}", lines))
            rows += len(lines)
    left_out = {
        f"studies without films or without text ({config.text})": len(studies) - len(usable),
        "films whose view the format cannot hold": sum(len(study.films) for study in usable),
    }
    return Written(tuple(files), rows, left_out_lines(left_out))


def _caption(study: StoredStudy, out: Path, config: Config) -> str:
    folder = out / "files" / quote(study.patient_id, _SAFE) / quote(study.study_id, _SAFE)
    for film in study.films:
        put_image(film.path, folder / f"{_name(film)}-small.jpg", config.images)
    return f"{folder.absolute()}/\t{' '.join(study.text(config.text).split())}"


def _name(film: StoredFilm) -> str:
    return quote(film.image_id, _SAFE.replace("/", ""))


def _finetuning(studies: list[StoredStudy], out: Path, config: Config) -> Written:
    labelled = [(study, film) for study in studies for film in study.films if film.states]
    stated = [name.strip() for name in (config.observations or "").split(",") if name.strip()]
    names = stated or sorted({name for _, film in labelled for name in film.states})
    files, rows = [], 0
    for split, split_name in SPLIT_FILES.items():
        films = [(study, film) for study, film in labelled if study.split == split]
        lines = [_labelled(study, film, names, out, config) for study, film in films]
        if lines:
            files.append(_write_lines(out / f"{split_name}.txt", lines))
            rows += len(lines)
    columns = [f"other than {names[0]}", names[0]] if _is_one_hot(names, config) else names
    files.append(_write_lines(out / LABELS, columns))
    cells = [film.states.get(name) for _, film in labelled for name in names]
    left_out = {
        "films without labels": sum(len(study.films) for study in studies) - len(labelled),
        f"uncertain labels, written as {config.uncertain}": cells.count(-1),
        "labels that are not stated, written as 0": cells.count(None),
        "reports, which the format cannot hold": sum(bool(study.sections) for study in studies),
    }
    return Written(tuple(files), rows, left_out_lines(left_out))


def _labelled(study: StoredStudy, film: StoredFilm, names: Sequence[str], out: Path, config: Config) -> str:
    place = "/".join(quote(part, _SAFE.replace("/", "")) for part in (study.patient_id, study.study_id))
    path = f"{place}/{_name(film)}.jpg"
    put_image(film.path, out / "images" / path, config.images)
    values = [_value(film.states.get(name), config) for name in names]
    if _is_one_hot(names, config):
        values = [1 - values[0], values[0]]
    return " ".join([path, *map(str, values)])


def _is_one_hot(names: Sequence[str], config: Config) -> bool:
    return config.one_hot and len(names) == 1


def _value(state: int | None, config: Config) -> int:
    return int(state == 1 or (state == -1 and config.uncertain == "positive"))


def _write_lines(path: Path, lines: Sequence[str]) -> Path:
    with replacing(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
    return path
