"""The README of a model folder, written from what the folder's settings state and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_USE = """\
For research on chest radiographs: searching films and report sentences by similarity, and studying such
models. It is not a medical device and has not been validated for diagnosis, triage or any decision about
a person's care."""

_LIMITS = """\
- It ranks by similarity; a high score is not evidence that a finding is present.
- It was trained on the collections above and may do worse on other sites, scanners, views and ages; no
  subgroup was examined unless scores below say so.
- Similarity of texts follows wording: a finding and its negation can lie close together.
- What it retrieves are sentences written about other patients."""


def model_card(config: Mapping[str, Any], parameters: int) -> str:
    """Markdown from the values of a `ModelConfig` and the number of parameters."""
    sections = [
        "# Model card",
        "## Intended use",
        _USE,
        "## What it is",
        _table(_facts(config, parameters)),
        "## Trained on",
        _collections(config),
        "## Scores",
        _scores(config),
        "## Limitations",
        _LIMITS,
    ]
    return "\n\n".join(sections) + "\n"


def _facts(config: Mapping[str, Any], parameters: int) -> dict[str, Any]:
    architecture, preprocessing = config["architecture"], config["preprocessing"]
    image, text = architecture["image"], architecture["text"]
    return {
        "image encoder": " ".join(str(part) for part in (image["use"], image.get("name")) if part),
        "text encoder": " ".join(str(part) for part in (text["use"], text.get("name")) if part),
        "text pooling": text.get("pooling", "the encoder's own"),
        "shared space": f"{architecture['projection']['dimension']} dimensions",
        "parameters": f"{parameters:,}",
        "film": f"{preprocessing['size']} px, {preprocessing['channels']} channels, {preprocessing['fit']}",
        "text of a report": config["text_rule"] or "not stated",
        "objective": config["recipe"].get("objective", {}).get("use", "not stated"),
        "written by": f"plainfilm {config['package_version']}",
        "fingerprint": config["fingerprint"],
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
