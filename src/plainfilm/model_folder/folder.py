"""Saves and loads a model as a folder: weights, settings, tokenizers and a card, written atomically.

model.safetensors   every tensor of the model
config.json         `ModelConfig`
tokenizers/NAME/    see `text.tokenizers`; one folder for each tokenizer the model reads or writes with
patients.npy        the patients it was trained on, as hashes (`collection.leaks.patient_keys`), if known
README.md           the model card, written from the settings

Format 1, of earlier versions, had a single tokenizer, in the folder itself; it can still be read.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from plainfilm.config import build as build_settings
from plainfilm.errors import ConfigError, DataError, ModelError
from plainfilm.io.files import flush, flush_tree
from plainfilm.io.tables import read_json, write_json
from plainfilm.model_folder.card import model_card
from plainfilm.model_folder.config import FORMAT_VERSION, ModelConfig, of_format_1
from plainfilm.models.base import Model, TokenizerFacts, build_model, foreign_code
from plainfilm.nn.packaged_weights import load_strictly
from plainfilm.text.tokenizers import SETTINGS_FILE, TOKENIZER_FILE, Tokenizer

WEIGHTS_FILE, CONFIG_FILE, CARD_FILE = "model.safetensors", "config.json", "README.md"
PATIENTS_FILE, TOKENIZERS = "patients.npy", "tokenizers"

PatientKeys = NDArray[np.int64]
"""(P,) sorted hashes of the patients a model was trained on."""

Tokenizers = Mapping[str, Tokenizer]


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode, its tokenizers by name, its settings, and hashes of its training patients,
    if known."""

    model: Model
    tokenizers: Tokenizers
    config: ModelConfig
    patients: PatientKeys | None = None


def tokenizer_facts(tokenizers: Tokenizers) -> dict[str, TokenizerFacts]:
    """The facts of tokenizers that a model needs."""
    return {
        name: TokenizerFacts(
            vocabulary_size=one.vocabulary_size,
            max_tokens=one.max_tokens,
            pad=one.pad_id,
            start=one.start_id,
            end=one.end_id,
        )
        for name, one in tokenizers.items()
    }


