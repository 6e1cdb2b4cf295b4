"""`plainfilm predict`: predict the findings of films."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plainfilm.cli.console import print_json
from plainfilm.cli.options import TrustCode
from plainfilm.errors import UsageError
from plainfilm.types import View

if TYPE_CHECKING:
    from plainfilm.predictor.documents import Study

_NO_FILMS = frozenset({".txt", ".csv", ".tsv", ".json", ".xml", ".html", ".pdf", ".gz", ".zip"})
"""Suffixes of files that lie beside the films of studies: reports, tables, archives."""

KEPT = "no file was written; repeat the command"
"""What Ctrl-C leaves behind, and how to go on."""


def command(
    model: Annotated[Path, typer.Argument(help="Folder of a model.")],
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
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    trust_code: TrustCode = False,
) -> int:
    """Rank the findings of films: probability, positive and negative prompt score, and abstention.

    A classifier needs no prompts; its positive score is the logit. Probabilities are calibrated if the model
    has operating points for these prompts (evaluate zero_shot or classification, save_operating_points=true);
    calibrated findings come first. The exit status is 1 if a file is not a usable film.
    """
    from plainfilm.cli.console import console_progress
    from plainfilm.io.locks import writing_file
    from plainfilm.predictor import load
    from plainfilm.predictor.answers import default_prompts
    from plainfilm.predictor.documents import Questions, document

    studies = _studies(files, view, find or box) if study else []
    if view and not study:
        raise UsageError("--view states the views of the films of one study: give --study too")
    films = [] if study else _films(files)
    questions = Questions(find or (), [_box(text) for text in box or ()], report)
    predictor = load(model, trust_code=trust_code)
    zero_shot_prompts = default_prompts(predictor, prompts)
    asked = (questions, zero_shot_prompts, console_progress())
    entries = []
    with writing_file(csv, new=True):
        answered = predictor.answer_studies(studies, *asked) if study else predictor.answer(films, *asked)
        for answers in answered:
            entries.append(document(replace(answers, findings=answers.findings[:top])))
        if csv is not None:
            _write_csv(entries, csv)
    if as_json:
        print_json(entries)
    else:
        sys.stdout.writelines(line for entry in entries for line in _lines(entry))
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
        raise UsageError("--find and --box ask about a single film: leave --study out")
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


def _write_csv(entries: list[dict[str, Any]], path: Path) -> None:
    import pandas as pd

    from plainfilm.io.files import replacing
    from plainfilm.predictor.documents import COLUMNS, rows

    frame = pd.DataFrame(rows(entries)).reindex(columns=list(COLUMNS))
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=False)


def _lines(entry: dict[str, Any]) -> list[str]:
    if "error" in entry:
        return [f"{entry['file']}: not usable: {entry['error']}\n"]
    films = [_film(one) for one in entry.get("films", ())]
    lines = [f"{entry['file']}\n", *films, *(_line(finding) for finding in entry["findings"])]
    for one in entry["find"]:
        lines.append(f"  {one['text']}: {_boxes(one['boxes']) or 'nothing found'}\n")
    lines += [f"  {_boxes([one])}: {one['sentence']}\n" for one in entry["boxes"]]
    for one in (entry["report"] or {"sentences": []})["sentences"]:
        lines.append(f"  {one['text']} {_boxes(one['boxes'])}".rstrip() + "\n")
    return lines


def _film(film: dict[str, Any]) -> str:
    unusable = f": not usable: {film['error']}" if "error" in film else ""
    return f"  film {film['file']} ({film['view']}){unusable}\n"


def _boxes(boxes: list[dict[str, float]]) -> str:
    """The corners in whole pixels, with the score if there is one."""

    def one(box: dict[str, float]) -> str:
        corners = ",".join(f"{box[name]:.0f}" for name in ("x0", "y0", "x1", "y1"))
        return f"[{corners}]" + (f" {box['score']:.2f}" if "score" in box else "")

    return "  ".join(map(one, boxes))


def _line(finding: dict[str, Any]) -> str:
    def shown(value: float | None) -> str:
        return "    –" if value is None else f"{value:.3f}"

    called = {True: "positive", False: "negative", None: ""}[finding["positive"]]
    notes = [called] if called else []
    notes += ["abstains"] if finding["abstains"] else []
    notes += [] if finding["calibrated"] else ["uncalibrated"]
    scores = f"for {shown(finding['positive_score']):>6}  against {shown(finding['negative_score']):>6}"
    name, probability = finding["observation"], shown(finding["probability"])
    return f"  {probability}  {scores}  {name}  {', '.join(notes)}".rstrip() + "\n"
