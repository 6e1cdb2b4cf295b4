"""A model as a folder: weights, settings, tokenizer and a card. Written whole or not at all, read strictly.

model.safetensors   every tensor of the model
config.json         `ModelConfig`
tokenizer files     see `text.tokenizers`; of a model that reads texts
patients.npy        who it was trained on, as hashes (`collection.leaks.patient_keys`); where it is known
README.md           the model card, written from the settings
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, SerializeAsAny, field_validator, model_validator
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from plainfilm import __version__
from plainfilm.config import Settings
from plainfilm.config import build as build_settings
from plainfilm.errors import ConfigError, DataError, ModelError
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.io.tables import read_json, write_json
from plainfilm.nn.classifier import ClassifierConfig
from plainfilm.nn.kinds import architecture_of, build_model
from plainfilm.nn.model import Architecture, Model
from plainfilm.nn.model_card import model_card
from plainfilm.nn.packaged_weights import load_strictly
from plainfilm.text.tokenizers import TOKENIZER_FILE, Tokenizer
from plainfilm.types import View

FORMAT_VERSION = 1
WEIGHTS_FILE, CONFIG_FILE, CARD_FILE = "model.safetensors", "config.json", "README.md"
PATIENTS_FILE = "patients.npy"

PatientKeys = NDArray[np.int64]
"""(P,) sorted hashes of the patients a model was trained on."""


class TrainingCollection(Settings):
    """A collection a model was trained on."""

    name: str
    fingerprint: str
    licence: str | None = None


class TrainedOn(Settings):
    """What evaluation must know of training; `None` where it is not known, and then restricts nothing.

    views: of the films (`None`: all). label_origin: whose labels the model learned from, in order of
    preference, none for the corpus' own (`collection.label_origins.preferred_origins`); `None` where it
    learned from no labels. observations: of which labels were read (`None`: all). text_rule: which part of a
    report it was trained to read.
    """

    views: tuple[View, ...] | None = None
    label_origin: tuple[str, ...] | None = None
    observations: tuple[str, ...] | None = None
    text_rule: str | None = None


class ModelConfig(Settings):
    """What a model is and where it comes from.

    `trained_on` is `None` where nobody says how the model was trained, as in older folders; `recipe` is the
    run's recipe as resolved; `scores` are the run's own validation scores. `fingerprint` identifies weights
    and tokenizer; `save_model` fills it in, as it does `architecture` and `vocabulary_size`.
    """

    format_version: int = FORMAT_VERSION
    architecture: SerializeAsAny[Architecture]
    preprocessing: Preprocessing = Preprocessing()
    vocabulary_size: int = 0
    trained_on: TrainedOn | None = None
    observations: tuple[str, ...] = ()
    collections: tuple[TrainingCollection, ...] = ()
    recipe: dict[str, Any] = Field(default_factory=dict)
    scores: dict[str, float] = Field(default_factory=dict)
    package_version: str = __version__
    fingerprint: str = ""

    @model_validator(mode="before")
    @classmethod
    def _text_rule_of_older_folders(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and "text_rule" in values:
            values = dict(values)
            rule = values.pop("text_rule")
            values.setdefault("trained_on", None if rule is None else {"text_rule": rule})
        return values

    @property
    def training_facts(self) -> TrainedOn:
        """`trained_on`, or that nothing is known."""
        return self.trained_on or TrainedOn()

    @field_validator("architecture", mode="before")
    @classmethod
    def _of_its_kind(cls, value: Any) -> Any:
        return architecture_of(value, "architecture") if isinstance(value, Mapping) else value


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode, its tokenizer (`None` where it reads no texts), its settings, and whom it
    was trained on, if known."""

    model: Model
    tokenizer: Tokenizer | None
    config: ModelConfig
    patients: PatientKeys | None = None