def save_model(
    folder: Path,
    model: Model,
    tokenizers: Tokenizers,
    config: ModelConfig,
    patients: PatientKeys | None = None,
) -> None:
    """Write the model folder; an existing one is replaced once the new one is complete."""
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _recover(folder)
    for abandoned in folder.parent.glob(f".{folder.name}.part-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.part-"))
    try:
        _write(part, model, tokenizers, config)
        if patients is not None:
            np.save(part / PATIENTS_FILE, patients, allow_pickle=False)
        part.chmod(0o755)
        _replace_folder(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write(part: Path, model: Model, tokenizers: Tokenizers, config: ModelConfig) -> None:
    tensors = {key: value.detach().cpu().contiguous().clone() for key, value in model.state_dict().items()}
    try:
        save_file(tensors, part / WEIGHTS_FILE, metadata={"format": "pt"})
    except SafetensorError as error:
        raise DataError(f"{part / WEIGHTS_FILE}: cannot be written ({error}); free some space") from None
    (part / WEIGHTS_FILE).chmod(0o644)
    for name, tokenizer in sorted(tokenizers.items()):
        (part / TOKENIZERS / name).mkdir(parents=True)
        tokenizer.save(part / TOKENIZERS / name)
    facts = model.facts.model_copy(update={"tokenizers": tokenizer_facts(tokenizers)})
    filled = {"architecture": model.rebuilt_from(), "facts": facts, "fingerprint": _fingerprint(part)}
    written = config.model_copy(update=filled)
    write_json(written.model_dump(mode="json"), part / CONFIG_FILE)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    card = model_card(written.model_dump(mode="json"), parameters)
    (part / CARD_FILE).write_text(card, encoding="utf-8")


def copy_model(source: Path, folder: Path) -> None:
    """Makes `folder` a copy of the model in `source`, replacing what is there once it is complete; the disk
    holds the weights once where it can. A folder that is a copy already stays as it is.

    Raises:
        DataError: it cannot be written.
    """
    _recover(folder)
    there = folder / CONFIG_FILE
    if there.is_file() and there.read_bytes() == (source / CONFIG_FILE).read_bytes():
        return
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.part-"))
    try:
        shutil.copytree(source, part, copy_function=_link_or_copy, dirs_exist_ok=True)
        part.chmod(0o755)
        _replace_folder(part, folder)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written ({error}); make room and go on with --resume") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _link_or_copy(source: str, target: str) -> None:
    if Path(source).name == WEIGHTS_FILE:  # never changed in place; what people edit is copied
        with contextlib.suppress(OSError):
            os.link(source, target)
            return
    shutil.copy2(source, target)


def _fingerprint(part: Path) -> str:
    digest = hashlib.sha256()
    for path in (part / WEIGHTS_FILE, *sorted((part / TOKENIZERS).glob(f"*/{TOKENIZER_FILE}"))):
        with path.open("rb") as file:
            while block := file.read(2**20):
                digest.update(block)
    return digest.hexdigest()[:16]


def _replace_folder(new: Path, folder: Path) -> None:
    # A folder cannot be replaced in one call. A kill between the two renames leaves the older one as
    # `.NAME.old`, and `_recover` restores it.
    flush_tree(new)
    old = folder.parent / f".{folder.name}.old"
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.replace(old)
    new.replace(folder)
    flush(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def _recover(folder: Path) -> None:
    old = folder.parent / f".{folder.name}.old"
    if old.is_dir() and not folder.exists():
        old.replace(folder)


def read_model_config(folder: Path, trust_code: bool = False) -> ModelConfig:
    """The settings of a model folder, without its weights.

    Reading the settings runs the code of parts that do not come with Plainfilm, which requires `trust_code`.

    Raises:
        ModelError: not a model folder, a newer format, or settings that do not fit this version.
    """
    path = Path(folder) / CONFIG_FILE
    if not path.is_file():
        of_run = Path(folder) / "model"
        way_out = "`plainfilm train` writes one"
        if (of_run / CONFIG_FILE).is_file():
            way_out = f"it is the folder of a run, whose best model is {of_run}"
        raise ModelError(f"{folder}: no {CONFIG_FILE}, so this is not a model folder; {way_out}")
    try:
        raw = read_json(path)
    except DataError as error:
        raise ModelError(str(error)) from None
    values = _of_todays_format(raw, path)
    if not trust_code:
        _refuse_code(values, path)
    try:
        return build_settings(ModelConfig, values, str(path))
    except ConfigError as error:
        is_named = str(error).startswith(str(path))
        raise ModelError(str(error) if is_named else f"{path}: {error}") from None


def foreign_names(folder: Path) -> set[str]:
    """The code of somebody's own that the model in `folder` names, of which nothing is run.

    Raises:
        ModelError: not a model folder.
    """
    path = Path(folder) / CONFIG_FILE
    try:
        values = _of_todays_format(read_json(path), path)
    except (DataError, OSError) as error:
        raise ModelError(str(error)) from None
    return {name for _, name in foreign_code(values["architecture"])}


def _of_todays_format(raw: Any, path: Path) -> dict[str, Any]:
    version = raw.get("format_version") if isinstance(raw, dict) else None
    if version not in (1, FORMAT_VERSION):
        raise ModelError(
            f"{path}: model format {version} (written by plainfilm {_writer(raw)}), but this version reads "
            f"1 and {FORMAT_VERSION}: use the version that wrote it, or a newer plainfilm"
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


def _refuse_code(values: Mapping[str, Any], path: Path) -> None:
    for place, name in foreign_code(values["architecture"], "architecture"):
        raise ModelError(
            f"{path}: '{place}' is foreign code ('{name}'), which loading would run: "
            "read it, then allow it with --trust-code (in Python: trust_code=True)"
        )


def _writer(raw: Any) -> str:
    return str(raw.get("package_version", "of unknown version")) if isinstance(raw, dict) else "unknown"


def load_model(folder: Path, trust_code: bool = False) -> LoadedModel:
    """Load the model in `folder`, in evaluation mode on the CPU.

    Raises:
        ModelError: not a model folder, or a tensor that is missing, unexpected or of another shape.
    """
    folder = Path(folder)
    _recover(folder)
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such model folder")
    settings = read_model_config(folder, trust_code)
    weights = folder / WEIGHTS_FILE
    if not weights.is_file():
        raise ModelError(f"{folder}: no {WEIGHTS_FILE}, so this is no complete model folder")
    tokenizers = {name: load_tokenizer(folder, name) for name in settings.architecture.tokenizers()}
    facts = settings.facts.model_copy(update={"tokenizers": tokenizer_facts(tokenizers)})
    try:
        with torch.random.fork_rng(devices=[]):  # the random start is overwritten and should cost no draws
            model = build_model(settings.architecture, facts)
    except ConfigError as error:
        raise ModelError(f"{folder / CONFIG_FILE}: {error}") from None
    try:
        tensors = load_file(weights)
    except SafetensorError as error:
        raise ModelError(f"{weights}: damaged ({error}); copy or train it again") from None
    load_strictly(model, tensors, str(weights))
    return LoadedModel(model.eval(), tokenizers, settings, _patients(folder / PATIENTS_FILE))


def load_tokenizer(folder: Path, name: str) -> Tokenizer:
    """The tokenizer called `name` of the model in `folder`.

    Raises:
        ModelError: a file is missing or damaged.
    """
    own = Path(folder) / TOKENIZERS / name
    # Format 1 had a single tokenizer, in the folder itself.
    return Tokenizer.load(own if own.is_dir() or name != "text" else Path(folder))


def _patients(file: Path) -> PatientKeys | None:
    if not file.is_file():
        return None
    try:
        return np.load(file, allow_pickle=False).astype(np.int64)
    except (ValueError, OSError, EOFError) as error:
        raise ModelError(f"{file}: damaged ({error}); copy or train the model again") from None
