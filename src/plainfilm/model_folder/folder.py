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
import errno
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import save_file

from plainfilm.errors import ConfigError, DataError, ModelError
from plainfilm.io.arrays import read_array
from plainfilm.io.files import flush, flush_tree, folder_beside, sha256_of
from plainfilm.io.hub import local_only
from plainfilm.io.json_records import write_record
from plainfilm.io.locks import writing
from plainfilm.model_folder.card import model_card
from plainfilm.model_folder.config import ModelConfig
from plainfilm.model_folder.shipped import find_model, shipped_models
from plainfilm.model_folder.stored_config import CONFIG_FILE, read_model_config
from plainfilm.model_folder.weights import read_model
from plainfilm.models.base import Model, TokenizerFacts, build_model
from plainfilm.nn.cost import Cost
from plainfilm.nn.size import count_parameters
from plainfilm.text.tokenizers import TOKENIZER_FILE, Tokenizer

WEIGHTS_FILE, CARD_FILE = "model.safetensors", "README.md"
PATIENTS_FILE, TOKENIZERS = "patients.npy", "tokenizers"
_ATTEMPTS = 20

PatientKeys = NDArray[np.int64]
"""(P,) sorted hashes of the patients a model was trained on."""

Tokenizers = Mapping[str, Tokenizer]


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode, its tokenizers by name, its settings, hashes of its training patients, if
    known, and what a film costs it."""

    model: Model
    tokenizers: Tokenizers
    config: ModelConfig
    patients: PatientKeys | None = None
    cost: Cost = field(default_factory=Cost)


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
    with folder_beside(folder) as part:
        _write(part, model, tokenizers, config, patients)
        _replace_folder(part, folder)


def _write(
    part: Path, model: Model, tokenizers: Tokenizers, config: ModelConfig, patients: PatientKeys | None
) -> None:
    tensors = {key: value.detach().cpu().contiguous().clone() for key, value in model.state_dict().items()}
    try:
        save_file(tensors, part / WEIGHTS_FILE, metadata={"format": "pt"})
    except SafetensorError as error:
        raise DataError(f"{part / WEIGHTS_FILE}: cannot be written ({error}); free some space") from None
    (part / WEIGHTS_FILE).chmod(0o644)
    for name, tokenizer in sorted(tokenizers.items()):
        (part / TOKENIZERS / name).mkdir(parents=True)
        tokenizer.save(part / TOKENIZERS / name)
    if patients is not None:
        np.save(part / PATIENTS_FILE, patients, allow_pickle=False)
    filled = {
        "architecture": model.rebuilt_from(),
        "facts": model.facts.model_copy(update={"tokenizers": tokenizer_facts(tokenizers)}),
        "fingerprint": _fingerprint(part),
        "patients_sha256": None if patients is None else sha256_of(part / PATIENTS_FILE),
    }
    written = config.model_copy(update=filled)
    write_record(written.model_dump(mode="json"), part / CONFIG_FILE)
    card = model_card(written.model_dump(mode="json"), count_parameters(model))
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
    try:
        with folder_beside(folder) as part:
            shutil.copytree(source, part, copy_function=_link_or_copy, dirs_exist_ok=True)
            part.chmod(0o755)
            _replace_folder(part, folder)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written ({error}); make room and go on with --resume") from None


def _link_or_copy(source: str, target: str) -> None:
    if Path(source).name == WEIGHTS_FILE:  # never changed in place; what people edit is copied
        with contextlib.suppress(OSError):
            os.link(source, target)
            return
    shutil.copy2(source, target)


def _fingerprint(folder: Path) -> str:
    """Of the weights and tokenizers; of format 1, the single tokenizer lies in the folder itself."""
    tokenizers = sorted((folder / TOKENIZERS).glob(f"*/{TOKENIZER_FILE}"))
    own = [folder / TOKENIZER_FILE] if (folder / TOKENIZER_FILE).is_file() and not tokenizers else []
    digest = hashlib.sha256()
    for path in (folder / WEIGHTS_FILE, *(tokenizers or own)):
        with path.open("rb") as file:
            while block := file.read(2**20):
                digest.update(block)
    return digest.hexdigest()[:16]


def _replace_folder(new: Path, folder: Path) -> None:
    # A folder cannot be replaced in one call. A kill between the two renames leaves the older one as
    # `.NAME.old`, and `_recover` restores it.
    # So may whoever loads the model at that moment; then the renames are made again.
    flush_tree(new)
    old = folder.parent / f".{folder.name}.old"
    for attempt in range(1, _ATTEMPTS + 1):
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
            folder.replace(old)
        try:
            new.replace(folder)
            break
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or attempt == _ATTEMPTS:
                raise
    flush(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def _recover(folder: Path) -> None:
    old = folder.parent / f".{folder.name}.old"
    if old.is_dir() and not folder.exists():
        try:
            old.replace(folder)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY):
                raise  # else another process has done it


@contextmanager
def writing_beside(folder: Path) -> Iterator[None]:
    """While open, nobody else writes into the model folder, or replaces it, as the training of its run does.

    Raises:
        UsageError: another process is writing there, or in the folder of the run.
        DataError: the folder cannot be written.
    """
    run = Path(folder).absolute().parent
    with writing(run) if (run / "recipe.yaml").is_file() else nullcontext(), writing(folder):
        yield


def load_model(folder: Path, trust_code: bool = False) -> LoadedModel:
    """Load the model in `folder`, or the shipped one with this name (`shipped.find_model`), in evaluation
    mode on the CPU. Nothing is downloaded for it.

    Raises:
        ModelError: not a model folder, or one that is damaged: a file or a tensor that is missing,
            unexpected, of another shape, not finite, or not as it was written; or one whose inputs are
            beyond `io.limits`.
    """
    folder = find_model(folder)
    _recover(folder)
    if not folder.is_dir():
        known = ", ".join(shipped_models())
        raise ModelError(f"{folder}: no such model folder (models that come with Plainfilm: {known})")
    settings = read_model_config(folder, trust_code)
    weights = folder / WEIGHTS_FILE
    if not weights.is_file():
        raise ModelError(f"{folder}: no {WEIGHTS_FILE}, so this is no complete model folder")
    tokenizers = {name: load_tokenizer(folder, name) for name in settings.architecture.tokenizers()}
    facts = settings.facts.model_copy(update={"tokenizers": tokenizer_facts(tokenizers)})
    try:
        with local_only():
            model, cost = read_model(
                weights,
                settings,
                lambda: build_model(settings.architecture, facts),
                lambda: _fingerprint(folder),
            )
    except (ConfigError, ModelError) as error:
        is_named = str(error).startswith(str(folder))
        raise ModelError(str(error) if is_named else f"{folder / CONFIG_FILE}: {error}") from None
    return LoadedModel(model.eval(), tokenizers, settings, _patients(folder, settings), cost)


def training_patients(folder: Path) -> PatientKeys | None:
    """Hashes of the patients that the model in `folder`, or the shipped one with this name, was trained on;
    `None` if they are not known.

    Raises:
        ModelError: not a model folder, or one that is damaged.
    """
    folder = find_model(folder)
    return _patients(folder, read_model_config(folder))


def load_tokenizer(folder: Path, name: str) -> Tokenizer:
    """The tokenizer called `name` of the model in `folder`.

    Raises:
        ModelError: a file is missing or damaged.
    """
    own = Path(folder) / TOKENIZERS / name
    # Format 1 had a single tokenizer, in the folder itself.
    return Tokenizer.load(own if own.is_dir() or name != "text" else Path(folder))


def _patients(folder: Path, settings: ModelConfig) -> PatientKeys | None:
    file, stated = folder / PATIENTS_FILE, settings.patients_sha256
    if not file.exists() and stated is None:
        return None
    try:
        patients = np.array(read_array(file, np.int64, 1))
    except DataError as error:
        raise ModelError(f"{error}; copy or train the model again") from None
    if stated is not None and sha256_of(file) != stated:
        raise ModelError(
            f"{file}: damaged (its digest in {CONFIG_FILE} differs); copy or train the model again"
        )
    return patients
