"""The model card, the README of a model folder, written from the folder's settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plainfilm.model_folder.config import TOY, is_toy
from plainfilm.models.base import kind

_USE = """\
For research on chest radiographs: {purpose}.
It is not a medical device and has not been validated for diagnosis, triage or any decision about a person's
care."""

_LIMITS = """\
- It was trained on the collections above and may do worse on other sites, scanners, views and ages; no
  subgroup was examined unless the scores above include it.
"""


def model_card(config: Mapping[str, Any], parameters: int) -> str:
    """Markdown from the values of a `ModelConfig` and the number of parameters."""
    module = kind(config["architecture"]["use"])
    sections = [
        "# Model card",
        "## Intended use",
        *_notice(config),
        _USE.format(purpose=module.PURPOSE),
        "## What it is",
        _table(_facts(config, parameters)),
        "## Trained on",
        _collections(config),
        "## Scores",
        _scores(config),
        "## Limitations",
        _LIMITS + module.LIMITS,
    ]
    return "\n\n".join(sections) + "\n"


def _notice(config: Mapping[str, Any]) -> list[str]:
    return [f"**{TOY}**"] if is_toy([entry["phantom"] for entry in config["collections"]]) else []


def _facts(config: Mapping[str, Any], parameters: int) -> dict[str, Any]:
    architecture, preprocessing = config["architecture"], config["preprocessing"]
    return {
        "kind": architecture["use"].replace("_", " "),
        **_encoders(architecture),
        **_read_and_answered(config),
        "parameters": f"{parameters:,}",
        "film": f"{preprocessing['size']} px, {preprocessing['channels']} channels, {preprocessing['fit']}, "
        f"{preprocessing['filter']} as in {preprocessing['library']}",
        "objective": _objectives(config["recipe"].get("objective")),
        **_origin(config["recipe"].get("imported")),
        "written by": f"plainfilm {config['package_version']}",
        "fingerprint": config["fingerprint"],
    }


def _encoders(architecture: Mapping[str, Any]) -> dict[str, str]:
    """The encoders, and the space that images and texts share."""
    parts = {name: value for name, value in architecture.items() if isinstance(value, Mapping)}
    encoders = {f"{name} encoder": _encoder(value) for name, value in parts.items() if "use" in value}
    if "pooling" in parts.get("text", {}):
        encoders["text pooling"] = parts["text"]["pooling"]
    if "dimension" in parts.get("projection", {}):
        encoders["shared space"] = f"{parts['projection']['dimension']} dimensions"
    return encoders


def _encoder(settings: Mapping[str, Any]) -> str:
    return " ".join(str(part) for part in (settings["use"], settings.get("name")) if part)


def _read_and_answered(config: Mapping[str, Any]) -> dict[str, str]:
    facts = config["facts"]
    answered = {"observations": ", ".join(facts["observations"])} if facts["observations"] else {}
    read = (
        {"text of a report": (config["trained_on"] or {}).get("text_rule") or "not stated"}
        if facts["tokenizers"]
        else {}
    )
    return answered | read


def _origin(imported: Any) -> dict[str, str]:
    """Where the weights of an imported model come from, and under which licence."""
    if not isinstance(imported, Mapping):
        return {}
    rows = {"imported from": str(imported.get("family", "a published checkpoint"))}
    rows["licence of the weights"] = str(imported.get("licence", "not stated"))
    return rows | ({"prompts": str(imported["prompts"])} if "prompts" in imported else {})


def _objectives(stated: Any) -> str:
    parts = stated if isinstance(stated, list) else [stated or {}]
    return " + ".join(part.get("use", "not stated") for part in parts)


def _table(facts: Mapping[str, Any]) -> str:
    rows = [f"| {name} | {value} |" for name, value in facts.items()]
    return "\n".join(["| fact | value |", "|---|---|", *rows])


def _collections(config: Mapping[str, Any]) -> str:
    if not config["collections"]:
        return "The training data are not stated."
    lines = [
        f"- {entry['name']}{', phantoms' * entry['phantom']} (fingerprint {entry['fingerprint']}, licence: "
        f"{entry['licence'] or 'not stated'})"
        for entry in config["collections"]
    ]
    return "\n".join(lines)


def _scores(config: Mapping[str, Any]) -> str:
    if not config["scores"]:
        return "No scores were recorded with the model. `plainfilm evaluate` measures it."
    rows = [f"| {name} | {value:.4g} |" for name, value in config["scores"].items()]
    note = "Measured on the validation split during training; no interval. Not a test result."
    return "\n".join([note, "", "| score | value |", "|---|---|", *rows])
