"""The contract of a source: one file that reads one published raw layout.

A source module has two names:

    Config                       a `config.Settings`: the options of this source
    read(raw, config)            the studies of the raw folder or file, one after another

and may have two more:

    complete(study, config)      the study with what takes long to read filled in, or rejections as well;
                                 it is called in parallel and may read nothing but the study's `files`
    CORPUS                       whose patients these are, where several sources read one corpus
                                 ("mimic-cxr"); the source's own name otherwise

`read` yields `Study` objects and, for what cannot become one, `Rejection` objects, always in the same
order for the same raw data; it opens tables and lists files but never decodes an image or parses a
report: that happens in parallel, later. With `config.tables_only` it takes no notice of which films are on
disk. It raises `SourceError` only where nothing at all can be read
(no such folder, a required table missing).

The readers of single cells below (`view_of`, `split_of`, ...) are shared by the sources.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol, cast

from plainfilm import plugins
from plainfilm.config import Settings
from plainfilm.types import SPLITS, Rejection, State, Study, View


class SourceConfig(Settings):
    """The options that every source has. tables_only: read what the tables say of films that are not here."""

    tables_only: bool = False


class Source(Protocol):
    """What a module of this folder offers."""

    Config: type[Settings]

    def read(self, raw: Path, config: Any) -> Iterator[Study | Rejection]:
        """The studies of `raw`, and what of it could not be used."""
        ...


def source(name: str) -> Source:
    """The source called `name` (see `plugins.resolve`)."""
    return cast(Source, plugins.resolve("source", name))


def corpus_of(name: str, config: Settings) -> str:
    """Whose patients the source called `name` reads: the same number in two corpora is two people."""
    stated = getattr(config, "corpus", None) or getattr(source(name), "CORPUS", None)
    return str(stated or name)


def completed(name: str, studies: Iterable[Study], config: Settings) -> Iterator[Study | Rejection]:
    """`studies` after the source's `complete`, where it has one."""
    complete = getattr(source(name), "complete", None)
    for study in studies:
        if complete is None:
            yield study
        else:
            yield from complete(study, config)


_VIEWS = {
    "pa": View.PA,
    "posteroanterior": View.PA,
    "ap": View.AP,
    "ap axial": View.AP,
    "anteroposterior": View.AP,
    "ap erect": View.AP,
    "ap portable": View.AP,
    "portable": View.AP,
    "ap supine": View.AP_SUPINE,
    "ap horizontal": View.AP_SUPINE,
    "supine": View.AP_SUPINE,
    "lateral": View.LATERAL,
    "lat": View.LATERAL,
    "l": View.LATERAL,
    "ll": View.LATERAL,
    "rl": View.LATERAL,
    "left lateral": View.LATERAL,
    "right lateral": View.LATERAL,
    "xtable lateral": View.LATERAL,
}

_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validate": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}

_WORDS_OF_STATES = {
    State.POSITIVE: "positive pos true t yes y present + ja oui si sí sim да 是 有 阳性 陽性 あり 유 양성",
    State.NEGATIVE: "negative neg false f no n absent nein non não нет 否 无 無 阴性 陰性 なし 무 음성",
    State.UNCERTAIN: "uncertain unsure u maybe possible equivocal indeterminate ?",
}
_STATES = {word: state for state, words in _WORDS_OF_STATES.items() for word in words.split()}
_STATES["not present"] = State.NEGATIVE
_MINUS = str.maketrans(dict.fromkeys("−‐‑–—﹣－", "-") | {"＋": "+"})

_SEXES = {"f": "F", "female": "F", "m": "M", "male": "M"}

_SHOWN = 60

BLANK_WORDS = frozenset({"", "nan", "none", "null", "na", "n/a"})
"""What a cell without a value holds, in any case."""


def is_blank(cell: str) -> bool:
    """True for an empty cell and for the usual ways of writing one (`nan`, `None`, `NA`)."""
    return cell.strip().lower() in BLANK_WORDS