def save_model(
    folder: Path,
    model: Model,
    tokenizer: Tokenizer | None,
    config: ModelConfig,
    patients: PatientKeys | None = None,
) -> None:
    """Write the model folder; one that is already there is replaced once the new one is complete."""
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _recover(folder)
    for abandoned in folder.parent.glob(f".{folder.name}.part-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.part-"))
    try:
        _write(part, model, tokenizer, config)
        if patients is not None:
            np.save(part / PATIENTS_FILE, patients, allow_pickle=False)
        part.chmod(0o755)
        _replace_folder(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write(part: Path, model: Model, tokenizer: Tokenizer | None, config: ModelConfig) -> None:
    tensors = {key: value.detach().cpu().contiguous().clone() for key, value in model.state_dict().items()}
    try:
        save_file(tensors, part / WEIGHTS_FILE, metadata={"format": "pt"})
    except SafetensorError as error:
        raise DataError(f"{part / WEIGHTS_FILE}: cannot be written ({error}); make room") from None
    (part / WEIGHTS_FILE).chmod(0o644)
    if tokenizer is not None:
        tokenizer.save(part)
    facts = {
        "architecture": model.rebuilt_from(),
        "vocabulary_size": 0 if tokenizer is None else tokenizer.vocabulary_size,
        "fingerprint": _fingerprint(part),
    }
    written = config.model_copy(update=facts)
    write_json(written.model_dump(mode="json"), part / CONFIG_FILE)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    card = model_card(written.model_dump(mode="json"), parameters)
    (part / CARD_FILE).write_text(card, encoding="utf-8")


def _fingerprint(part: Path) -> str:
    digest = hashlib.sha256()
    for path in (part / WEIGHTS_FILE, part / TOKENIZER_FILE):
        if not path.exists():
            continue
        with path.open("rb") as file:
            while block := file.read(2**20):
                digest.update(block)
    return digest.hexdigest()[:16]


def _replace_folder(new: Path, folder: Path) -> None:
    # A folder cannot be replaced in one call. Killed between the two renames, the older one is left as
    # `.NAME.old`, and `_recover` brings it back.
    old = folder.parent / f".{folder.name}.old"
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.replace(old)
    new.replace(folder)
    shutil.rmtree(old, ignore_errors=True)


def _recover(folder: Path) -> None:
    old = folder.parent / f".{folder.name}.old"
    if old.is_dir() and not folder.exists():
        old.replace(folder)


def read_model_config(folder: Path, trust_code: bool = False) -> ModelConfig:
    """The settings of a model folder, without its weights.

    An encoder that does not come with Plainfilm is code, and reading the settings runs it: only with
    `trust_code`.

    Raises:
        ModelError: not a model folder, a newer format, or settings that do not fit this version.
    """
    path = Path(folder) / CONFIG_FILE
    if not path.is_file():
        raise ModelError(
            f"{folder}: no {CONFIG_FILE}, so this is not a model folder; `plainfilm train` writes one"
        )
    try:
        raw = read_json(path)
    except DataError as error:
        raise ModelError(str(error)) from None
    version = raw.get("format_version") if isinstance(raw, dict) else None
    if version != FORMAT_VERSION:
        raise ModelError(
            f"{path}: model format {version} (written by plainfilm {_writer(raw)}), this version reads "
            f"{FORMAT_VERSION}: use the version it was written with, or a newer plainfilm"
        )
    if not trust_code:
        _refuse_code(raw, path)
    try:
        return build_settings(ModelConfig, raw, str(path))
    except ConfigError as error:
        is_named = str(error).startswith(str(path))
        raise ModelError(str(error) if is_named else f"{path}: {error}") from None


def _refuse_code(raw: Mapping[str, Any], path: Path) -> None:
    for part in ("image", "text"):
        stated = raw.get("architecture", {}).get(part)
        used = str(stated.get("use")) if isinstance(stated, Mapping) else ""
        if used.endswith(".py") or "." in used:
            raise ModelError(
                f"{path}: the {part} encoder is code of its own ('{used}'), which loading would run: "
                "read it, then allow it with --trust-code (in Python: trust_code=True)"
            )


def _writer(raw: Any) -> str:
    return str(raw.get("package_version", "of unknown version")) if isinstance(raw, dict) else "unknown"


def load_model(folder: Path, trust_code: bool = False) -> LoadedModel:
    """The model in `folder`, in evaluation mode on the CPU.

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
        raise ModelError(f"{folder}: no {WEIGHTS_FILE}, so this is not a whole model folder")
    reads_texts = not isinstance(settings.architecture, ClassifierConfig)
    tokenizer = Tokenizer.load(folder) if reads_texts else None
    with torch.random.fork_rng(devices=[]):  # the random start is overwritten and should cost no draws
        model = build_model(settings.architecture, settings.vocabulary_size)
    try:
        tensors = load_file(weights)
    except SafetensorError as error:
        raise ModelError(f"{weights}: damaged ({error}); copy or train it again") from None
    load_strictly(model, tensors, str(weights))
    return LoadedModel(model.eval(), tokenizer, settings, _patients(folder / PATIENTS_FILE))


def _patients(file: Path) -> PatientKeys | None:
    if not file.is_file():
        return None
    try:
        return np.load(file, allow_pickle=False).astype(np.int64)
    except (ValueError, OSError, EOFError) as error:
        raise ModelError(f"{file}: damaged ({error}); copy or train the model again") from None
