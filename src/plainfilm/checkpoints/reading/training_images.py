"""The list of training films that a family publishes, as the patients that an evaluation must not hold.

Such a list names files of several corpora. Where a corpus has its patients in the paths of its films
(MIMIC-CXR, CheXpert, ChestX-ray14), they are read from there, whatever the columns of the list are called;
films of others are counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from plainfilm.collection.leaks import keys_of
from plainfilm.errors import ModelError
from plainfilm.io.files import sha256_of
from plainfilm.model_folder import PatientKeys

_PATIENTS = {
    "mimic-cxr": re.compile(r"\b(p\d{8})/s\d{8}\b"),
    "chexpert": re.compile(r"\b(patient\d+)/study\d+\b"),
    "nih14": re.compile(r"\b(\d{8})_\d{3}\.(?:png|jpg)\b"),
}
"""By the corpus as `Collection.corpus` names it."""
_LONGEST_LINE = 4096


@dataclass(frozen=True)
class TrainingImages:
    """keys: of the patients (`collection.leaks`). facts: what a model folder should say of the list."""

    keys: PatientKeys
    facts: dict[str, Any]


def read_training_images(file: Path) -> TrainingImages:
    """The patients of the films that `file`, a table with one film a line, lists.

    Raises:
        ModelError: no such file, no text, or no film of a corpus whose patients are known.
    """
    found: dict[str, set[str]] = {corpus: set() for corpus in _PATIENTS}
    films = unknown = 0
    for line in _lines(file):
        films += 1
        corpus, patient = _patient_in(line)
        if corpus is None:
            unknown += 1
        else:
            found[corpus].add(patient)
    patients = {corpus: len(names) for corpus, names in found.items() if names}
    if not patients:
        raise ModelError(
            f"{file}: none of its {films} lines names a film of {', '.join(_PATIENTS)} by its path; it is no "
            "list of training films"
        )
    keys = np.unique(np.array([key for corpus, names in found.items() for key in keys_of(corpus, names)]))
    facts = {"file": file.name, "sha256": sha256_of(file), "films": films, "patients": patients}
    return TrainingImages(keys, {**facts, "films of unknown patients": unknown})


def _lines(file: Path) -> Iterator[str]:
    """The lines of a table after its header."""
    try:
        with file.open(encoding="utf-8-sig") as lines:
            next(lines, None)
            for line in lines:
                yield line[:_LONGEST_LINE]
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{file}: cannot be read as a list of training films ({error})") from None


def _patient_in(line: str) -> tuple[str | None, str]:
    """The corpus and patient of the film that a line names, if they are known."""
    matches = ((corpus, pattern.search(line)) for corpus, pattern in _PATIENTS.items())
    return next(((corpus, match[1]) for corpus, match in matches if match), (None, ""))
