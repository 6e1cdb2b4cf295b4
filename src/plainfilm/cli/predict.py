"""`plainfilm predict`: what the films of some files show, by the prompts of a vocabulary."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plainfilm.errors import UsageError

if TYPE_CHECKING:
    from plainfilm.predictor import Finding

DEFAULT_PACK = "cxr"
"""What is asked where the model has no decisions and no pack is named."""


def command(
    model: Annotated[Path, typer.Argument(help="Folder of a model.")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Films, or folders of films.")],
    prompts: Annotated[
        str | None,
        typer.Option(help="Prompt pack, by name or file; by default the one the model was calibrated with."),
    ] = None,
    top: Annotated[int | None, typer.Option(min=1, help="Show this many findings a film.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write one row per film and observation here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="Run the Python file of an encoder that is not Plainfilm's.")
    ] = False,
) -> int:
    """Rank the findings of films: probability, positive and negative prompt score, whether to abstain.

    A classifier needs no prompts; its positive score is the logit. Probabilities are calibrated where the
    model carries decisions for these prompts (evaluate zero_shot or classification, save_decisions=true);
    those come first. Exit status 1 if a file is not a usable film.
    """
    from plainfilm.cli.console import console_progress
    from plainfilm.errors import ImageError
    from plainfilm.predictor import load
    from plainfilm.prompts import load_pack

    films = _films(files)
    pack = load_pack(prompts or DEFAULT_PACK) if prompts else None
    predictor = load(model, trust_code=trust_code)
    if pack is None and predictor.decisions is None and not predictor.observations:
        pack = load_pack(DEFAULT_PACK)
    asked = None
    if pack is not None:
        asked = {name: pack.zero_shot(name) for name in pack.observations if pack.zero_shot(name).positive}
    entries = []
    for film, found in zip(films, predictor.findings(films, asked, console_progress()), strict=True):
        entries.append(_entry(film, found if isinstance(found, ImageError) else found[:top]))
    if csv is not None:
        _write_csv(entries, csv)
    if as_json:
        sys.stdout.write(json.dumps(entries, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.writelines(line for entry in entries for line in _lines(entry))
    return int(any("error" in entry for entry in entries))


def _films(files: list[Path]) -> list[Path]:
    """The files, and all files below the folders, in order; hidden ones left out.

    Raises:
        UsageError: no file at all.
    """
    found: list[Path] = []
    for path in files:
        if not path.is_dir():
            found.append(path)
            continue
        below = (one for one in sorted(path.rglob("*")) if one.is_file())
        found += [one for one in below if not any(p.startswith(".") for p in one.relative_to(path).parts)]
    if not found:
        raise UsageError(f"predict: no film in {', '.join(map(str, files))}; name files, or a folder of them")
    return found


def _entry(film: Path, found: list[Finding] | Exception) -> dict[str, Any]:
    """One film of the JSON document; `find`, `boxes` and `report` are what other models fill."""
    if isinstance(found, Exception):
        return {
            "file": str(film),
            "error": str(found),
            "findings": [],
            "find": [],
            "boxes": [],
            "report": None,
        }
    findings = [
        {
            "observation": one.observation,
            "probability": one.probability,
            "positive_score": one.positive_score,
            "negative_score": one.negative_score,
            "abstains": one.abstains,
            "positive": one.is_positive,
            "calibrated": one.is_calibrated,
        }
        for one in found
    ]
    return {"file": str(film), "findings": findings, "find": [], "boxes": [], "report": None}


def _write_csv(entries: list[dict[str, Any]], path: Path) -> None:
    import pandas as pd

    from plainfilm.io.files import replacing

    rows = [
        {"file": entry["file"], "error": entry.get("error"), **finding}
        for entry in entries
        for finding in (entry["findings"] or [{}])
    ]
    columns = ["observation", "probability", "positive_score", "negative_score", "abstains", "positive"]
    frame = pd.DataFrame(rows).reindex(columns=["file", *columns, "calibrated", "error"])
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=False)


def _lines(entry: dict[str, Any]) -> list[str]:
    if "error" in entry:
        return [f"{entry['file']}: not usable: {entry['error']}\n"]
    return [f"{entry['file']}\n", *(_line(finding) for finding in entry["findings"])]


def _line(finding: dict[str, Any]) -> str:
    def said(value: float | None) -> str:
        return "    –" if value is None else f"{value:.3f}"

    called = {True: "positive", False: "negative", None: ""}[finding["positive"]]
    notes = [called] if called else []
    notes += ["abstains"] if finding["abstains"] else []
    notes += [] if finding["calibrated"] else ["uncalibrated"]
    scores = f"for {said(finding['positive_score']):>6}  against {said(finding['negative_score']):>6}"
    name, probability = finding["observation"], said(finding["probability"])
    return f"  {probability}  {scores}  {name}  {', '.join(notes)}".rstrip() + "\n"
