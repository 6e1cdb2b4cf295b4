"""The files of a checkpoint: one of torch.save, safetensors, or a folder as the Hugging Face hub has them.

A folder holds one file of weights or several with an index (`*.index.json`), and settings as JSON. Settings
that name code of their own (`auto_map`) are refused; a family that states that architecture itself says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from plainfilm.errors import DataError, ModelError
from plainfilm.io.tables import read_json
from plainfilm.io.torch_files import read_published

SUFFIX = ".safetensors"
WEIGHTS = (
    *("model.safetensors", "open_clip_model.safetensors"),
    *("pytorch_model.bin", "open_clip_pytorch_model.bin"),
)
"""The names of weights in a folder, the first that is there counts; each may have an index instead."""
INDEX = ".index.json"
CONFIG = "config.json"
_CODE = ("auto_map", "trust_remote_code", "custom_pipelines")


@dataclass(frozen=True)
class Opened:
    """A checkpoint opened.

    path: as it was named. content: what its files hold, tensors by name or the dictionary of a trainer.
    files: those that were read.
    """

    path: Path
    content: Mapping[str, Any]
    files: tuple[Path, ...] = field(default=())

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return self.path if self.path.is_dir() else self.path.parent


def open_weights(path: Path) -> Opened:
    """What the checkpoint at `path` holds, a file or a folder.

    Raises:
        ModelError: no weights there, damaged ones, or ones that ask for code.
    """
    if not path.is_dir():
        return Opened(path, _content(path), (path,))
    files = _files_in(path)
    content: dict[str, Any] = {}
    for file in files:
        for name, value in _content(file).items():
            if name in content:
                raise ModelError(f"{file}: has a second '{name[:80]}'; another file of the folder has it too")
            content[name] = value
    return Opened(path, content, files)


def _content(file: Path) -> dict[str, Any]:
    if file.suffix != SUFFIX:
        return read_published(file)
    if not file.is_file():
        raise ModelError(f"{file}: no such file")
    try:
        return dict(load_file(file))
    except (SafetensorError, OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise ModelError(f"{file}: damaged, or not safetensors ({reason}); fetch or copy it again") from None


def _files_in(folder: Path) -> tuple[Path, ...]:
    for name in WEIGHTS:
        if (folder / name).is_file():
            return (folder / name,)
        if (folder / f"{name}{INDEX}").is_file():
            return _shards(folder / f"{name}{INDEX}")
    raise ModelError(f"{folder}: holds no weights ({', '.join(WEIGHTS)}); name the file itself")


def _shards(index: Path) -> tuple[Path, ...]:
    parts = _json(index).get("weight_map")
    names = sorted({str(name) for name in parts.values()}) if isinstance(parts, dict) else []
    if not names or any(Path(name).name != name for name in names):
        raise ModelError(f"{index}: 'weight_map' names no files of its folder; fetch it again")
    missing = next((name for name in names if not (index.parent / name).is_file()), None)
    if missing is not None:
        raise ModelError(f"{index.parent / missing}: is missing, {index.name} needs it; fetch it too")
    return tuple(index.parent / name for name in names)


def read_settings(file: Path, *, own_code: bool = False) -> dict[str, Any]:
    """The settings in a JSON `file`. own_code: whether they may name code, which is not run in any case.

    Raises:
        ModelError: no such file, no JSON object, or one that asks for code.
    """
    values = _json(file)
    asked = next((key for key in _CODE if values.get(key)), None)
    if asked is not None and not own_code:
        raise ModelError(
            f"{file}: asks for code of its own ('{asked}'), and none is ever run; only architectures that "
            "Plainfilm states itself can be imported"
        )
    return values


def _json(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise ModelError(f"{file}: no such file; it belongs to the checkpoint, fetch it too")
    try:
        values = read_json(file)
    except DataError as error:
        raise ModelError(str(error)) from None
    if not isinstance(values, dict):
        raise ModelError(f"{file}: expected a JSON object, found {type(values).__name__}")
    return values


def origin(opened: Opened, known: Mapping[str, str]) -> dict[str, Any]:
    """What a model folder should say of the files of a checkpoint: names and SHA-256.

    known: hashes of published files by name, MD5 or SHA-256 in hexadecimal digits.

    Raises:
        ModelError: a file with the name of a published one is another.
    """
    digests = {file.name: _digest(file, "sha256") for file in opened.files}
    for file in opened.files:
        wanted = known.get(file.name)
        kind = "sha256" if wanted is not None and len(wanted) == 64 else "md5"
        if wanted is not None and _digest(file, kind) != wanted:
            raise ModelError(
                f"{file}: has the name of a published file and is another ({kind} is not {wanted[:12]}...): "
                "fetch it again, or give it another name if it is your own"
            )
    is_known = all(file.name in known for file in opened.files)
    stated = {"published_hash": "matches"} if is_known else {}
    if len(digests) == 1:
        ((name, digest),) = digests.items()
        return {"file": name, "sha256": digest, **stated}
    return {"files": digests, **stated}


def _digest(file: Path, kind: str) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, kind).hexdigest()


def below(tensors: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The tensors whose names begin with `prefix`, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def check_family(tensors: Mapping[str, Any], needed: Sequence[str], family: str, where: str) -> None:
    """Refuses tensors that lack those by which a family is known.

    Raises:
        ModelError: see there.
    """
    missing = next((name for name in needed if name not in tensors), None)
    if missing is not None:
        held = ", ".join(f"'{name[:60]}'" for name in list(tensors)[:2]) or "none"
        raise ModelError(f"{where}: tensor '{missing}' is missing ({held} ...), so it is not of {family}")
