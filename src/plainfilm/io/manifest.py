"""Folders whose files change together: a manifest, a JSON file, lists the SHA-256 of each.

New versions of files are written beside the old ones, under hidden names with their digests; renaming the
manifest brings all of them into force at once, and only then they take their own names. Whoever reads goes by
the manifest: a file still under its hidden name is found there, and one whose digest differs is an error. A
manifest holds a digest of itself. Manifests of earlier versions list no files, which are then not checked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from plainfilm.errors import DataError, UsageError
from plainfilm.io import paths
from plainfilm.io.files import flush, move, remove, rename, replacing, sha256_of, sweep_folder
from plainfilm.io.json_records import DIGEST, digest_of_values
from plainfilm.io.locks import writing
from plainfilm.io.object_storage import stored
from plainfilm.io.tables import as_json, read_json, write_json

FILES = "files"
"""The key of a manifest for the digest of every file by its path in the folder; `DIGEST` is that of all other
values."""

_NEW = ".new"
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Manifest:
    """A manifest at `path` with its `values`, its digest left out.

    Errors are of the type `error` and end in `way_out`, what a person can do about damage.
    """

    path: Path
    values: Mapping[str, Any]
    way_out: str
    error: type[DataError] = DataError

    @classmethod
    def read(
        cls,
        path: Path,
        way_out: str,
        *,
        check: Callable[[dict[str, Any]], None] = lambda values: None,
        error: type[DataError] = DataError,
    ) -> Self:
        """The manifest at `path`; `check` may refuse its values before their digest is compared.

        Raises:
            DataError: no such file, not a JSON object, or not what was written.
        """
        try:
            values = read_json(path)
        except DataError as why:
            raise error(f"{why}; {way_out}") from None
        if not isinstance(values, dict):
            raise error(f"{path}: holds no JSON object, so it is damaged; {way_out}")
        check(values)
        digest, manifest = values.pop(DIGEST, None), cls(path, values, way_out, error)
        is_checked = digest is not None or FILES in values
        if is_checked and not (digest == digest_of_values(values) and isinstance(values.get(FILES), dict)):
            raise manifest._damaged(path)
        return manifest

    @property
    def files(self) -> dict[str, str]:
        """The digest of every file by its path in the folder; none in manifests of earlier versions."""
        return dict(self.values.get(FILES, {}))

    def place_of(self, name: str) -> Path:
        """Where the file `name` lies now."""
        own, stated = self.path.parent / name, self.files.get(name)
        hidden = None if stated is None else _hidden(own, stated)
        return hidden if hidden is not None and paths.is_file(hidden) else own

    def open(self, name: str) -> pa.NativeFile:
        """The file `name`, after its digest was compared; who opens it closes it.

        It is not mapped into memory: comparing would make all of it memory of the process.

        Raises:
            DataError: it is missing, cannot be read, or is not what the manifest lists.
        """
        file = self._opened(name)
        if FILES in self.values:
            if _digest_of(file) != self.files.get(name):
                file.close()
                raise self._differs(name)
            file.seek(0)
        return file

    def damage(self) -> Iterator[str]:
        """What is wrong with the files, one line each; all of them are read."""
        for name in self.files:
            try:
                self.open(name).close()
            except DataError as error:
                yield str(error)

    def _opened(self, name: str) -> pa.NativeFile:
        own = self.path.parent / name
        for place in (self.place_of(name), own):
            try:
                return _as_arrow_file(place)
            except FileNotFoundError:  # it took its own name in between
                continue
            except OSError as error:
                raise self.error(f"{place}: cannot be read ({error.strerror or error})") from None
        raise self.error(f"{own}: no such file; {self.way_out}")

    def _differs(self, name: str) -> DataError:
        if Manifest.read(self.path, self.way_out).values != self.values:
            return self.error(f"{self.path.parent}: was changed while it was being read; repeat the command")
        return self._damaged(self.path.parent / name)

    def _damaged(self, path: Path) -> DataError:
        return self.error(f"{path}: is damaged, or was changed by hand (its SHA-256 differs); {self.way_out}")


def write_manifest(path: Path, values: Mapping[str, Any]) -> dict[str, Any]:
    """Write a manifest with its digest; return its values as they are read.

    Raises:
        DataError: the values are not JSON, or the file cannot be written.
    """
    plain = as_json({**values}, path)
    write_json({**plain, DIGEST: digest_of_values(plain)}, path)
    return plain


def _as_arrow_file(path: Path) -> pa.NativeFile:
    """A file of this machine, or one that is read into memory from object storage."""
    return pa.OSFile(str(path)) if stored(path) is None else pa.BufferReader(paths.read_all(path))


def _digest_of(file: pa.NativeFile) -> str:
    digest = hashlib.sha256()
    while block := file.read(_BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()


def _hidden(path: Path, digest: str) -> Path:
    return path.with_name(f".{path.name}.{digest[:16]}{_NEW}")


@contextmanager
def changing(folder: Path | str, manifest: str) -> Iterator[None]:
    """While open, nobody else writes to `folder`, which is new or belongs to a manifest of this name.

    Raises:
        UsageError: it belongs to another manifest, as a bank does where results are to be written, or another
            process is writing there.
        DataError: the folder cannot be written.
    """
    with writing(folder):
        _refuse_others(Path(folder), manifest)
        yield


def _refuse_others(folder: Path, manifest: str) -> None:
    for file in paths.files_in(folder, "*.json"):
        if file.name == manifest:
            continue
        try:
            values = read_json(file)
        except DataError:
            continue
        if isinstance(values, dict) and DIGEST in values and isinstance(values.get(FILES), dict):
            raise UsageError(f"{folder}: has files of its own already, of {file.name}; choose another folder")


class Change:
    """New versions of files of a folder, which come into force together in `commit`.

    Who makes one holds the folder's lock, best by `changing`; a folder of another manifest is refused. What a
    change that was killed left is finished or removed first. A change of which a file cannot be written, as
    on a full disk, leaves nothing.
    """

    def __init__(self, folder: Path, manifest: str) -> None:
        self._folder, self._manifest = folder, manifest
        self._written: dict[str, str] = {}
        _refuse_others(folder, manifest)
        settle(folder, manifest)

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """A temporary path to write the new version of the file `name` to.

        Raises:
            DataError: it cannot be written.
        """
        path = self._folder / name
        waiting = path.with_name(f".{path.name}{_NEW}")
        with self._leaving_nothing():
            with replacing(waiting) as temporary:
                yield temporary
            digest = sha256_of(waiting)
            rename(waiting, _hidden(path, digest))
        self._written[name] = digest

    def commit(self, values: Mapping[str, Any], kept: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Write the manifest: `values`, and the digests of the files written and `kept`; its new values."""
        files = {**(kept or {}), **self._written}
        with self._leaving_nothing():
            for folder in {(self._folder / name).parent for name in self._written}:
                flush(folder)
            plain = write_manifest(self._folder / self._manifest, {**values, FILES: files})
        settle(self._folder, self._manifest)
        return plain

    @contextmanager
    def _leaving_nothing(self) -> Iterator[None]:
        """Removes the new files that are not in force after an error."""
        try:
            yield
        except Exception:
            with suppress(OSError):
                settle(self._folder, self._manifest)
            raise


def settle(folder: Path, manifest: str) -> None:
    """Finish or remove what a killed change left: files in force take their own names, others are removed, as
    are half-written ones. The caller holds the lock of `folder`."""
    try:
        files = Manifest.read(folder / manifest, "").files if paths.is_file(folder / manifest) else {}
    except DataError:  # it must not decide what is removed
        return
    for name, digest in files.items():
        hidden = _hidden(folder / name, digest)
        if paths.is_file(hidden):
            move(hidden, folder / name)
    inner = paths.folders_in(folder) if stored(folder) is None else []  # tables lie beside their manifest
    for one in (folder, *(folder / name for name in inner)):
        sweep_folder(one)
        for left in paths.files_in(one, f".*{_NEW}"):
            remove(left)