def view_of(cell: str) -> View:
    """The view a cell names; obliques, decubitus films and blanks are `unknown`.

    >>> view_of("LL"), view_of("antero-posterior"), view_of("AP_SUPINE"), view_of("LAO")
    (<View.LATERAL: 'LATERAL'>, <View.AP: 'AP'>, <View.AP_SUPINE: 'AP_SUPINE'>, <View.UNKNOWN: 'unknown'>)
    """
    folded = " ".join(cell.lower().replace("-", "").replace("_", " ").split())
    return _VIEWS.get(folded, View.UNKNOWN)


def split_of(cell: str) -> str | None:
    """The split a cell or file name means, or `None` where it means none.

    >>> split_of("validate"), split_of("Train"), split_of("fold 3")
    ('validation', 'train', None)
    """
    return _SPLITS.get(cell.strip().lower())


def split_named(file: Path) -> str | None:
    """The split that a word of a file's name means, as in `instances_val2017.json`."""
    words = re.findall(r"[a-z]+", file.name.lower())
    return next((split for word in words if (split := split_of(word))), None)


def by_split(files: Iterable[Path]) -> list[tuple[Path, str]]:
    """The files whose names mean a split, with it: those for training, then validation, then testing."""
    named = [(file, split) for file in files if (split := split_named(file))]
    return sorted(named, key=lambda pair: (SPLITS.index(pair[1]), pair[0]))


@functools.lru_cache(maxsize=4096)
def state_of(cell: str) -> State | None:
    """The state a cell holds: 1, 0, -1 (also written 1.0) or a word for one; `None` where it is not one.

    A lone `-` is none: it may mean negative, or that nothing is stated.

    >>> state_of("1.0"), state_of("-1"), state_of("2"), state_of("Yes"), state_of("absent")
    (<State.POSITIVE: 1>, <State.UNCERTAIN: -1>, None, <State.POSITIVE: 1>, <State.NEGATIVE: 0>)
    """
    text = cell.strip().lower().translate(_MINUS)
    word = _STATES.get(text)
    number = number_of(text.replace(",", ".")) if word is None else None
    return State(int(number)) if number in (-1.0, 0.0, 1.0) and number is not None else word


def shown(cell: str) -> str:
    """A cell as a message quotes it: its beginning where it is long."""
    return cell if len(cell) <= _SHOWN else f"{cell[:_SHOWN]}..."


def no_state(observation: str, cell: str) -> str:
    """Why a label is refused."""
    return f"label {observation} is '{shown(cell)}': expected 1, 0, -1 or blank"


def not_understood(name: str, cell: str) -> str:
    """Why something that a study can do without is left out of it."""
    return f"{name} '{shown(cell)}' is not understood; the study is kept without it"


def number_of(cell: str) -> float | None:
    """The finite number a cell holds, or `None`."""
    try:
        number = float(cell)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def age_of(cell: str) -> float | None:
    """Years: a plain number, or DICOM's age string (`063Y`, `018M`, `012W`, `030D`); 0 to 130 or `None`.

    >>> age_of("63.0"), age_of("063Y"), age_of("018M"), age_of("61,5"), age_of("old")
    (63.0, 63.0, 1.5, 61.5, None)
    """
    text = re.sub(r"^(\d+),(\d{1,2})(?=\D?$)", r"\1.\2", cell.strip().upper())
    per_year = {"Y": 1.0, "M": 12.0, "W": 52.1775, "D": 365.2425}.get(text[-1:], 0.0)
    number = number_of(text[:-1] if per_year else text)
    years = number / (per_year or 1.0) if number is not None else None
    return years if years is not None and 0.0 <= years <= 130.0 else None


def sex_of(cell: str) -> str | None:
    """ "F" or "M", or `None` where the cell says neither."""
    return _SEXES.get(cell.strip().lower())
