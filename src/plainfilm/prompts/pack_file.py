"""Files of prompt packs: YAML (docs/prompts.md explains its keys), or the JSON of CXR-CLIP.

CXR-CLIP's files (https://github.com/Soombit-ai/cxr-clip) are `{"Observation": {"pos": [...], "neg": [...],
"unc": [...]}}`; existing ones can be used. A blank in them stands for "no sentence". A plain list of texts,
as its CGMH fork ranks for one film, is a pack too: each text names what it says, and nothing denies it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from plainfilm.config import Settings, build, read_yaml
from plainfilm.errors import ConfigError, DataError, nearest
from plainfilm.io.tables import read_json
from plainfilm.types import State

STATES: dict[str, State] = {
    "positive": State.POSITIVE,
    "negative": State.NEGATIVE,
    "uncertain": State.UNCERTAIN,
}
"""The keys of an observation, and the states of their sentences."""

_SHORT = {"pos": "positive", "neg": "negative", "unc": "uncertain"}
_FOLDER = Path(__file__).parent / "packs"


class Entry(Settings):
    """The sentences of one observation.

    words: fillers of slots, before the words of the pack. implies: observations implied by a sentence about
    this one, such as Lung Opacity by pneumonia; they are never denied beside it. labelled_as: the name in the
    labeller's vocabularies, if it differs.
    """

    words: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    uncertain: tuple[str, ...] = ()
    implies: tuple[str, ...] = ()
    labelled_as: str | None = None

    def patterns(self, key: str) -> tuple[str, ...]:
        """The patterns under a key of `STATES`."""
        return {"positive": self.positive, "negative": self.negative, "uncertain": self.uncertain}[key]


class PackFile(Settings):
    """A prompt pack as written in its file, before its patterns are expanded.

    vocabularies: the labeller vocabularies for its check; the first that knows an observation is used.
    normal: the observation of a film without findings. aliases: other names of observations. sets: named
    lists of its observations.
    """

    name: str
    version: int = Field(ge=1)
    language: str = "en"
    vocabularies: tuple[str, ...] = ()
    normal: str | None = None
    aliases: dict[str, str] = Field(default_factory=dict)
    sets: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    words: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    observations: dict[str, Entry] = Field(min_length=1)


def pack_names() -> list[str]:
    """The names of the shipped packs."""
    return sorted(file.stem for file in _FOLDER.glob("*.yaml"))


def pack_path(name: str | Path) -> Path:
    """The file of a shipped pack, or `name` itself if it is the name of a file.

    Raises:
        ConfigError: no such pack; the message has the nearest name.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml", ".json"):
        return path
    if str(name) not in pack_names():
        raise ConfigError(
            f"unknown prompt pack '{name}': {nearest(str(name), pack_names())}; or a .yaml file"
        )
    return _FOLDER / f"{name}.yaml"


def read_pack_file(path: Path) -> PackFile:
    """The pack in a file.

    Raises:
        ConfigError: no such file, or not a pack; the message names file and key.
    """
    values = _of_json(path) if path.suffix == ".json" else read_yaml(path)
    observations = values.get("observations")
    if isinstance(observations, dict):
        built = {str(name): _built(path, str(name), entry) for name, entry in observations.items()}
        values = {**values, "observations": built}
    return build(PackFile, values, str(path))


def _built(path: Path, name: str, entry: Any) -> Entry:
    if not isinstance(entry, dict):
        raise ConfigError(f"{path}: {name} is {entry!r}: it takes the keys {', '.join(Entry.model_fields)}")
    return build(Entry, entry, f"{path}: {name}")


def _of_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ConfigError(f"{path}: no such file")
    try:
        loaded = read_json(path)
    except DataError as error:
        raise ConfigError(str(error)) from None
    if isinstance(loaded, list) and loaded and all(isinstance(text, str) for text in loaded):
        loaded = {text.strip(): {"pos": [text.strip()]} for text in loaded if text.strip()}
    if not isinstance(loaded, dict) or not all(isinstance(entry, dict) for entry in loaded.values()):
        raise ConfigError(
            f'{path}: is neither a list of texts nor {{"Observation": {{"pos": [], "neg": [], "unc": []}}}}'
        )
    observations = {name: _entry(path, name, entry) for name, entry in loaded.items()}
    return {"name": path.stem, "version": 1, "observations": observations}


def _entry(path: Path, name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    for key in entry:
        if key not in _SHORT:
            raise ConfigError(f"{path}: {name} has the key '{key}': {nearest(key, _SHORT)}")
    return {_SHORT[key]: _without_blanks(value) for key, value in entry.items()}


def _without_blanks(sentences: Any) -> Any:
    if not isinstance(sentences, list):
        return sentences
    return [text for text in sentences if not isinstance(text, str) or text.strip()]
