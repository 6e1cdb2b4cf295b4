"""What tests of tasks share."""

from __future__ import annotations

import shutil

import pyarrow as pa
import pytest

from plainfilm.collection import Collection
from plainfilm.collection.rewriting import rewrite


@pytest.fixture(scope="session")
def divided(small_world, tmp_path_factory):
    """The small world with half of its training patients for validation."""
    folder = tmp_path_factory.mktemp("divided") / "collection"
    shutil.copytree(small_world.path, folder)
    collection = Collection.open(folder)
    studies = collection.table("studies")
    patients = [int(patient.removeprefix("p")) for patient in studies["patient_id"].to_pylist()]
    splits = [
        "validation" if split == "train" and patient % 3 else split
        for patient, split in zip(patients, studies["split"].to_pylist(), strict=True)
    ]
    place = studies.schema.get_field_index("split")
    field = studies.schema.field("split")
    rewrite(collection, "studies", [studies.set_column(place, field, pa.array(splits))])
    return collection
