"""The labels of the regions of images (Chest ImaGenome): what is said of a region, affirmed or denied."""

from __future__ import annotations

import pyarrow.compute as pc

from plainfilm.collection.collection import Collection
from plainfilm.types import State

_BLOCK = 10_000


def region_labels(collection: Collection) -> dict[tuple[str, str], list[tuple[str, str, int]]]:
    """(image, region) → (observation, origin, state) of the region's labels."""
    labels = collection.table("labels")
    own = labels.filter(pc.equal(labels["target"], "region"))
    by_region: dict[tuple[str, str], list[tuple[str, str, int]]] = {}
    for batch in own.to_batches(max_chunksize=_BLOCK):
        for row in batch.to_pylist():
            image, _, region = row["target_id"].rpartition(":")
            label = (row["observation"], row["origin"], row["state"])
            by_region.setdefault((image, region), []).append(label)
    return by_region


def region_findings(collection: Collection) -> dict[tuple[str, str], dict[str, State]]:
    """(image, region) → finding → state. Where one row affirms a finding and another denies it, it is there.

    Of Chest ImaGenome, the attributes "anatomicalfinding" and "disease" are findings; what else it says of a
    region (normal, devices, textures) is left out.
    """
    found: dict[tuple[str, str], dict[str, State]] = {}
    for key, labels in region_labels(collection).items():
        for observation, origin, state in labels:
            if origin.rpartition("/")[2] in _NO_FINDINGS:
                continue
            states = found.setdefault(key, {})
            if states.get(observation) is not State.POSITIVE:
                states[observation] = State(state)
    return found


_NO_FINDINGS = ("nlp", "device", "tubesandlines", "technicalassessment", "texture", "temporal", "severity")
"""Categories of Chest ImaGenome that name no finding."""
