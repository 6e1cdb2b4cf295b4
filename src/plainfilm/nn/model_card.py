"""The README of a model folder, written from what the folder's settings state and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PURPOSES = {
    "dual_encoder": "searching films and report sentences by similarity, and studying such models",
    "classifier": "scoring films for the observations below, and studying such models",
}

_USE = """\
For research on chest radiographs: {purpose}.
It is not a medical device and has not been validated for diagnosis, triage or any decision about a person's
care."""

_LIMITS = """\
- It was trained on the collections above and may do worse on other sites, scanners, views and ages; no
  subgroup was examined unless scores above say so.
"""

_LIMITS_OF = {
    "dual_encoder": """\
- It ranks by similarity; a high score is not evidence that a finding is present.
- Similarity of texts follows wording: a finding and its negation can lie close together.
- What it retrieves are sentences written about other patients.""",
    "classifier": """\
- It knows the observations above and no others; a film that shows something else still gets scores.
- It learned from labels, with whatever is wrong or missing in them.
- Its probabilities are calibrated only where decisions beside it say so (`plainfilm evaluate classification`
  with save_decisions=true).""",
}


def model_card(config: Mapping[str, Any], parameters: int) -> str:
    """Markdown from the values of a `ModelConfig` and the number of parameters."""
    kind = config["architecture"]["kind"]
    sections = [
        "# Model card",
        "## Intended use",
        _USE.format(purpose=_PURPOSES[kind]),
        "## What it is",
        _table(_facts(config, parameters)),
        "## Trained on",
        _collections(config),
        "## Scores",
        _scores(config),
        "## Limitations",
        _LIMITS + _LIMITS_OF[kind],
    ]
    return "\n\n".join(sections) + "\n"


def _facts(config: Mapping[str, Any], parameters: int) -> dict[str, Any]:
    architecture, preprocessing = config["architecture"], config["preprocessing"]
    return {
        "kind": architecture["kind"].replace("_", " "),
        "image encoder": _encoder(architecture["image"]),
        **(_answers(architecture) if "observations" in architecture else _texts(config)),
        "parameters": f"{parameters:,}",
        "film": f"{preprocessing['size']} px, {preprocessing['channels']} channels, {preprocessing['fit']}, "
        f"{preprocessing['filter']} as in {preprocessing['library']}",
        "objective": config["recipe"].get("objective", {}).get("use", "not stated"),
        "written by": f"plainfilm {config['package_version']}",
        "fingerprint": config["fingerprint"],
    }


def _encoder(settings: Mapping[str, Any]) -> str:
    return " ".join(str(part) for part in (settings["use"], settings.get("name")) if part)


def _answers(architecture: Mapping[str, Any]) -> dict[str, Any]:
    return {"observations": ", ".join(architecture["observations"])}


def _texts(config: Mapping[str, Any]) -> dict[str, Any]:
    text, projection = config["architecture"]["text"], config["architecture"]["projection"]
    return {
        "text encoder": _encoder(text),
        "text pooling": text.get("pooling", "the encoder's own"),
        "shared space": f"{projection['dimension']} dimensions",
        "text of a report": config["text_rule"] or "not stated",
    }


def _table(facts: Mapping[str, Any]) -> str:
    rows = [f"| {name} | {value} |" for name, value in facts.items()]
    return "\n".join(["| fact | value |", "|---|---|", *rows])


def _collections(config: Mapping[str, Any]) -> str:
    if not config["collections"]:
        return "Nothing is stated about its training data."
    lines = [
        f"- {entry['name']} (fingerprint {entry['fingerprint']}, licence: {entry['licence'] or 'not stated'})"
        for entry in config["collections"]
    ]
    return "\n".join(lines)


def _scores(config: Mapping[str, Any]) -> str:
    if not config["scores"]:
        return "None were recorded when it was written. `plainfilm evaluate` measures it."
    rows = [f"| {name} | {value:.4g} |" for name, value in config["scores"].items()]
    note = "Measured on the validation split during training; no interval. Not a test result."
    return "\n".join([note, "", "| score | value |", "|---|---|", *rows])
