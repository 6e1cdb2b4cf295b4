"""What `plainfilm predict` prints for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def lines(entry: Mapping[str, Any]) -> list[str]:
    """The lines for one film or study, from its part of the document (`predictor.documents.document`)."""
    if "error" in entry:
        return [f"{entry['file']}: not usable: {entry['error']}\n"]
    films = [_film(one) for one in entry.get("films", ())]
    said = [f"{entry['file']}\n", *films, *(_line(finding) for finding in entry["findings"])]
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
    return f"  film {film['file']} ({film['view']}){unusable}\n"


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
