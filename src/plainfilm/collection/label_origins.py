"""The origins of a collection's labels, and the default choice among them.

An origin is the source of a label: a published table, a reader, a version of Plainfilm's labeller. A name
stands for the origin of that name and for all origins that start with it and a slash: "mimic-cxr" for
"mimic-cxr/chexpert" and "mimic-cxr/negbio".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plainfilm.collection.collection import Collection
from plainfilm.collection.row_index import index_of, studies_of
from plainfilm.errors import DataError, nearest

ItemKind = Literal["images", "reports", "sentences"]
"""The kinds of labelled items: an image (by itself or through its study), a study's report, a sentence."""

LABELLER = "plainfilm-"
"""The common prefix of the origins of Plainfilm's own labeller."""

_TARGETS: Mapping[ItemKind, tuple[str, ...]] = {
    "images": ("image", "study"),
    "reports": ("study",),
    "sentences": ("sentence",),
}
"""An origin labels a kind of item if it labels any of these targets."""


_LABELS_AT_ONCE = 1 << 16


def origins(collection: Collection, targets: Sequence[str] = ("study", "image")) -> list[str]:
    """The origins of the labels of these targets, in alphabetical order."""
    return sorted({origin for origin, target in _pairs(collection) if target in targets})


def is_from(origin: str, name: str) -> bool:
    """Whether `name` stands for `origin`."""
    return origin == name or origin.startswith(f"{name}/")


def preferred_origins(collection: Collection, names: Sequence[str]) -> list[str]:
    """The origins of study and image labels for the first of `names` that has any; without names, all that
    are not from Plainfilm's labeller."""
    present = origins(collection)
    for name in names:
        if matching := [origin for origin in present if is_from(origin, name)]:
            return matching
    return [origin for origin in present if not origin.startswith(LABELLER)]


def check_origins(collections: Sequence[Collection], names: Iterable[str]) -> None:
    """Check that every name stands for an origin of some collection.

    Raises:
        DataError: a name does not; the message has the nearest.
    """
    known = {origin for collection in collections for origin in origins(collection)}
    for name in names:
        if not any(is_from(origin, name) for origin in known):
            raise DataError(f"no collection has labels from '{name}': {nearest(name, known)}")


def choose_origins(
    collections: Sequence[Collection],
    kinds: Sequence[ItemKind],
    split: str | None = None,
    wanted: str | None = None,
    learned: Sequence[str] | None = None,
) -> list[tuple[str, ...]]:
    """For each collection, the origins to read for the items of a split (`None`: of all splits).

    With `wanted`, the origins it stands for. Otherwise, if they have labels of the split, the origins that a
    model trained on the origins `learned` has read (see `preferred_origins`; `None`: it was trained without
    labels). Otherwise the only one with labels of the split. An origin must label all `kinds`, in every
    collection.

    Raises:
        DataError: `wanted` is unknown; there are no labels; or several origins have labels of the split.
    """
    usable = [_usable(collection, kinds) for collection in collections]
    shared = sorted(set.intersection(*map(set, usable)))
    where = ", ".join(str(collection.path) for collection in collections)
    items = _listed(kinds)
    if wanted is not None:
        matching = tuple(origin for origin in shared if is_from(origin, wanted))
        if not matching:
            raise DataError(f"{where}: no labels of {items} from '{wanted}': {nearest(wanted, shared)}")
        return [matching] * len(collections)
    targets = targets_of(kinds)
    counts = [labelled_studies(collection, split, targets) for collection in collections]
    if learned is not None:
        shown = [
            tuple(name for name in _shown(collection, learned) if name in own)
            for collection, own in zip(collections, usable, strict=True)
        ]
        if all(shown) and any(
            count[name] for count, names in zip(counts, shown, strict=True) for name in names
        ):
            return shown
    if not shared:
        raise DataError(f"{where}: no labels of its {items}; run `plainfilm label {collections[0].path}`")
    total = {name: sum(count[name] for count in counts) for name in shared}
    candidates = [name for name in shared if total[name]] or shared
    if len(candidates) > 1:
        raise DataError(_ambiguous(where, {name: total[name] for name in candidates}, split))
    return [tuple(candidates)] * len(collections)


