from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.collection import Collection, check_patients_apart, patients_of, prepare
from plainfilm.collection.leaks import check_unseen, patient_keys
from plainfilm.errors import LeakageError


@pytest.fixture
def collection(tmp_path: Path, write_table) -> Collection:
    raw = write_table(4)
    lines = raw.read_text().splitlines()
    splits = ("split", "train", "test", "train", "validation")
    raw.write_text("\n".join(f"{line},{split}" for line, split in zip(lines, splits, strict=True)))
    return prepare("table", raw, tmp_path / "films", size=32, workers=1)


def test_patients_of_a_split(collection: Collection) -> None:
    assert patients_of([(collection, "train")]) == {"patient0", "patient1"}
    assert patients_of([(collection, "test"), (collection, "validation")]) == {"patient0", "patient1"}


def test_shared_patients_are_named_and_counted(collection: Collection) -> None:
    with pytest.raises(LeakageError, match=r"1 patients are in both films:train and films:test \(patient0\)"):
        check_patients_apart([(collection, "train")], [(collection, "test")])


def test_disjoint_patients_pass(collection: Collection) -> None:
    check_patients_apart([(collection, "test")], [(collection, "validation")])


def test_patients_a_model_has_seen_are_found_by_their_keys(collection: Collection) -> None:
    keys = patient_keys([(collection, "train")])
    assert len(keys) == 2
    with pytest.raises(LeakageError, match=r"the training data of the model and films:test \(patient0\)"):
        check_unseen(keys, [(collection, "test")])


def test_patients_a_model_has_not_seen_pass(collection: Collection) -> None:
    check_unseen(patient_keys([(collection, "test")]), [(collection, "validation")])


def test_the_same_number_in_two_corpora_is_two_patients(tmp_path: Path, write_table) -> None:
    raw = write_table(2)
    here, elsewhere = (
        prepare("table", raw, tmp_path / name, size=32, workers=1, options={"corpus": name})
        for name in ("here", "elsewhere")
    )
    (split,) = {*here.table("studies")["split"].to_pylist()}
    assert patients_of([(here, split)]) == patients_of([(elsewhere, split)])
    keys = [patient_keys([(one, split)]) for one in (here, elsewhere)]
    assert not {*keys[0].tolist()} & {*keys[1].tolist()}
    check_patients_apart([(here, split)], [(elsewhere, split)])
    check_unseen(keys[0], [(elsewhere, split)])
    with pytest.raises(LeakageError):
        check_unseen(keys[0], [(here, split)])
