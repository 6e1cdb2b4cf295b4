"""Models on the Hugging Face Hub: safe files only, there and back.

Weights (safetensors), JSON, tokenizers, the card and the hashes of training patients go there and are taken
from there; never code or pickles. Models are named hf://OWNER/NAME, or with a branch, tag or commit
hf://OWNER/NAME@REVISION.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from plainfilm.errors import ModelError, UsageError
from plainfilm.io.hub import before_download, not_here
from plainfilm.io.json_records import DIGEST, read_values, write_record
from plainfilm.model_folder.folder import CARD_FILE, PATIENTS_FILE
from plainfilm.model_folder.stored_config import CONFIG_FILE, foreign_names, read_model_config

SAFE_FILES = ("*.safetensors", "*.json", "*.npy", "*.md", "*.txt", "*.model")
"""Weights, settings, hashes, the card, and the vocabularies of tokenizers."""

_NAME = re.compile(r"hf:/{1,2}(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")
_WAY_OUT = "check the name, `hf auth login` if it is not public, and the network"

Answer = TypeVar("Answer")


def local_folder(name: Path | str) -> Path:
    """The folder of a model: `name` itself, or where the Hub's cache keeps the model of that name.

    What is not in the cache is downloaded; this is said before it starts.

    Raises:
        ModelError: there is no such model, or it cannot be downloaded.
        UsageError: the name begins with hf: and is none of a model.
    """
    if not str(name).startswith("hf:"):
        return Path(name)
    match = _NAME.fullmatch(str(name))
    if match is None:
        raise UsageError(f"'{name}': models of the Hub are named hf://OWNER/NAME or hf://OWNER/NAME@REVISION")
    from huggingface_hub import constants

    wanted = {
        "repo_id": match["repository"],
        "revision": match["revision"],
        "allow_patterns": list(SAFE_FILES),
    }
    what = f"model hf://{match['repository']}"
    try:
        before_download(what, offline=constants.HF_HUB_OFFLINE)
    except ModelError:
        return _kept(what, wanted)
    return Path(_asked(what, lambda hub: hub.snapshot_download(**wanted)))


def _kept(what: str, wanted: dict[str, Any]) -> Path:
    """The copy that the cache has, where the Hub is out of reach."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(HfApi().snapshot_download(**wanted, local_files_only=True))
    except LocalEntryNotFoundError:
        raise not_here(what, "the Hub is out of reach, or offline is set") from None


def _asked(what: str, question: Callable[[Any], Answer]) -> Answer:
    """What the Hub answers.

    Raises:
        ModelError: it refuses, or does not answer.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    # Its base is that of all errors of the HTTP library, whichever the installed version uses.
    http_error: type[Exception] = HfHubHTTPError.__mro__[1]
    try:
        return question(HfApi())
    except (http_error, OSError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".") or type(error).__name__
        raise ModelError(f"{what}: the Hub does not give or take it ({reason}); {_WAY_OUT}") from None


def push_model(folder: Path, repository: str, *, private: bool = True, with_patients: bool = False) -> str:
    """Put the model in `folder` on the Hub as OWNER/NAME, in one commit; returns its address.

    The card gets the head that the Hub reads. `patients.npy`, the hashes of the patients that it was trained
    on, stays here unless `with_patients`: with it, others' evaluations can refuse these patients; but whoever
    can guess an id can test the guess.

    Raises:
        ModelError: no model folder, or the Hub refuses it.
        UsageError: the model names code, which stays here, or this is no name of a repository.
    """
    code = sorted(foreign_names(folder))
    if code:
        raise UsageError(f"{folder}: the model needs code ('{code[0]}'), and only safe files go to the Hub")
    read_model_config(folder)
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise UsageError(f"'{repository}': a repository of the Hub is named OWNER/NAME")
    what = f"model hf://{repository}"
    with tempfile.TemporaryDirectory() as name:
        part = Path(name) / "model"
        shutil.copytree(folder, part)
        _stay_here(part, with_patients)
        _add_head(part / CARD_FILE, repository)

        def upload(hub: Any) -> str:
            address = hub.create_repo(repository, private=private, exist_ok=True)
            hub.upload_folder(
                repo_id=repository,
                folder_path=part,
                allow_patterns=list(SAFE_FILES),
                commit_message="Upload a model of Plainfilm",
            )
            return str(address)

        return _asked(what, upload)


def _stay_here(part: Path, with_patients: bool) -> None:
    if with_patients or not (part / PATIENTS_FILE).exists():
        return
    (part / PATIENTS_FILE).unlink()
    values = read_values(part / CONFIG_FILE)
    values.pop(DIGEST, None)
    write_record({**values, "patients_sha256": None}, part / CONFIG_FILE)


def _add_head(card: Path, repository: str) -> None:
    """The metadata at the beginning of the card."""
    head = {
        "library_name": "plainfilm",
        "tags": ["plainfilm", "radiology", "chest-radiograph"],
        "model_name": repository.partition("/")[2],
    }
    text = card.read_text(encoding="utf-8") if card.is_file() else "# Model card\n"
    card.write_text(f"---\n{yaml.safe_dump(head, sort_keys=False)}---\n\n{text}", encoding="utf-8")
