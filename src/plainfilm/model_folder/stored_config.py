"""Reads `config.json` of a model folder: what it names, its values, and whether it was changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plainfilm.config import build as build_settings
from plainfilm.errors import ConfigError, DataError, ModelError
from plainfilm.io.json_records import DIGEST, check_digest, read_values
from plainfilm.io.tables import read_json
from plainfilm.model_folder.config import FORMAT_VERSION, ModelConfig, of_format_1
from plainfilm.model_folder.shipped import find_model
from plainfilm.plugins import foreign_code
from plainfilm.text.tokenizers import SETTINGS_FILE

CONFIG_FILE = "config.json"


def read_model_config(folder: Path, trust_code: bool = False) -> ModelConfig:
    """The settings of a model folder, without its weights.

    Reading the settings runs the code of parts that do not come with Plainfilm, which requires `trust_code`.

    Raises:
        ModelError: not a model folder, a newer format, or settings that do not fit this version or were
            changed.
    """
    folder = find_model(folder)
    path = folder / CONFIG_FILE
    if not path.is_file():
        of_run, way_out = folder / "model", "`plainfilm train` writes one"
        if (of_run / CONFIG_FILE).is_file():
            way_out = f"it is the folder of a run, whose best model is {of_run}"
        raise ModelError(f"{folder}: no {CONFIG_FILE}, so this is not a model folder; {way_out}")
    raw, values = _read(path)
    if not trust_code:
        _refuse_code(values, path)
    try:
        settings = build_settings(ModelConfig, values, str(path))
        _refuse_look_ups(settings.architecture.model_dump(mode="json"), path, "architecture")
        check_digest(raw, path, settings)
    except ConfigError as error:
        is_named = str(error).startswith(str(path))
        raise ModelError(str(error) if is_named else f"{path}: {error}") from None
    except DataError as error:
        raise ModelError(str(error)) from None
    return settings


def foreign_names(folder: Path) -> set[str]:
    """The code of somebody's own that the model in `folder` names, of which nothing is run.

    Raises:
        ModelError: not a model folder.
    """
    _, values = _read(Path(folder) / CONFIG_FILE)
    return {name for _, name in _code_of(values)}


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values as they are written, and in today's format."""
    try:
        raw = read_values(path)
    except (DataError, OSError) as error:
        raise ModelError(str(error)) from None
    values = _of_todays_format(raw, path)
    values.pop(DIGEST, None)
    return raw, values


def _of_todays_format(raw: Mapping[str, Any], path: Path) -> dict[str, Any]:
    version = raw.get("format_version")
    if version not in (1, FORMAT_VERSION) or isinstance(version, bool):
        writer = raw.get("package_version", "of unknown version")
        raise ModelError(
            f"{path}: model format {version} (written by plainfilm {writer}), but this "
            f"version reads 1 and {FORMAT_VERSION}: use the version that wrote it, or a newer plainfilm"
        )
    if not isinstance(raw.get("architecture"), dict):
        raise ModelError(
            f"{path}: key 'architecture' is missing or no mapping; copy or train the model again"
        )
    if version == 1:
        return of_format_1(raw, _longest_text(path.parent))
    return dict(raw)


def _longest_text(folder: Path) -> int:
    """The longest text of a tokenizer of format 1; loading the model reports damaged tokenizers."""
    try:
        return int(read_json(folder / SETTINGS_FILE)["max_tokens"])
    except (DataError, KeyError, TypeError, ValueError):
        return 128


def _code_of(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What names code, wherever loading would run it: in all but the records of how it was trained."""
    return list(foreign_code({key: value for key, value in values.items() if key != "recipe"}))


def _refuse_code(values: Mapping[str, Any], path: Path) -> None:
    for place, name in _code_of(values):
        raise ModelError(
            f"{path}: '{place}' is foreign code ('{name}'), which loading would run: "
            "read it, then allow it with --trust-code (in Python: trust_code=True)"
        )


def _refuse_look_ups(values: Any, path: Path, place: str) -> None:
    """Refuse what a saved model never says: its folder holds all, and nothing is fetched for it."""
    if not isinstance(values, Mapping):
        return
    if "use" in values:
        _refuse_look_up(values, f"{path}: '{place}")
    for key, value in values.items():
        _refuse_look_ups(value, path, f"{place}.{key}")


def _refuse_look_up(values: Mapping[str, Any], where: str) -> None:
    for key in ("pretrained", "weights"):
        if values.get(key):
            raise ModelError(
                f"{where}.{key}' is {values[key]!r}, but a saved model has its own weights: copy or train "
                "it again"
            )
    if values.get("name") and "settings" in values and values["settings"] is None:
        raise ModelError(
            f"{where}.settings' is missing, and '{values['name']}' is not looked up for a saved model: copy "
            "or train it again"
        )
