"""`plainfilm predict`: predict the findings of films."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plainfilm.cli.console import print_json
from plainfilm.cli.options import TrustCode
from plainfilm.cli.predicting.lines import heading, lines
from plainfilm.errors import UsageError
from plainfilm.types import View

if TYPE_CHECKING:
    from plainfilm.predictor.documents import Study

_NO_FILMS = frozenset({".txt", ".csv", ".tsv", ".json", ".xml", ".html", ".pdf", ".gz", ".zip"})
"""Suffixes of files that lie beside the films of studies: reports, tables, archives."""

KEPT = "no table, page or map was written, DICOM results of single films stay; repeat the command"
"""What Ctrl-C leaves behind, and how to go on."""


def command(
    model: Annotated[Path, typer.Argument(help="Folder of a model, or the name of one that is shipped.")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Films, or folders of films.")],
    prompts: Annotated[
        str | None,
        typer.Option(help="Prompt pack, by name or file; by default the one the model was calibrated with."),
    ] = None,
    find: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="Locate this phrase; repeatable.")
    ] = None,
    box: Annotated[
        list[str] | None,
        typer.Option(metavar="X0,Y0,X1,Y1", help="Describe this box, in pixels of the file; repeatable."),
    ] = None,
    report: Annotated[bool, typer.Option("--report", help="Write a report for each film.")] = False,
    maps: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="TEXT", help="Map the similarity to this text; repeatable."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the pictures and numbers of maps.")] = None,
    study: Annotated[
        bool,
        typer.Option("--study", help="Read the FILEs as one study, and each folder as one."),
    ] = False,
    view: Annotated[
        list[View] | None,
        typer.Option(help="View of each film of the study, in their order; repeatable."),
    ] = None,
    top: Annotated[int | None, typer.Option(min=1, help="Show at most this many findings per film.")] = None,
    csv: Annotated[Path | None, typer.Option(help="CSV file, one row per film and observation.")] = None,
    html: Annotated[Path | None, typer.Option(help="Page with the films, boxes and sentences.")] = None,
    sr: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for DICOM results: report, presentation state, picture."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    trust_code: TrustCode = False,
) -> int:
    """Rank the findings of films: probability, decision, and the scores for and against each.

    Before them it says what the model was trained on, and what tells the film apart from that. A classifier
    needs no prompts; its positive score is the logit. Probabilities are calibrated if the model has operating
    points for these prompts (evaluate zero_shot or classification, save_operating_points=true); calibrated
    findings come first. The exit status is 1 if a file is not a usable film.
    """
    from plainfilm.cli.console import console_progress
    from plainfilm.cli.predicting.files import PredictionFiles
    from plainfilm.predictor import load
    from plainfilm.predictor.answers import default_pack
    from plainfilm.predictor.documents import Questions
    from plainfilm.predictor.film_flags import with_flags

    studies = _studies(files, view, [*(find or ()), *(box or ()), *(maps or ())]) if study else []
    if bool(maps) != (out is not None):
        raise UsageError("--map TEXT needs the folder --out for its pictures, and --out is for maps alone")
    if view and not study:
        raise UsageError("--view states the views of the films of one study: give --study too")
    if study and sr:
        raise UsageError("--sr writes the results of single films: leave --study out")
    films = [] if study else _films(files)
    written = PredictionFiles(csv, html, out, sr)
    written.check(films)
    questions = Questions(find or (), [_box(text) for text in box or ()], report, maps or ())
    predictor = load(model, trust_code=trust_code)
    pack = default_pack(predictor, prompts)
    asked = (questions, None if pack is None else pack.all_zero_shot(), console_progress())
    answered = predictor.answer_studies(studies, *asked) if study else predictor.answer(films, *asked)
    looked_at = (with_flags(answers, predictor.config) for answers in answered)
    shortened = (replace(answers, findings=answers.findings[:top]) for answers in looked_at)
    entries = written.write(shortened, predictor, questions, None if pack is None else pack.name)
    if as_json:
        print_json(entries)
    else:
        sys.stdout.writelines(heading(predictor))
        sys.stdout.writelines(line for entry in entries for line in lines(entry))
    return int(any("error" in one for entry in entries for one in (entry, *entry.get("films", ()))))


def _box(text: str) -> tuple[float, ...]:
    try:
        box = tuple(float(number) for number in text.split(","))
    except ValueError:
        box = ()
    if len(box) != 4:
        raise UsageError(f"--box '{text}': write four numbers separated by commas, in pixels: 10,20,200,220")
    return box


def _films(files: list[Path]) -> list[Path]:
    """The files, and all files below the folders, in order, without hidden ones.

    Raises:
        UsageError: there is no file.
    """
    films: list[Path] = []
    for path in files:
        if not path.is_dir():
            films.append(path)
            continue
        below = (one for one in sorted(path.rglob("*")) if one.is_file())
        films += [one for one in below if not any(p.startswith(".") for p in one.relative_to(path).parts)]
    if not films:
        raise UsageError(f"predict: no film in {', '.join(map(str, files))}; name films or a folder of films")
    return films


def _studies(paths: list[Path], views: list[View] | None, boxes_or_phrases: list[str] | None) -> list[Study]:
    """The studies: the files given together as one, and each folder that holds files as one.

    Raises:
        UsageError: there is no file, questions about single films, or views that are not one for each file.
    """
    from plainfilm.predictor.documents import Study

    if boxes_or_phrases:
        raise UsageError("--find, --box and --map ask about a single film: leave --study out")
    files = [path for path in paths if not path.is_dir()]
    studies = [Study(str(files[0]), files, views)] if files else []
    by_folder: dict[Path, list[Path]] = {}
    for path in paths:
        for film in _films([path]) if path.is_dir() else ():
            if film.suffix.lower() not in _NO_FILMS:
                by_folder.setdefault(film.parent, []).append(film)
    studies += [Study(str(folder), films) for folder, films in by_folder.items()]
    if views is not None and (len(studies) != 1 or not files or len(views) != len(files)):
        raise UsageError(
            f"--view: {len(views)} views for {len(files)} files; give one for each film of one study"
        )
    return studies
