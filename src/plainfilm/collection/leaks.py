"""Refuses training and test data that share patients: a score on them would flatter."""

from __future__ import annotations

from collections.abc import Iterable, Set

from plainfilm.collection.collection import Collection
from plainfilm.errors import LeakageError

Part = tuple[Collection, str]
"""A collection and the name of one of its splits."""


def patients_of(parts: Iterable[Part]) -> set[str]:
    """The patients of some splits."""
    return {
        patient
        for collection, split in parts
        for patient, splits in collection.split_of_patients().items()
        if split in splits
    }


def check_patients_apart(train: Iterable[Part], test: Iterable[Part]) -> None:
    """Checks that no patient is on both sides.

    Raises:
        LeakageError: some are; names a few of them and how many there are.
    """
    train, test = list(train), list(test)
    refuse_shared(patients_of(train), patients_of(test), _named(train), _named(test))


def refuse_shared(first: Set[str], second: Set[str], first_name: str, second_name: str) -> None:
    """Checks that two sets of patients (or of anything that stands for them) are disjoint.

    Raises:
        LeakageError: they are not.
    """
    shared = sorted(first & second)
    if shared:
        few = ", ".join(shared[:3]) + (", ..." if len(shared) > 3 else "")
        raise LeakageError(
            f"{len(shared)} patients are in both {first_name} and {second_name} ({few}): a score on them "
            "would mean nothing; split by patient, or, if other people share these ids, prepare with a "
            "patient prefix"
        )


def _named(parts: Iterable[Part]) -> str:
    return " + ".join(f"{collection.name}:{split}" for collection, split in parts)
