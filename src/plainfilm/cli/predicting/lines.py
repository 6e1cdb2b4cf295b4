"""What `plainfilm predict` prints for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor

_ABSENT = "–"
_HEADERS = ("finding", "probability", "decision", "for", "against")


def heading(predictor: Predictor) -> list[str]:
    """The lines about the model that come before all films."""
    lines = [f"model {predictor.name}, trained on: {predictor.config.training_summary}\n"]
    return lines + ([f"{predictor.config.notice}\n"] if predictor.config.notice else [])


def lines(entry: Mapping[str, Any]) -> list[str]:
    """The lines for one film or study, from its part of the document (`predictor.documents.document`)."""
    if "error" in entry:
        return [f"{entry['file']}: not usable: {entry['error']}\n"]
    films = [_film(one) for one in entry.get("films", ())]
    said = [f"\n{entry['file']}\n", *_flags(entry), *films, *_findings(entry["findings"])]
    for one in entry["find"]:
        sentence = f"  {one['sentence']}" if one["sentence"] else ""
        said.append(f"  {one['text']}: {_boxes(one['boxes']) or 'nothing found'}{sentence}\n")
    said += [f"  {_boxes([one])}: {one['sentence']}\n" for one in entry["boxes"]]
    said += [_map(one) for one in entry.get("maps", ())]
    for one in (entry["report"] or {"sentences": []})["sentences"]:
        where = _boxes(one["boxes"]) or ("" if one.get("localised", True) else "(not localised)")
        said.append(f"  {one['text']} {where}".rstrip() + "\n")
    return said


def _film(film: dict[str, Any]) -> str:
    unusable = f": not usable: {film['error']}" if "error" in film else ""
    return f"  film {film['file']} ({film['view']}){unusable}\n" + "".join(_flags(film, "    "))


def _flags(entry: Mapping[str, Any], indent: str = "  ") -> list[str]:
    """Whether the film is like those of training, as far as it was looked at."""
    from plainfilm.predictor.film_flags import LOOKED_FOR

    flags = entry.get("flags")
    if flags is None:
        return []
    found = (
        f"unlike the films of training: {'; '.join(flags)}"
        if flags
        else "nothing unlike the films of training"
    )
    return [f"{indent}{found} (looked for: {LOOKED_FOR})\n"]


def _map(one: dict[str, Any]) -> str:
    x, y = one["peak"]["x"], one["peak"]["y"]
    patches = f"patches {one['low']:.3f} to {one['high']:.3f}, most similar at {x:.0f},{y:.0f}"
    return f"  map of {one['text']}: film {one['score']:.3f}, {patches}\n"


def _boxes(boxes: list[dict[str, float]]) -> str:
    """The corners in whole pixels, with the score if there is one."""

    def one(box: dict[str, float]) -> str:
        corners = ",".join(f"{box[name]:.0f}" for name in ("x0", "y0", "x1", "y1"))
        return f"[{corners}]" + (f" {box['score']:.2f}" if "score" in box else "")

    return "  ".join(map(one, boxes))


def _findings(findings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A table of findings, as they come: those with calibrated probabilities first."""
    if not findings:
        return
    rows = [_cells(finding) for finding in findings]
    widths = [max(map(len, column)) for column in zip(_HEADERS, *rows, strict=True)]
    yield _row(_HEADERS, widths)
    calibrated = [bool(finding["calibrated"]) for finding in findings]
    for place, (cells, is_calibrated) in enumerate(zip(rows, calibrated, strict=True)):
        if not is_calibrated and (place == 0 or calibrated[place - 1]):
            yield (
                "  not calibrated, so not to be compared with others:\n"
                if any(calibrated)
                else "  not calibrated:\n"
            )
        yield _row(cells, widths)


def _cells(finding: Mapping[str, Any]) -> tuple[str, ...]:
    decision = {True: "positive", False: "negative", None: ""}[finding["positive"]]
    parts = [decision, "abstains" if finding["abstains"] else ""]
    scores = (finding[key] for key in ("positive_score", "negative_score"))
    said = ", ".join(filter(None, parts)) or _ABSENT
    return (finding["observation"], _number(finding["probability"]), said, *map(_number, scores))


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Words to the left, numbers to the right of their columns."""
    aligned = (
        cell.ljust(width) if header in ("finding", "decision") else cell.rjust(width)
        for header, cell, width in zip(_HEADERS, cells, widths, strict=True)
    )
    return f"  {'  '.join(aligned).rstrip()}\n"


def _number(value: float | None) -> str:
    return _ABSENT if value is None else f"{value:.3f}"