def targets_of(kinds: Sequence[ItemKind]) -> tuple[str, ...]:
    """The targets whose labels are of these kinds of items."""
    return tuple(dict.fromkeys(target for kind in kinds for target in _TARGETS[kind]))


def labelled_studies(
    collection: Collection, split: str | None = None, targets: Sequence[str] = ("study", "image")
) -> dict[str, int]:
    """By origin, the number of studies of a split (`None`: of all) with a label of one of the `targets`: of
    the study, of one of its images or of one of its sentences."""
    names = pa.array(origins(collection, targets), pa.string())
    studies = index_of(collection, "study")
    has_labels = np.zeros((len(names), len(studies)), dtype=bool)
    for target in targets:
        index = studies if target == "study" else index_of(collection, target)
        study_of = studies_of(collection, target, studies)
        for _, labels in label_batches(collection, [target]):
            rows = index.rows(labels["target_id"])
            known = rows >= 0
            has_labels[positions(labels["origin"], names)[known], study_of[rows[known]]] = True
    if split is not None:
        has_labels &= pc.equal(collection.columns("studies", ["split"])["split"], split).to_numpy()
    return dict(zip(names.to_pylist(), has_labels.sum(axis=1).tolist(), strict=True))


def positions(values: pa.ChunkedArray | pa.Array, among: pa.ChunkedArray | pa.Array) -> NDArray[np.int64]:
    """(N,): the index of each of N `values` among distinct ones; -1 if it is missing."""
    indices = pc.index_in(values, value_set=among if isinstance(among, pa.Array) else among.combine_chunks())
    return pc.fill_null(indices, -1).to_numpy().astype(np.int64)


def label_batches(
    collection: Collection, targets: Sequence[str], names: Sequence[str] | None = None
) -> Iterator[tuple[str, pa.Table]]:
    """The labels of studies, images or sentences (`targets`) from the origins `names` (`None`: from all), in
    parts, each with its target."""
    columns = ["target_id", "observation", "state", "origin"]
    for batch in collection.batches("labels", _LABELS_AT_ONCE, ["target", *columns]):
        labels = pa.Table.from_batches([batch])
        if names is not None:
            labels = labels.filter(pc.is_in(labels["origin"], pa.array(list(names), pa.string())))
        for target in targets:
            yield target, labels.filter(pc.equal(labels["target"], target)).select(columns)


def _pairs(collection: Collection) -> set[tuple[str, str]]:
    """(origin, target) of all labels."""
    columns = ["origin", "target"]
    found: set[tuple[str, str]] = set()
    for batch in collection.batches("labels", _LABELS_AT_ONCE, columns):
        pairs = pa.Table.from_batches([batch]).group_by(columns).aggregate([])
        found.update(zip(*(pairs[name].to_pylist() for name in columns), strict=True))
    return found


def _usable(collection: Collection, kinds: Sequence[ItemKind]) -> list[str]:
    """The origins that label all `kinds`."""
    targets: dict[str, set[str]] = {}
    for origin, target in _pairs(collection):
        targets.setdefault(origin, set()).add(target)
    return sorted(
        origin for origin, own in targets.items() if all(own.intersection(_TARGETS[kind]) for kind in kinds)
    )


def _shown(collection: Collection, learned: Sequence[str]) -> list[str]:
    """The origins of a collection that a model trained on `learned` would read."""
    is_there = any(is_from(origin, name) for origin in origins(collection) for name in learned)
    return preferred_origins(collection, learned) if is_there or not learned else []


def _listed(kinds: Sequence[ItemKind]) -> str:
    return " and ".join({"images": "films or studies", "reports": "studies"}.get(one, one) for one in kinds)


def _ambiguous(where: str, counts: Mapping[str, int], split: str | None) -> str:
    names = ", ".join(f"{name}: {count} studies" for name, count in counts.items())
    part = "" if split is None else f" of split '{split}'"
    return f"{where}: labels{part} from several origins ({names}); choose one with labels=ORIGIN"
