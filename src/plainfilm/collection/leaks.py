"""Refuses training and test data with common patients, which would inflate a score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set

import numpy as np
from numpy.typing import NDArray

from plainfilm.collection.collection import Collection
from plainfilm.errors import LeakageError
from plainfilm.seeding import stable_hash
from plainfilm.sources.common.person_ids import person_key

Part = tuple[Collection, str]
"""A collection and the name of one of its splits."""

_AT_ONCE = 1 << 16
"""Patients whose keys are made together."""


def patients_of(parts: Iterable[Part]) -> set[str]:
    """The patients of some splits."""
    return {patient for collection, split in parts for patient in collection.patients_of(split).to_pylist()}


def patient_keys(parts: Iterable[Part]) -> NDArray[np.int64]:
    """The patients of some splits as sorted hashes of their corpus and id, for storage with a model."""
    empty = np.empty(0, dtype=np.int64)
    return np.unique(np.concatenate([empty, *(_as_array(block) for block in _keyed(parts))]))


def check_unseen(keys: NDArray[np.int64], test: Iterable[Part]) -> None:
    """Check that no patient of `test` is among the `patient_keys` of a model's training data.

    Raises:
        LeakageError: there are common patients.
    """
    test = list(test)
    _refuse(seen_among(keys, test), "the training data of the model", _named(test))


def seen_among(keys: NDArray[np.int64], test: Iterable[Part]) -> set[str]:
    """The patients of `test` that are among the `patient_keys` of a model's training data."""
    seen: dict[int, str] = {}
    for block in _keyed(test):
        own = _as_array(block)
        seen |= {key: block[key] for key in own[np.isin(own, keys)].tolist()}
    return {*seen.values()}


def _keyed(parts: Iterable[Part]) -> Iterator[dict[int, str]]:
    """The patients by their keys, in blocks, as a corpus may have millions."""
    for collection, split in parts:
        patients = collection.patients_of(split)
        for start in range(0, len(patients), _AT_ONCE):
            yield keys_of(collection.corpus, patients.slice(start, _AT_ONCE).to_pylist())


def _as_array(keyed: Mapping[int, str]) -> NDArray[np.int64]:
    return np.fromiter(keyed, dtype=np.int64, count=len(keyed))


def keys_of(corpus: str, patients: Iterable[str]) -> dict[int, str]:
    """`patients` of a corpus by their keys, two for each: the same number in two corpora is not the same
    patient.

    A patient has a key as spelled, which older models remember, and one that `7`, `007` and `7.0` share.
    """
    return {
        stable_hash("patient", corpus, spelling): patient
        for patient in patients
        for spelling in (patient, person_key(patient))
    }


def check_patients_apart(train: Iterable[Part], test: Iterable[Part]) -> None:
    """Check that no patient is on both sides.

    Raises:
        LeakageError: there are common patients; the message has their number and some of their ids.
    """
    train, test = list(train), list(test)
    _refuse(seen_among(patient_keys(test), train), _named(train), _named(test))


def refuse_shared(first: Set[str], second: Set[str], first_name: str, second_name: str) -> None:
    """Check that two sets of patients (or of other ids) are disjoint.

    Raises:
        LeakageError: they are not.
    """
    _refuse(first & second, first_name, second_name)


def _refuse(patients: Set[str], first_name: str, second_name: str) -> None:
    shared = sorted(patients)
    if shared:
        few = ", ".join(shared[:3]) + (", ..." if len(shared) > 3 else "")
        raise LeakageError(
            f"{len(shared)} patients are in both {first_name} and {second_name} ({few}): a score on them "
            "would mean nothing; split by patient, or, if other people share these ids, prepare with another "
            "corpus or a patient prefix"
        )


def _named(parts: Iterable[Part]) -> str:
    return " + ".join(f"{collection.name}:{split}" for collection, split in parts)
