"""Finds what a manifest asks for among what was given, and says where to get the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from plainfilm.collection import Collection
from plainfilm.collection.collection import META
from plainfilm.download.corpus_index import corpus, corpus_names
from plainfilm.errors import DataError, UsageError, nearest
from plainfilm.io.folders import default_raw
from plainfilm.reproduce.manifest import Paper


@dataclass(frozen=True)
class Missing:
    """What is not there: its name, and where to get it."""

    name: str
    remedy: str


@dataclass(frozen=True)
class Given:
    """Where things lie: weights by model, raw folders or collections by corpus."""

    weights: Mapping[str, Path] = field(default_factory=dict)
    data: Mapping[str, Path] = field(default_factory=dict)


def given(paper: Paper, weights: Sequence[str], data: Sequence[str]) -> Given:
    """What the words PATH and NAME=PATH stand for in a paper; a corpus that is not named is looked for where
    the environment says (`io.folders`).

    Raises:
        UsageError: a name that the manifest does not have, or a path whose name has to be said.
        DataError: no such file.
    """
    found: dict[str, Path] = {}
    for word in weights:
        found |= _weights(paper, word)
    return Given(found, _from_environment(paper) | _all_data(paper, data))


def _weights(paper: Paper, word: str) -> dict[str, Path]:
    name, path = _split(word, paper.weights, "weights")
    if name is not None:
        return {name: path}
    if not paper.weights:
        raise UsageError(f"--weights {word}: no weights are published for this paper; its models are trained")
    if path.is_dir():
        inside = {model: file for model in paper.weights for file in _matching(paper, model, path)}
        if inside:
            return inside
    fitting = [model for model, entry in paper.weights.items() if path.match(str(entry.file))]
    names = fitting or list(paper.weights)
    if len(names) == 1 and not path.is_dir():
        return {names[0]: path}
    wanted = ", ".join(str(entry.file) for entry in paper.weights.values())
    raise UsageError(
        f"--weights {word}: is or holds none of {wanted}; write NAME={word}, NAME one of "
        f"{', '.join(paper.weights)}"
    )


def _matching(paper: Paper, model: str, folder: Path) -> list[Path]:
    return sorted(folder.glob(str(paper.weights[model].file)))[-1:]


def _all_data(paper: Paper, words: Sequence[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for word in words:
        name, path = _split(word, paper.corpora, "data")
        for one in [name] if name is not None else _corpora_of(paper, path, word):
            found[one] = path
    return found


def _corpora_of(paper: Paper, path: Path, word: str) -> list[str]:
    """The corpora that an unnamed path is: a collection by its source, a raw folder if there is one alone."""
    if (path / META).is_file():
        source = Collection.open(path).meta["source"]["name"]
        fitting = [name for name, entry in paper.corpora.items() if entry.source == source]
        if not fitting:
            wanted = ", ".join(sorted({entry.source for entry in paper.corpora.values()}))
            raise UsageError(f"--data {word}: is a collection of {source}; the paper needs {wanted}")
        return fitting
    if len(paper.corpora) == 1:
        return list(paper.corpora)
    raise UsageError(
        f"--data {word}: say which corpus it is, NAME={word}, NAME one of {', '.join(paper.corpora)}"
    )


def _split(word: str, known: Mapping[str, object], option: str) -> tuple[str | None, Path]:
    """(NAME, PATH) of a word; no name where it is a path alone."""
    name, separator, rest = word.partition("=")
    path = Path(word)
    if separator and name in known:
        path = Path(rest)
    elif separator and not path.exists():
        raise UsageError(f"--{option} {word}: no '{name}' in this paper: {nearest(name, known)}")
    else:
        name = ""
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    return name or None, path


def _from_environment(paper: Paper) -> dict[str, Path]:
    places = {name: default_raw(entry.source) for name, entry in paper.corpora.items()}
    return {name: path for name, path in places.items() if path is not None and path.is_dir()}


def missing_weights(paper: Paper, model: str) -> Missing:
    """Where to get the weights of a model."""
    entry = paper.models[model]
    return Missing(f"weights {model} ({entry.file})", f"{entry.origin}; then --weights {model}=FILE")


def missing_companion(paper: Paper, model: str, option: str) -> Missing:
    """Where to get what an import needs beside its weights."""
    companion = paper.models[model].companions[option]
    return Missing(f"{option} of {model} ({companion.file})", f"{companion.origin}; then {option}=PATH")


def missing_corpus(paper: Paper, name: str) -> Missing:
    """Where to get a corpus."""
    source = paper.corpora[name].source
    return Missing(f"corpus {name}", f"{' '.join(_ways(source))}; then --data {name}=FOLDER")


def _ways(source: str) -> Iterator[str]:
    if source not in corpus_names():
        yield f"see docs/corpora/{source}.md"
        return
    entry = corpus(source)
    yield f"{entry.title}: {entry.agreement}, needs {entry.needs};"
    yield entry.by_hand or f"plainfilm download {source} --out FOLDER"
